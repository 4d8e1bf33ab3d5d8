package frame

// The entropy stage of the compact format: a binary range coder in integers,
// 32 bits wide, whose probabilities are learnt bit by bit (docs/wire.md,
// "Range coder"). Encoder and decoder run the same arithmetic, so the two
// halves stand side by side.

const (
	halfProb  = 1 << 15   // both values of the bit are as likely
	minProb   = 32        // no bit may cost more than 11 bits
	maxCount  = 127       // bits that a probability looks back on
	softCount = 6         // the same at the beginning of a further column
	rangeTop  = 1 << 24   // below it the range is scaled by 256
	fullRange = 1<<32 - 1 // the range at the start
	flushSize = 4         // bytes that end a stream at most
)

// prob is the adaptive probability of one binary decision. Its zero value
// means one half, so that models are reset by clearing memory.
type prob struct {
	flipped uint16 // probability that the bit is 0, times 65536, XOR 0x8000
	n       uint16 // bits seen, up to maxCount
}

// rates[n] is how far a probability moves after n bits: 1/(n+1.5), times 65536.
var rates = func() (r [maxCount + 1]uint32) {
	for n := range r {
		r[n] = uint32(131072 / (2*n + 3))
	}
	return r
}()

// p0 returns the probability of a 0, times 65536.
func (p *prob) p0() uint32 { return uint32(p.flipped ^ halfProb) }

// learn moves the probability towards bit, by less the more bits it has seen.
func (p *prob) learn(bit, p0 uint32) {
	step := rates[p.n]
	if bit == 0 {
		p0 = min(p0+((65536-p0)*step)>>16, 65536-minProb)
	} else {
		p0 = max(p0-(p0*step)>>16, minProb)
	}
	p.flipped = uint16(p0) ^ halfProb
	if p.n < maxCount {
		p.n++
	}
}

// soften lets a probability follow new statistics quickly again.
func soften(ps []prob) {
	for i := range ps {
		ps[i].n = min(ps[i].n, softCount)
	}
}

// rangeEnc writes bits into buf, which it never grows. When they do not fit,
// over is set and the rest is dropped.
type rangeEnc struct {
	low    uint64 // lower end of the interval: 32 bits and a carry
	width  uint32
	buf    []byte
	over   bool
	frozen bool // probabilities stay at one half
}

// reset starts a stream that appends to buf up to its capacity.
func (e *rangeEnc) reset(buf []byte, frozen bool) {
	*e = rangeEnc{width: fullRange, buf: buf, frozen: frozen}
}

// bit codes one bit with an adaptive probability.
func (e *rangeEnc) bit(p *prob, bit uint32) {
	if e.frozen {
		e.direct(uint64(bit), 1)
		return
	}
	p0 := p.p0()
	bound := e.width >> 16 * p0
	if bit == 0 {
		e.width = bound
	} else {
		e.low += uint64(bound)
		e.width -= bound
	}
	p.learn(bit, p0)
	for e.width < rangeTop {
		e.shift()
	}
}

// direct codes the n ≤ 64 low bits of v as they are, the highest first, in
// pieces of 16 bits and a last one of what remains.
func (e *rangeEnc) direct(v uint64, n int) {
	for n > 0 {
		k := min(n, 16)
		n -= k
		e.width >>= k
		e.low += v >> n & (1<<k - 1) * uint64(e.width)
		for e.width < rangeTop {
			e.shift()
		}
	}
}

// shift moves the top byte of low to the output.
func (e *rangeEnc) shift() {
	e.carry()
	e.put(byte(e.low >> 24))
	e.low = e.low << 8 & fullRange
	e.width <<= 8
}

// carry adds low's bit 32 to what was written. The first byte cannot
// overflow, because the interval stays inside its first value.
func (e *rangeEnc) carry() {
	if e.low>>32 == 0 {
		return
	}
	e.low &= fullRange
	for i := len(e.buf) - 1; i >= 0; i-- {
		e.buf[i]++
		if e.buf[i] != 0 {
			return
		}
	}
}

func (e *rangeEnc) put(b byte) {
	if len(e.buf) == cap(e.buf) {
		e.over = true
		return
	}
	e.buf = append(e.buf, b)
}

// flush ends the stream with the fewest bytes that name a number inside the
// interval; a reader takes what is missing as zeros.
func (e *rangeEnc) flush() {
	for n := range flushSize + 1 {
		mask := uint64(1)<<(32-8*n) - 1
		v := (e.low + mask) &^ mask
		if v >= e.low+uint64(e.width) {
			continue
		}
		e.low = v
		e.carry()
		for i := range n {
			e.put(byte(e.low >> (24 - 8*i)))
		}
		return
	}
}

// rangeDec reads bits from src. Past its end it reads zeros; exact tells
// whether that happened more often than a whole stream allows.
type rangeDec struct {
	code   uint32 // the stream's number above the interval's lower end
	width  uint32
	src    []byte
	pos    int // bytes taken, those past the end included
	frozen bool
	bad    bool // a number had more than 64 bits
}

func (d *rangeDec) reset(src []byte) {
	*d = rangeDec{width: fullRange, src: src}
	for range 4 {
		d.code = d.code<<8 | uint32(d.next())
	}
}

func (d *rangeDec) next() byte {
	d.pos++
	if d.pos > len(d.src) {
		return 0
	}
	return d.src[d.pos-1]
}

// short reports that the stream ended before its content, or made no sense.
func (d *rangeDec) short() bool { return d.bad || d.pos > len(d.src)+flushSize }

// long reports that bytes follow the end of the content.
func (d *rangeDec) long() bool { return d.pos < len(d.src) }

// bit reads one bit with an adaptive probability.
func (d *rangeDec) bit(p *prob) uint32 {
	if d.frozen {
		return uint32(d.direct(1))
	}
	p0 := p.p0()
	bound := d.width >> 16 * p0
	var bit uint32
	if d.code < bound {
		d.width = bound
	} else {
		d.code -= bound
		d.width -= bound
		bit = 1
	}
	p.learn(bit, p0)
	for d.width < rangeTop {
		d.code = d.code<<8 | uint32(d.next())
		d.width <<= 8
	}
	return bit
}

// direct reads n ≤ 64 bits as they are, the highest first.
func (d *rangeDec) direct(n int) uint64 {
	var v uint64
	for n > 0 {
		k := min(n, 16)
		n -= k
		d.width >>= k
		piece := min(d.code/d.width, 1<<k-1) // larger only in a damaged stream
		d.code -= piece * d.width
		v = v<<k | uint64(piece)
		for d.width < rangeTop {
			d.code = d.code<<8 | uint32(d.next())
			d.width <<= 8
		}
	}
	return v
}
