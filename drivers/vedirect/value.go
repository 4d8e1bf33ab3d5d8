package vedirect

import (
	"math"

	"github.com/telhub/telhub/drivers/ascii"
)

// endField reads the field that has just ended into its output.
func (d *Decoder) endField() {
	label, value := d.label[:d.ln], d.value[:d.vn]
	i := d.find(label)
	if i < 0 {
		d.unknown++
		d.bad = d.bad || len(label) == 0
		return
	}
	if d.seen&(1<<i) != 0 { // two blocks whose border was lost
		d.bad = true
		return
	}
	d.seen |= 1 << i
	if string(value) == "---" {
		d.none |= 1 << i
		return
	}
	f := &d.fields[i]
	v, ok := f.parse(value)
	if !ok {
		d.wrong |= 1 << i
		return
	}
	if f.label == infinite && v < 0 {
		return
	}
	d.values[i] = v
	d.has |= 1 << i
}

// find gives the output of a field; -1 when it has none.
func (d *Decoder) find(label []byte) int {
	for i := range d.fields {
		if string(label) == d.fields[i].label {
			return i
		}
	}
	return -1
}

// parse reads a value in the field's form.
func (f *field) parse(b []byte) (v float64, ok bool) {
	switch f.form {
	case hexa:
		return parseHex(b)
	case onOff:
		return parseOnOff(b)
	}
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 12 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	// One division or multiplication of exact operands: below 2^53 the result
	// is the float64 next to the decimal value.
	v = float64(n * f.factor)
	if f.exp < 0 {
		v /= math.Pow10(-f.exp)
	} else {
		v *= math.Pow10(f.exp)
	}
	if negative {
		v = -v
	}
	return v, true
}

// parseHex reads 0x and up to eight digits.
func parseHex(b []byte) (v float64, ok bool) {
	if len(b) < 3 || len(b) > 10 || b[0] != '0' || b[1]|0x20 != 'x' {
		return 0, false
	}
	var n uint32
	for _, c := range b[2:] {
		x, ok := ascii.Hex(c)
		if !ok {
			return 0, false
		}
		n = n<<4 | uint32(x)
	}
	return float64(n), true
}

// parseOnOff reads ON and OFF; some firmware writes On and Off.
func parseOnOff(b []byte) (v float64, ok bool) {
	switch {
	case len(b) == 2 && b[0]|0x20 == 'o' && b[1]|0x20 == 'n':
		return 1, true
	case len(b) == 3 && b[0]|0x20 == 'o' && b[1]|0x20 == 'f' && b[2]|0x20 == 'f':
		return 0, true
	}
	return 0, false
}

// frame is a HEX frame being received: the command is one digit, all that
// follows pairs of digits ("VE.Direct Protocol", HEX protocol).
type frame struct {
	digits int
	high   byte
	sum    uint8
}

// receiveFrame takes a byte of a HEX frame, its : first.
func (d *Decoder) receiveFrame(c byte) {
	f := &d.frame
	switch x, ok := ascii.Hex(c); {
	case c == ':':
		if d.inFrame { // the one before was cut off
			d.stats.BadFrames++
		}
		d.inFrame, *f = true, frame{}
	case c == '\n':
		d.inFrame = false
		if f.digits%2 == 1 && f.sum == 0x55 {
			d.stats.Frames++
			return
		}
		d.breakFrame()
	case ok && f.digits < maxFrame:
		f.add(x)
	case c == '\r': // some write CR LF
	default:
		d.breakFrame()
	}
}

// breakFrame ends a frame that is damaged, or none: what looked like its
// beginning may have been text, so the block is damaged too.
func (d *Decoder) breakFrame() {
	d.inFrame = false
	d.stats.BadFrames++
	d.bad = d.bad || d.size > 0
}

func (f *frame) add(x byte) {
	switch {
	case f.digits == 0:
		f.sum = x
	case f.digits%2 == 1:
		f.high = x
	default:
		f.sum += f.high<<4 | x
	}
	f.digits++
}
