package profile

import (
	"errors"
	"fmt"
	"time"

	"github.com/telhub/telhub/drivers"
	"periph.io/x/conn/v3/i2c"
)

// yieldFrom is the shortest wait for which Read returns to the bus's owner;
// below that a round through the scheduler costs more than it gives.
const yieldFrom = 2 * time.Millisecond

// errNotInit is what Read gives before the identity was verified.
var errNotInit = fmt.Errorf("init has not succeeded yet: %w", drivers.ErrNotReady)

// Opts adjust a device. The zero value is complete.
type Opts struct {
	// Const replaces constants of the profile by name.
	Const map[string]float64
	// Sleep waits in Init and for less than 2 ms in Read; nil is time.Sleep.
	Sleep func(time.Duration)
}

// Device is one chip on a bus. The goroutine that owns the bus makes all
// calls.
type Device struct {
	bus   i2c.Bus
	addr  uint16
	prog  *Program
	sleep func(time.Duration)

	*Decoder
	buf     []byte // what the read steps read, end to end
	scratch []byte // what is only compared

	ready  bool          // Init succeeded
	settle time.Duration // to wait before the first Read after Init
	pc     int           // next step of the program that runs
	tries  int           // of the poll at pc
	err    Error         // the one error that the device returns
}

var _ drivers.Sensor = (*Device)(nil)

// New makes a device at addr of bus; addr 0 is the profile's default. It does
// not touch the bus: Init does.
func New(bus i2c.Bus, addr uint16, prog *Program, opts Opts) (*Device, error) {
	if addr == 0 && len(prog.addrs) > 0 {
		addr = prog.addrs[0]
	}
	if addr < 0x08 || addr > 0x77 {
		return nil, fmt.Errorf("%s: address 0x%02x: want a 7-bit address from 0x08 to 0x77", prog.name, addr)
	}
	if prog.kind != I2C {
		return nil, fmt.Errorf("%s: a profile of kind %s is not for an I2C bus", prog.name, prog.kind)
	}
	dec, err := prog.NewDecoder(opts.Const)
	if err != nil {
		return nil, err
	}
	d := &Device{
		bus: bus, addr: addr, prog: prog, sleep: opts.Sleep, Decoder: dec,
		buf: make([]byte, prog.buf), scratch: make([]byte, prog.scratch),
	}
	if d.sleep == nil {
		d.sleep = time.Sleep
	}
	return d, nil
}

// String gives profile and address.
func (d *Device) String() string { return fmt.Sprintf("%s 0x%02x", d.prog.name, d.addr) }

// Identify verifies that the chip is the profile's, without writing anything
// but register numbers and the commands that `wake` and `identify` name. Another chip
// gives ErrIdentity, silence the bus's error. A measurement that was under way
// is dropped.
func (d *Device) Identify() error {
	d.rewind()
	if _, err := d.run(d.prog.wake, true); err != nil {
		return err
	}
	_, err := d.run(d.prog.identify, true)
	return err
}

// Init verifies the identity and configures the chip. It blocks for the waits
// of the profile's init.
func (d *Device) Init() error {
	d.ready, d.settle = false, 0
	if err := d.Identify(); err != nil {
		return err
	}
	if _, err := d.run(d.prog.init, true); err != nil {
		return err
	}
	d.ready = true
	if len(d.prog.init) > 0 {
		d.settle = d.prog.time
	}
	return nil
}

// Read runs the profile's program. It returns a wait for each of its waits
// from 2 ms up and for each unsuccessful poll.
func (d *Device) Read(dst *drivers.Reading) (time.Duration, error) {
	if !d.ready {
		return 0, d.fail(&op{path: "read"}, errNotInit)
	}
	if wait := d.settle; wait > 0 {
		d.settle = 0
		if wait >= yieldFrom {
			return wait, nil
		}
		d.sleep(wait)
	}
	if wait, err := d.run(d.prog.read, false); wait > 0 || err != nil {
		return wait, err
	}
	d.Decode(d.buf, dst)
	return 0, nil
}

// rewind drops what was under way.
func (d *Device) rewind() { d.pc, d.tries = 0, 0 }

// run goes on with ops at pc until they end, fail or, unless inline, have to
// wait. Ending and failing rewind.
func (d *Device) run(ops []op, inline bool) (time.Duration, error) {
	for d.pc < len(ops) {
		o := &ops[d.pc]
		wait, err := d.step(o)
		if err != nil {
			d.rewind()
			return 0, err
		}
		if wait == 0 {
			continue
		}
		if !inline && (wait >= yieldFrom || o.kind == opPoll) {
			return wait, nil
		}
		d.sleep(wait)
	}
	d.rewind()
	return 0, nil
}

// step executes o, moves pc on when o is done, and says how long to wait.
func (d *Device) step(o *op) (time.Duration, error) {
	switch o.kind {
	case opTx:
		d.pc++
		return 0, d.transact(o, d.buf[o.at:o.at+o.n])
	case opWait:
		d.pc++
		return o.wait, nil
	}
	r := d.scratch[:o.n]
	if err := d.transact(o, r); err != nil {
		return 0, err
	}
	seen, ok := o.check.holds(r)
	switch {
	case ok:
		d.pc++
		d.tries = 0
		return 0, nil
	case o.kind == opCheck:
		return 0, d.failCompared(o, drivers.ErrIdentity, seen)
	}
	if d.tries++; d.tries >= o.attempts {
		return 0, d.failCompared(o, drivers.ErrTimeout, seen)
	}
	return o.wait, nil
}

// transact writes and reads what o says, into r, and verifies its checksums.
func (d *Device) transact(o *op, r []byte) error {
	w := o.w
	if o.stop {
		if err := d.bus.Tx(d.addr, w, nil); err != nil {
			return d.fail(o, err)
		}
		w = nil
		if o.gap > 0 {
			d.sleep(o.gap)
		}
	}
	if len(r) == 0 {
		r = nil
	}
	if err := d.bus.Tx(d.addr, w, r); err != nil {
		if o.deaf && errors.Is(err, drivers.ErrNACK) {
			return nil
		}
		return d.fail(o, err)
	}
	if want, got, ok := o.verify(d.addr, r); !ok {
		return d.failChecksum(o, want, got)
	}
	return nil
}

// Outputs lists what a device with these constants measures, as Device's
// method does, so that a configuration can be checked without a bus. All that
// is wrong with the constants is in the error.
func (p *Program) Outputs(consts map[string]float64) ([]drivers.Output, error) {
	channels, err := p.channels(consts)
	if err != nil {
		return nil, err
	}
	return p.describe(channels), nil
}

// merged gives the profile's constants with consts put over them.
func (p *Program) merged(consts map[string]float64) (map[string]float64, error) {
	all := p.Consts()
	var errs []error
	for _, name := range sortedKeys(consts) {
		v := consts[name]
		switch _, ok := all[name]; {
		case !ok:
			errs = append(errs, fmt.Errorf("%s: unknown option %q%s", p.name, name, didYouMean(name, sortedKeys(all))))
		case v-v != 0:
			errs = append(errs, fmt.Errorf("%s: option %s = %v: want a finite number", p.name, name, v))
		default:
			all[name] = v
		}
	}
	return all, errors.Join(errs...)
}
