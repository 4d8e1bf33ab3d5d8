package frame

import "math/bits"

// How numbers become bits: by their class (the number of bits they have),
// then the bits below the leading one, of which the first three are learnt
// and the rest stand as they are (docs/wire.md, "Numbers").

const (
	smallClasses = 15 // classes 0 … 14 take four bits of the first tree
	learntBits   = 3  // bits below the leading one whose probability is learnt
)

// numModel holds the probabilities of one sort of number.
type numModel struct {
	class [16]prob
	more  [64]prob
	below [16][1 << learntBits]prob
	sign  [16]prob
}

func (m *numModel) soften() {
	soften(m.class[:])
	soften(m.more[:])
	for i := range m.below {
		soften(m.below[i][:])
	}
	soften(m.sign[:])
}

// tree codes a symbol of n bits, the highest first, each with a probability
// that depends on those before it. ps holds 1<<n of them.
func (e *rangeEnc) tree(ps []prob, n int, sym uint32) {
	node := uint32(1)
	for n--; n >= 0; n-- {
		bit := sym >> n & 1
		e.bit(&ps[node], bit)
		node = node<<1 | bit
	}
}

func (d *rangeDec) tree(ps []prob, n int) uint32 {
	node := uint32(1)
	for range n {
		node = node<<1 | d.bit(&ps[node])
	}
	return node - 1<<n
}

// number codes an unsigned number.
func (e *rangeEnc) number(m *numModel, u uint64) {
	class := bits.Len64(u)
	e.tree(m.class[:], 4, uint32(min(class, smallClasses)))
	if class >= smallClasses {
		e.tree(m.more[:], 6, uint32(class-smallClasses))
	}
	if class < 2 {
		return
	}
	below := class - 1
	learnt := min(below, learntBits)
	e.tree(m.below[min(class, smallClasses)][:], learnt, uint32(u>>(below-learnt))&(1<<learnt-1))
	e.direct(u, below-learnt)
}

func (d *rangeDec) number(m *numModel) uint64 {
	class := int(d.tree(m.class[:], 4))
	if class == smallClasses {
		class += int(d.tree(m.more[:], 6))
	}
	if class < 2 {
		return uint64(class)
	}
	if class > 64 {
		d.bad = true
		return 0
	}
	below := class - 1
	learnt := min(below, learntBits)
	u := uint64(1)<<learnt | uint64(d.tree(m.below[min(class, smallClasses)][:], learnt))
	return u<<(below-learnt) | d.direct(below-learnt)
}

// signed codes a number with its sign.
func (e *rangeEnc) signed(m *numModel, v int64) {
	u := uint64(v)
	if v < 0 {
		u = -u
	}
	e.number(m, u)
	if u != 0 {
		e.bit(&m.sign[min(bits.Len64(u), smallClasses)], uint32(uint64(v)>>63))
	}
}

func (d *rangeDec) signed(m *numModel) int64 {
	u := d.number(m)
	if u != 0 && d.bit(&m.sign[min(bits.Len64(u), smallClasses)]) != 0 {
		u = -u
	}
	return int64(u)
}
