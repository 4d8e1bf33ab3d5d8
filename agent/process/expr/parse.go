package expr

import (
	"fmt"
	"strings"
)

const (
	maxLen   = 1000 // bytes of source
	maxDepth = 50   // of brackets, signs, powers and calls inside of each other
)

// parser is a recursive descent, one function per precedence. It stops at the
// first error: from then on the lexer gives nothing but the end.
type parser struct {
	lexer
	tok   token // the one to look at
	last  token // the one before
	depth int
	refs  []Ref
}

// parse makes the tree of src and the list of its variables.
func parse(src string) (*node, []Ref, *Error) {
	if len(src) > maxLen {
		return nil, nil, &Error{maxLen, fmt.Sprintf("the expression is longer than %d bytes", maxLen), "compute parts of it in channels of their own"}
	}
	if strings.TrimSpace(src) == "" {
		return nil, nil, &Error{0, "the expression is empty", "write a value, such as voltage * current"}
	}
	p := &parser{lexer: lexer{src: src}}
	p.advance()
	n := p.or()
	if p.tok.kind != tokEnd {
		p.unexpected()
	}
	return n, p.refs, p.err
}

func (p *parser) advance() {
	p.last = p.tok
	p.tok = p.next()
}

// accept steps over the sign or word s if it is next.
func (p *parser) accept(s string) bool {
	if p.err != nil || !p.tok.is(s) {
		return false
	}
	p.advance()
	return true
}

// enter goes one level down; each enter has a leave.
func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.tok.pos, fmt.Sprintf("more than %d levels inside of each other", maxDepth), "compute parts of it in channels of their own")
		p.tok = token{kind: tokEnd, pos: len(p.src)}
	}
}

func (p *parser) leave() { p.depth-- }

func (p *parser) or() *node {
	p.enter()
	defer p.leave()
	n := p.and()
	for p.tok.is("or") {
		n = p.binary(n, opOr, p.and)
	}
	return n
}

func (p *parser) and() *node {
	n := p.not()
	for p.tok.is("and") {
		n = p.binary(n, opAnd, p.not)
	}
	return n
}

func (p *parser) not() *node {
	if !p.tok.is("not") {
		return p.comparison()
	}
	p.enter()
	defer p.leave()
	pos := p.tok.pos
	p.advance()
	return &node{op: opNot, pos: pos, args: []*node{p.not()}}
}

func (p *parser) comparison() *node {
	n := p.sum()
	op, ok := comparisons(p.tok)
	if !ok {
		return n
	}
	n = p.binary(n, op, p.sum)
	if _, again := comparisons(p.tok); again {
		p.fail(p.tok.pos, "comparisons cannot be chained", "write 1 < x and x < 2")
	}
	return n
}

func comparisons(t token) (opcode, bool) {
	if t.kind != tokSign {
		return 0, false
	}
	for op := opLess; op <= opNotEqual; op++ {
		if t.text == op.sign() {
			return op, true
		}
	}
	return 0, false
}

func (p *parser) sum() *node {
	n := p.product()
	for p.err == nil {
		switch {
		case p.tok.is("+"):
			n = p.binary(n, opAdd, p.product)
		case p.tok.is("-"):
			n = p.binary(n, opSub, p.product)
		default:
			return n
		}
	}
	return n
}

func (p *parser) product() *node {
	n := p.unary()
	for p.err == nil {
		switch {
		case p.tok.is("*"):
			n = p.binary(n, opMul, p.unary)
		case p.tok.is("/"):
			n = p.binary(n, opDiv, p.unary)
		default:
			return n
		}
	}
	return n
}

// unary is a sign, or a power, which binds tighter: -2^2 = -4.
func (p *parser) unary() *node {
	p.enter()
	defer p.leave()
	if p.tok.is("-") {
		pos := p.tok.pos
		p.advance()
		return &node{op: opNeg, pos: pos, args: []*node{p.unary()}}
	}
	n := p.primary()
	if p.tok.is("^") {
		n = p.binary(n, opPow, p.unary)
	}
	return n
}

// binary steps over the operator and takes its right side.
func (p *parser) binary(left *node, op opcode, right func() *node) *node {
	pos := p.tok.pos
	p.advance()
	return &node{op: op, pos: pos, args: []*node{left, right()}}
}

func (p *parser) primary() *node {
	t := p.tok
	switch {
	case t.kind == tokNumber:
		p.advance()
		return &node{op: opConst, pos: t.pos, num: t.num}
	case t.kind == tokBraced:
		p.advance()
		return p.ref(t)
	case t.kind == tokName && !isKeyword(t.text):
		p.advance()
		return p.named(t)
	case t.is("("):
		p.advance()
		n := p.or()
		p.closing(t)
		return n
	}
	p.missingValue()
	return &node{op: opConst, pos: t.pos}
}

// named is what t, a word that has been stepped over, stands for.
func (p *parser) named(t token) *node {
	if p.tok.is("(") {
		return p.call(t)
	}
	if v, ok := constants(t.text); ok {
		return &node{op: opConst, pos: t.pos, name: t.text, num: v}
	}
	if f := lookup(t.text); f != nil {
		p.fail(t.pos, t.text+" is a function", fmt.Sprintf("write %s, or {%s} for an output of that name", f.Signature, t.text))
	}
	return p.ref(t)
}

// ref is a variable; each name has one index.
func (p *parser) ref(t token) *node {
	n := &node{op: opVar, pos: t.pos}
	for n.index = range p.refs {
		if p.refs[n.index].Name == t.text {
			return n
		}
	}
	n.index = len(p.refs)
	p.refs = append(p.refs, Ref{t.text, strings.Contains(t.text, "/"), t.pos})
	return n
}

// call reads the arguments of the function name, from the bracket on.
func (p *parser) call(name token) *node {
	f := lookup(name.text)
	if f == nil {
		p.fail(name.pos, fmt.Sprintf("unknown function %q", name.text), cureFunction(name.text))
		return &node{op: opConst, pos: name.pos}
	}
	open := p.tok
	p.advance()
	n := &node{op: opCall, pos: name.pos, fn: f}
	if !p.tok.is(")") {
		n.args = append(n.args, p.or())
		for p.accept(",") {
			n.args = append(n.args, p.or())
		}
	}
	p.closing(open)
	if p.err == nil {
		p.err = f.check(n)
	}
	return n
}

// closing steps over the bracket that closes open.
func (p *parser) closing(open token) {
	if p.accept(")") {
		return
	}
	if p.tok.kind == tokEnd {
		p.fail(p.tok.pos, `")" is missing`, fmt.Sprintf(`it closes the "(" in column %d`, open.pos+1))
	}
	p.unexpected()
}
