package nmea

import "time"

const maxFields = 64

// fields gives the parts of a sentence between its commas without copying.
type fields struct {
	body []byte // aliases the decoder's
	sure bool   // a checksum vouches for the text
	at   [maxFields + 1]uint8
	n    int
}

// split finds the commas. What follows the last field that fits is left out;
// only an XDR of sixteen transducers is that long.
func (f *fields) split(body []byte) {
	f.body, f.n, f.at[0] = body, 0, 0
	for i, c := range body {
		if c != ',' {
			continue
		}
		f.n++
		f.at[f.n] = uint8(i + 1)
		if f.n == maxFields {
			return
		}
	}
	f.n++
	f.at[f.n] = uint8(len(body) + 1)
}

// get gives field i without the spaces around it; empty when there is none.
func (f *fields) get(i int) []byte {
	if i >= f.n {
		return nil
	}
	b := f.body[f.at[i] : f.at[i+1]-1]
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// letter gives the single character of field i; 0 when it is empty, '?' when
// it is longer.
func (f *fields) letter(i int) byte {
	b := f.get(i)
	switch len(b) {
	case 0:
		return 0
	case 1:
		return b[0]
	}
	return '?'
}

// decimal is a number as it was written: mant / 10^places.
type decimal struct {
	mant   int64
	places int
}

const (
	maxPlaces = 9
	maxMant   = 1_000_000_000_000_000 // below 2^53, so that float is exact
)

var pow10 = [...]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11}

// exact reads field i. An empty field is no number and no error.
func (f *fields) exact(i int) (v decimal, has, ok bool) {
	b := f.get(i)
	if len(b) == 0 {
		return decimal{}, false, true
	}
	v, ok = parseDecimal(b)
	return v, ok, ok
}

// number is exact for the lesser fields: what is no number in a sentence whose
// checksum vouches for it, such as "---.-", is a receiver's way to say "none",
// and no reason to lose a position beside it.
func (f *fields) number(i int) (v decimal, has, ok bool) {
	v, has, ok = f.exact(i)
	return v, has, ok || f.sure
}

// parseDecimal reads [+-]digits[.digits]. Places beyond the ninth are dropped.
func parseDecimal(b []byte) (v decimal, ok bool) {
	negative := false
	if b[0] == '-' || b[0] == '+' {
		negative = b[0] == '-'
		b = b[1:]
	}
	digits, point := 0, false
	for _, c := range b {
		switch {
		case c == '.' && !point:
			point = true
			continue
		case c < '0' || c > '9':
			return decimal{}, false
		}
		digits++
		if point && v.places == maxPlaces {
			continue
		}
		if v.mant >= maxMant/10 {
			return decimal{}, false
		}
		v.mant = v.mant*10 + int64(c-'0')
		if point {
			v.places++
		}
	}
	if negative {
		v.mant = -v.mant
	}
	return v, digits > 0
}

func (v decimal) float() float64 { return float64(v.mant) / float64(pow10[v.places]) }

// scaled gives v·num/den, rounded to one place more than v has and to at least
// three, so that neighbouring values stay apart for num/den > 1/10.
func (v decimal) scaled(num, den int64) float64 {
	places := max(v.places+1, 3)
	x := float64(v.mant) * float64(num) * float64(pow10[places-v.places]) / float64(den)
	return roundHalfAway(x) / float64(pow10[places])
}

func roundHalfAway(x float64) float64 {
	if x < 0 {
		return float64(int64(x - 0.5))
	}
	return float64(int64(x + 0.5))
}

// angle reads degrees and minutes, dddmm.mmmm, in field i with the hemisphere
// in field i+1. places is how many decimals the minutes have.
func (f *fields) angle(i int, positive, negative byte, limit int64) (deg float64, places int, has, ok bool) {
	v, has, ok := f.exact(i)
	if !ok || !has {
		return 0, 0, false, ok
	}
	unit := pow10[v.places]
	minutes := v.mant % (100 * unit)
	total := v.mant/(100*unit)*60*unit + minutes // in 10^-places minutes
	side := f.letter(i + 1)
	if v.mant < 0 || minutes >= 60*unit || total > limit*60*unit || (side != positive && side != negative) {
		return 0, 0, false, false
	}
	grid := max(7, v.places+2)
	deg = float64((total*pow10[grid-v.places]+30)/60) / float64(pow10[grid])
	if side == negative {
		deg = -deg
	}
	return deg, v.places, true, true
}

// unknownTime is the time of day of a sentence that says none.
const unknownTime = time.Duration(-1)

// timeOfDay reads hhmmss or hhmmss.sss in field i.
func (f *fields) timeOfDay(i int) (t time.Duration, fraction, ok bool) {
	v, has, ok := f.exact(i)
	if !ok || !has {
		return unknownTime, false, ok
	}
	unit := pow10[v.places]
	whole := v.mant / unit
	h, m, s := whole/10000, whole/100%100, whole%100
	if v.mant < 0 || h > 23 || m > 59 || s > 60 { // 60: a leap second
		return unknownTime, false, false
	}
	nanos := v.mant % unit * pow10[maxPlaces-v.places]
	return time.Duration(((h*60+m)*60+s)*1e9 + nanos), v.places > 0, true
}
