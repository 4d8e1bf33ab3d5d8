package expr

import (
	"math"
	"strconv"
	"strings"
)

// opcode is an operator of the tree and an instruction of the program.
type opcode uint8

const (
	opConst opcode = iota
	opVar
	opOr
	opAnd
	opNot
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
	opEqual
	opNotEqual
	opAdd
	opSub
	opMul
	opDiv
	opNeg
	opPow
	opCall
	opState
)

// sign is how an operator is written.
func (op opcode) sign() string {
	return [...]string{
		opOr: "or", opAnd: "and", opNot: "not", opLess: "<", opLessEqual: "<=", opGreater: ">", opGreaterEqual: ">=",
		opEqual: "==", opNotEqual: "!=", opAdd: "+", opSub: "-", opMul: "*", opDiv: "/", opNeg: "-", opPow: "^",
	}[op]
}

// Precedences, from the loosest to the tightest.
const (
	precOr = iota
	precAnd
	precNot
	precCompare
	precSum
	precProduct
	precNeg
	precPow
	precPrimary
)

func (op opcode) precedence() int {
	switch op {
	case opOr:
		return precOr
	case opAnd:
		return precAnd
	case opNot:
		return precNot
	case opLess, opLessEqual, opGreater, opGreaterEqual, opEqual, opNotEqual:
		return precCompare
	case opAdd, opSub:
		return precSum
	case opMul, opDiv:
		return precProduct
	case opNeg:
		return precNeg
	case opPow:
		return precPow
	}
	return precPrimary
}

// node is a part of an expression.
type node struct {
	op    opcode
	pos   int
	num   float64  // of opConst
	name  string   // of opConst: pi, e or ""
	index int      // of opVar, in the refs
	fn    *builtin // of opCall
	args  []*node
}

// constant reports whether n always has the same value.
func (n *node) constant() bool {
	if n.op == opVar || n.op == opCall && n.fn.state != stateless {
		return false
	}
	for _, a := range n.args {
		if !a.constant() {
			return false
		}
	}
	return true
}

// print appends n, in brackets if it binds more loosely than least.
func (n *node) print(b *strings.Builder, refs []Ref, least int) {
	prec := n.op.precedence()
	if prec < least {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	switch n.op {
	case opConst:
		b.WriteString(n.constText())
	case opVar:
		b.WriteString(refText(refs[n.index].Name))
	case opCall:
		n.printCall(b, refs)
	case opNeg:
		b.WriteByte('-')
		n.args[0].print(b, refs, precNeg)
	case opNot:
		b.WriteString("not ")
		n.args[0].print(b, refs, precNot)
	default:
		left, right := n.sides()
		n.args[0].print(b, refs, left)
		b.WriteString(" " + n.op.sign() + " ")
		n.args[1].print(b, refs, right)
	}
}

// sides says how tightly the two sides of an operator have to bind.
func (n *node) sides() (left, right int) {
	switch prec := n.op.precedence(); prec {
	case precPow:
		return precPrimary, precNeg
	case precCompare:
		return precSum, precSum
	default:
		return prec, prec + 1
	}
}

func (n *node) constText() string {
	if n.name != "" {
		return n.name
	}
	return strconv.FormatFloat(n.num, 'g', -1, 64)
}

func (n *node) printCall(b *strings.Builder, refs []Ref) {
	b.WriteString(n.fn.Name)
	b.WriteByte('(')
	for i, a := range n.args {
		if i > 0 {
			b.WriteString(", ")
		}
		a.print(b, refs, precOr)
	}
	b.WriteByte(')')
}

// refText writes a name as an expression has to: bare, or in braces.
func refText(name string) string {
	bare := name != "" && !isDigit(name[0]) && !isReserved(name)
	for i := range len(name) {
		bare = bare && isWordByte(name[i])
	}
	if bare {
		return name
	}
	return "{" + name + "}"
}

func isReserved(name string) bool {
	_, ok := constants(name)
	return ok || isKeyword(name) || lookup(name) != nil
}

func isKeyword(s string) bool { return s == "and" || s == "or" || s == "not" }

func constants(name string) (float64, bool) {
	switch name {
	case "pi":
		return math.Pi, true
	case "e":
		return math.E, true
	}
	return 0, false
}
