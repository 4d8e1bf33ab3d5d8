package profile

import (
	"maps"
	"slices"
	"time"
)

// Limits of a profile, so that memory and time on the bus are bounded.
const (
	maxWrite   = 256 // bytes in one write
	maxRead    = 512 // bytes that one measurement reads
	maxSteps   = 64  // in init and in read
	maxList    = 16  // addresses, identities, sentinels
	wordBytes  = 2   // data bytes between checksums of words
	maxWait    = 10 * time.Second
	maxPoll    = 30 * time.Second
	maxInit    = 5 * time.Second // of waiting in init: nobody else is served meanwhile
	minEvery   = time.Millisecond
	maxGap     = 20 * time.Millisecond // between write and read of one step: it is slept through
	maxExp     = 5                     // bits of an exponent
	stdEvery   = 5 * time.Millisecond
	stdTimeout = 100 * time.Millisecond
)

// Kind is what a profile's devices are connected to, in the words of its key
// `kind`.
type Kind string

// The kinds of profile.
const (
	I2C    Kind = "i2c"    // a register map or commands on an I2C bus
	Modbus Kind = "modbus" // registers, inputs and coils of a Modbus device
	Framed Kind = "framed" // binary telegrams on a serial line, asked for or not
)

// opKind tells the operations apart.
type opKind uint8

const (
	opTx    opKind = iota // write, read or both, and verify the checksum
	opWait                // let time pass
	opCheck               // opTx, then the answer must satisfy the check or the chip is another
	opPoll                // opTx again and again until the answer satisfies the check
)

// op is one compiled step. Ops are immutable and shared by all devices.
type op struct {
	kind     opKind
	path     string        // "read[1]", for messages
	w        []byte        // written; never changed
	at, n    uint16        // what is read goes to buf[at:at+n], or to scratch[:n] when it is only compared
	stop     bool          // stop between write and read instead of repeated start
	gap      time.Duration // after that stop
	deaf     bool          // a NACK is as good as an answer: the write only wakes the chip
	crc      checksum
	perWord  bool // a checksum after each wordBytes, else one at the end
	check    check
	wait     time.Duration // of opWait; between attempts of opPoll
	attempts int           // of opPoll
}

// check compares a field of an answer.
type check struct {
	field   field
	values  []uint64 // any of them satisfies; empty: a valid checksum does
	differs bool     // none of them may match
}

// holds reports whether an answer satisfies the check, and what was compared.
func (c *check) holds(r []byte) (seen uint64, ok bool) {
	if len(c.values) == 0 {
		return 0, true
	}
	seen = c.field.bits(r) & c.field.mask >> c.field.shift
	return seen, slices.Contains(c.values, seen) != c.differs
}

// output is one compiled output. Outputs refer to each other by index, -1 is none.
type output struct {
	name, unit    string
	field         field
	place         place // of kind Modbus
	tensPlace     place // of the power of ten that the number is multiplied by
	tens          field // it; width 0: none
	from, times   int
	scale, offset formula
	mapped        bool
	line          line // when mapped
	invalid       []uint64
	exponent      field   // of two, by which the number is multiplied; width 0: none
	when          []check // conditions on the bytes without which the value is bad
	clamp, valid  bounds
	round         float64 // 0 is not rounded
}

// bounds are an optional range.
type bounds struct {
	set    bool
	lo, hi float64
}

// Program is a compiled profile. It is immutable; any number of devices run it.
type Program struct {
	name, title, doc, datasheet string

	kind      Kind
	modbus    modbus    // of kind Modbus
	telegram  *Telegram // of kind Framed
	addrs     []uint16
	time      time.Duration
	stretches bool
	maxSpeed  uint32 // of the bus, Hz; 0 = not said
	consts    map[string]float64

	wake     []op
	identify []op
	init     []op
	read     []op
	outputs  []output // in the order of their names
	order    []int    // evaluation: what refers to another output comes last
	buf      int      // bytes that read reads
	scratch  int      // bytes of the longest answer that is only compared
}

// Name gives the name that the profile was compiled under.
func (p *Program) Name() string { return p.name }

// Kind says what the profile's devices are connected to.
func (p *Program) Kind() Kind { return p.kind }

// Title, Doc and Datasheet give the profile's words for people, or "".
func (p *Program) Title() string     { return p.title }
func (p *Program) Doc() string       { return p.doc }
func (p *Program) Datasheet() string { return p.datasheet }

// Addresses lists the chip's possible addresses, the default first; empty
// when the profile names none.
func (p *Program) Addresses() []uint16 { return slices.Clone(p.addrs) }

// Time is how long a measurement takes, waiting included: a sensor's period
// must not be shorter. 0 when the profile does not say.
func (p *Program) Time() time.Duration {
	var waits time.Duration
	for i := range p.read {
		if p.read[i].kind == opWait {
			waits += p.read[i].wait
		}
	}
	return max(p.time, waits)
}

// Stretches reports whether the chip stretches the clock, which some
// adapters (bcm2835) answer with silent bit errors.
func (p *Program) Stretches() bool { return p.stretches }

// MaxSpeed is the fastest bus clock that the chip bears, in Hz; 0 when the
// profile does not say.
func (p *Program) MaxSpeed() uint32 { return p.maxSpeed }

// Identifies reports whether the profile can tell its chip from others.
func (p *Program) Identifies() bool { return len(p.identify) > 0 }

// Consts gives the constants that Opts may replace, with their defaults.
func (p *Program) Consts() map[string]float64 { return maps.Clone(p.consts) }
