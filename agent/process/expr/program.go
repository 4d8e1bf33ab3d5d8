package expr

import (
	"math"
	"time"
)

// unknownGap is the longest step that an integral bridges when the distance of
// values is not known.
const unknownGap = 10 * time.Second

// Ref is a variable of a program.
type Ref struct {
	Name      string // "output" of the same sensor, or "sensor/output"
	Qualified bool   // the latter
	Pos       int    // byte offset of its first mention
}

// Program is a compiled expression and its state. One goroutine uses it.
type Program struct {
	src  string
	text string
	refs []Ref

	code   []instruction
	stack  []float64 // as deep as the code needs
	sites  []site
	maxGap int64 // ns
	gaps   uint64
}

// instruction works on the top of the stack.
type instruction struct {
	op    opcode
	n     int32   // opVar: index of the value; opCall: arguments; opState: index of the site
	value float64 // opConst
	call  func(args []float64) float64
}

// Compile makes a program of an expression. Its error is an *Error.
func Compile(src string) (*Program, error) {
	root, refs, err := parse(src)
	if err != nil {
		return nil, err
	}
	p := assemble(root)
	p.src, p.refs, p.text = src, refs, text(root, refs)
	p.SetPeriod(0)
	return p, nil
}

// Refs lists the variables, each once, in the order of their first mention:
// the order of Eval's values. The caller does not change it.
func (p *Program) Refs() []Ref { return p.refs }

// String gives the expression in canonical form: it compiles to an equivalent
// program (unless its spaces make it too long), and equivalent ways of writing
// it give the same.
func (p *Program) String() string { return p.text }

// SetPeriod says how far apart values are expected; 0 = not known. An integral
// does not bridge a step of more than three periods, or of 10 s if they are not
// known.
func (p *Program) SetPeriod(every time.Duration) {
	switch {
	case every <= 0:
		p.maxGap = int64(unknownGap)
	case every > math.MaxInt64/3:
		p.maxGap = math.MaxInt64
	default:
		p.maxGap = 3 * int64(every)
	}
}

// Eval computes the expression of values, which stand in the order of Refs and
// were measured at stamp, ns of CLOCK_BOOTTIME. It reports ok = false, and no
// value, when the result is not a finite number; what integral and total hold
// has gone on nevertheless. Eval keeps nothing of values and allocates nothing.
func (p *Program) Eval(values []float64, stamp int64) (v float64, ok bool) {
	if len(values) != len(p.refs) {
		return 0, false
	}
	v = p.run(values, stamp)
	if !finite(v) {
		return 0, false
	}
	return v + 0, true // -0 becomes 0
}

// Reset says that an input was interrupted: a channel was not ok. Integrals
// keep their sums and do not bridge the gap, rates begin anew, totals go on.
func (p *Program) Reset() {
	hole := false
	for i := range p.sites {
		hole = p.sites[i].interrupt() || hole
	}
	p.countGap(hole)
}

// Gaps counts the times that integrals had to leave out: between Resets and the
// next value, and steps that were too long.
func (p *Program) Gaps() uint64 { return p.gaps }

func (p *Program) countGap(hole bool) {
	if hole {
		p.gaps++
	}
}

// Stateful reports whether AppendState gives anything.
func (p *Program) Stateful() bool { return p.stateLen() > 0 }

func (p *Program) stateLen() int {
	n := 0
	for i := range p.sites {
		n += p.sites[i].stateLen()
	}
	return n
}

// AppendState appends what a later run needs to go on: sums, and counters as
// last seen. It belongs to this expression; keep String beside it.
func (p *Program) AppendState(dst []float64) []float64 {
	for i := range p.sites {
		dst = p.sites[i].appendState(dst)
	}
	return dst
}

// Restore takes the state of an earlier run. Integrals go on with their sums
// and do not bridge the time between; totals add what the device has counted
// meanwhile. It reports false, and changes nothing, if state cannot be this
// expression's.
func (p *Program) Restore(state []float64) bool {
	if len(state) != p.stateLen() {
		return false
	}
	rest := state
	for i := range p.sites {
		n := p.sites[i].stateLen()
		if !p.sites[i].fits(rest[:n]) {
			return false
		}
		rest = rest[n:]
	}
	for i := range p.sites {
		n := p.sites[i].stateLen()
		p.sites[i].restore(state[:n])
		state = state[n:]
	}
	return true
}
