package expr

import (
	"math"
	"strings"
)

// text writes the tree out.
func text(root *node, refs []Ref) string {
	var b strings.Builder
	root.print(&b, refs, precOr)
	return b.String()
}

// value computes a constant; what is not constant has no number.
func (n *node) value() float64 {
	if !n.constant() {
		return math.NaN()
	}
	return assemble(n).run(nil, 0)
}

// assembler lays a tree out as code for a stack machine.
type assembler struct {
	p           *Program
	depth, most int // values on the stack, now and at most
}

// assemble makes the code, the sites and the stack of a tree.
func assemble(root *node) *Program {
	a := assembler{p: &Program{}}
	a.add(root)
	a.p.stack = make([]float64, a.most)
	return a.p
}

// add lays out n: its arguments, then what is done with them.
func (a *assembler) add(n *node) {
	args := n.args
	if n.op == opCall && n.fn.state != stateless {
		args = args[:1] // the modulus belongs to the site
	}
	for _, arg := range args {
		a.add(arg)
	}
	a.depth += 1 - len(args)
	a.most = max(a.most, a.depth)
	a.p.code = append(a.p.code, a.instruction(n))
}

func (a *assembler) instruction(n *node) instruction {
	switch {
	case n.op == opConst:
		return instruction{op: opConst, value: n.num}
	case n.op == opVar:
		return instruction{op: opVar, n: int32(n.index)}
	case n.op != opCall:
		return instruction{op: n.op}
	case n.fn.state == stateless:
		return instruction{op: opCall, n: int32(len(n.args)), call: n.fn.call}
	}
	s := site{kind: n.fn.state, rate: math.NaN()}
	if len(n.args) == 2 {
		s.modulus = n.args[1].value()
	}
	a.p.sites = append(a.p.sites, s)
	return instruction{op: opState, n: int32(len(a.p.sites) - 1)}
}

// run executes the code. The stack is as deep as add has found, so that no
// index can be out of range.
func (p *Program) run(values []float64, stamp int64) float64 {
	st, sp, hole := p.stack, 0, false // sp = values on the stack
	for i := range p.code {
		in := &p.code[i]
		switch in.op {
		case opConst:
			st[sp] = in.value
			sp++
		case opVar:
			st[sp] = values[in.n]
			sp++
		case opNeg:
			st[sp-1] = -st[sp-1]
		case opNot:
			st[sp-1] = logic(st[sp-1] == 0, st[sp-1], 0)
		case opCall:
			sp -= int(in.n)
			st[sp] = in.call(st[sp : sp+int(in.n)])
			sp++
		case opState:
			v, h := p.sites[in.n].step(st[sp-1], stamp, p.maxGap)
			st[sp-1], hole = v, hole || h
		default:
			sp--
			st[sp-1] = in.op.apply(st[sp-1], st[sp])
		}
	}
	p.countGap(hole)
	return st[0]
}

// apply computes an operator of two sides.
func (op opcode) apply(a, b float64) float64 {
	switch op {
	case opAdd:
		return a + b
	case opSub:
		return a - b
	case opMul:
		return a * b
	case opDiv:
		return a / b
	case opPow:
		return power(a, b)
	case opLess:
		return logic(a < b, a, b)
	case opLessEqual:
		return logic(a <= b, a, b)
	case opGreater:
		return logic(a > b, a, b)
	case opGreaterEqual:
		return logic(a >= b, a, b)
	case opEqual:
		return logic(a == b, a, b)
	case opNotEqual:
		return logic(a != b, a, b)
	case opAnd:
		return logic(a != 0 && b != 0, a, b)
	default: // opOr
		return logic(a != 0 || b != 0, a, b)
	}
}

// logic makes 1 or 0 of t, what a and b say, unless one of them is no number.
func logic(t bool, a, b float64) float64 {
	if isNaN(a) || isNaN(b) {
		return math.NaN()
	}
	return truth(t)
}
