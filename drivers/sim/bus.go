package sim

import (
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

var _ i2c.Bus = (*I2CBus)(nil)

// Chip is a device on a simulated bus. The bus serialises its calls.
type Chip interface {
	// PowerOn puts the chip into its power-on state at the instant now.
	PowerOn(now time.Time)

	// Tx serves one transaction: w is written, then, after a repeated start,
	// r is read. It reports false when the chip does not acknowledge. It keeps
	// neither slice.
	Tx(now time.Time, w, r []byte) (ack bool)
}

// busTimeout is how long a stuck transaction takes, unless SetTimeout says else.
const busTimeout = 100 * time.Millisecond

// I2CBus is a simulated I2C bus. It implements periph's i2c.Bus and does not
// allocate in Tx.
type I2CBus struct {
	name  string
	errs  busErrors
	now   func() time.Time
	sleep func(time.Duration)

	wire sync.Mutex // held for a transaction: there is one pair of wires

	mu      sync.Mutex // guards what follows
	timeout time.Duration
	fault   Fault
	slots   map[uint16]*slot
	count   uint64
}

// slot is an address with a chip.
type slot struct {
	chip  Chip
	fault Fault
}

// NewI2CBus makes a bus without chips on the real clock.
func NewI2CBus(name string) *I2CBus {
	return &I2CBus{name: name, errs: newBusErrors(name), now: time.Now, sleep: time.Sleep,
		timeout: busTimeout, slots: map[uint16]*slot{}}
}

// SetClock replaces the time that chips see and the way in which slow answers
// pass it. Call it before Attach.
func (b *I2CBus) SetClock(now func() time.Time, sleep func(time.Duration)) {
	b.now, b.sleep = now, sleep
}

// SetTimeout changes how long a stuck transaction takes.
func (b *I2CBus) SetTimeout(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timeout = d
}

// Attach puts a chip on the bus and powers it. A second chip at an address, or
// an address that I2C reserves, is a mistake in the program and panics.
func (b *I2CBus) Attach(addr uint16, c Chip) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if addr < 0x08 || addr > 0x77 {
		panic(fmt.Sprintf("sim: %s: address 0x%02x is reserved", b.name, addr))
	}
	if b.slots[addr] != nil {
		panic(fmt.Sprintf("sim: %s: address 0x%02x is taken", b.name, addr))
	}
	c.PowerOn(b.now())
	b.slots[addr] = &slot{chip: c}
}

// Detach takes the chip at addr off the bus for good.
func (b *I2CBus) Detach(addr uint16) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.slots, addr)
}

// Inject switches a fault of the whole bus on, or off with a zero Fault.
func (b *I2CBus) Inject(f Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fault.Kind == Unplugged && f.Kind != Unplugged {
		b.powerAllLocked()
	}
	b.fault = f
}

// InjectAt switches a fault of the chip at addr on, or off with a zero Fault.
// An address without a chip never acknowledges, so nothing changes there.
func (b *I2CBus) InjectAt(addr uint16, f Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.slots[addr]
	if s == nil {
		return
	}
	if s.fault.Kind == Unplugged && f.Kind != Unplugged {
		s.chip.PowerOn(b.now())
	}
	s.fault = f
}

// PowerCycle takes the supply of all chips away and gives it back.
func (b *I2CBus) PowerCycle() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.powerAllLocked()
}

func (b *I2CBus) powerAllLocked() {
	now := b.now()
	for _, s := range b.slots {
		s.chip.PowerOn(now)
	}
}

// Transactions tells how many transactions were tried since the start.
func (b *I2CBus) Transactions() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}

// String implements i2c.Bus.
func (b *I2CBus) String() string { return b.name }

// SetSpeed implements i2c.Bus; a simulated wire takes any speed.
func (b *I2CBus) SetSpeed(physic.Frequency) error { return nil }

// Tx implements i2c.Bus. Its errors are those of a real transport: errors.Is
// finds the sentinels of package drivers.
func (b *I2CBus) Tx(addr uint16, w, r []byte) error {
	b.wire.Lock()
	defer b.wire.Unlock()
	bus, at, chip, timeout := b.begin(addr)
	if bus.Kind == Unplugged {
		return &b.errs.unplugged
	}
	if at.Kind == Unplugged {
		return &b.errs.nack
	}
	for _, f := range [...]Fault{bus, at} {
		if err := b.delay(f, timeout); err != nil {
			return err
		}
	}
	if chip == nil || bus.Kind == NACK || at.Kind == NACK || !chip.Tx(b.now(), w, r) {
		return &b.errs.nack
	}
	for _, f := range [...]Fault{bus, at} {
		if err := b.spoil(f, r); err != nil {
			return err
		}
	}
	return nil
}

// begin counts a transaction and takes its faults and its chip.
func (b *I2CBus) begin(addr uint16) (bus, at Fault, chip Chip, timeout time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count++
	bus, ended := b.fault.take()
	if ended && bus.Kind == Unplugged {
		b.powerAllLocked()
	}
	if s := b.slots[addr]; s != nil {
		chip = s.chip
		at, ended = s.fault.take()
		if ended && at.Kind == Unplugged {
			chip.PowerOn(b.now())
		}
	}
	return bus, at, chip, b.timeout
}

// delay plays the faults that happen before the chip sees anything.
func (b *I2CBus) delay(f Fault, timeout time.Duration) error {
	switch {
	case f.Kind == Arbitration:
		return &b.errs.bus
	case f.Kind == Stuck, f.Kind == Slow && f.Delay >= timeout:
		b.sleep(timeout)
		return &b.errs.timeout
	case f.Kind == Slow:
		b.sleep(f.Delay)
	}
	return nil
}

// spoil plays the faults that happen to the answer.
func (b *I2CBus) spoil(f Fault, r []byte) error {
	if len(r) == 0 {
		return nil
	}
	switch f.Kind {
	case Short:
		clear(r[len(r)/2:])
		return &b.errs.short
	case Damaged:
		r[len(r)-1] ^= 1
	}
	return nil
}
