package sml

// The types of an element, bits 6 to 4 of its first byte; SML 1.04, chapter 6
// (binary encoding).
const (
	octets   = 0x00
	boolean  = 0x40
	signed   = 0x50
	unsigned = 0x60
	list     = 0x70
)

// maxDepth bounds lists in lists. SML's own go six deep.
const maxDepth = 16

// reader walks through elements. After the first failure it gives nothing.
type reader struct {
	p      []byte
	failed bool
}

// element is one element's head, and its bytes unless it is a list.
type element struct {
	kind byte
	n    int // elements of a list
	b    []byte
}

// empty reports whether an optional element is left out: an octet string of
// no bytes.
func (e *element) empty() bool { return e.kind == octets && len(e.b) == 0 }

func (r *reader) fail() element {
	r.p, r.failed = nil, true
	return element{}
}

// next reads an element, of a list only the head. The lengths of all but lists
// count the bytes of the head, too.
func (r *reader) next() element {
	if len(r.p) == 0 {
		return r.fail()
	}
	head := r.p[0]
	e := element{kind: head & 0x70}
	length, used := int(head&0x0F), 1
	for more := head&0x80 != 0; more; used++ {
		if used == len(r.p) || used == 4 || r.p[used]&0x70 != 0 {
			return r.fail()
		}
		length = length<<4 | int(r.p[used]&0x0F)
		more = r.p[used]&0x80 != 0
	}
	r.p = r.p[used:]
	switch e.kind {
	case list:
		e.n = length
		return e
	case octets, boolean, signed, unsigned:
	default:
		return r.fail()
	}
	length -= used
	if length < 0 || length > len(r.p) { // 00 ends a message and is no element
		return r.fail()
	}
	e.b, r.p = r.p[:length], r.p[length:]
	return e
}

// list reads the head of a list of at least min elements and gives their number.
func (r *reader) list(min int) int {
	e := r.next()
	if e.kind != list || e.n < min {
		r.fail()
		return 0
	}
	return e.n
}

// skip passes over n elements with all that is in them.
func (r *reader) skip(n int) { r.skipDeep(n, 0) }

func (r *reader) skipDeep(n, depth int) {
	for ; n > 0 && !r.failed; n-- {
		e := r.next()
		if e.kind != list {
			continue
		}
		if depth == maxDepth {
			r.fail()
			return
		}
		r.skipDeep(e.n, depth+1)
	}
}

// integer is a signed or unsigned number of up to 8 bytes.
type integer struct {
	negative bool
	mag      uint64 // its absolute value
}

// integer reads the element's number; ok is false if it is none.
func (e *element) integer() (v integer, ok bool) {
	if e.kind != signed && e.kind != unsigned || len(e.b) == 0 || len(e.b) > 8 {
		return v, false
	}
	v.negative = e.kind == signed && e.b[0]&0x80 != 0
	if v.negative {
		v.mag = ^uint64(0)
	}
	for _, c := range e.b {
		v.mag = v.mag<<8 | uint64(c)
	}
	if v.negative {
		v.mag = -v.mag
	}
	return v, true
}

// small gives a number that fits into an int16, which scalers and units do.
func (e *element) small() (v int, ok bool) {
	x, ok := e.integer()
	if !ok || x.mag > 0x7FFF {
		return 0, false
	}
	if x.negative {
		return -int(x.mag), true
	}
	return int(x.mag), true
}
