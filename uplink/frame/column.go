package frame

// A column is a run of integers: the stamps of a group's rows or the scaled
// values of a channel. It is differenced, freed of its mean, predicted from
// its own past, and what the prediction misses is coded (docs/wire.md,
// "Columns"). All arithmetic is modulo 2^64, so any integer survives.

const (
	line       = 3  // in place of differences: a straight line
	slopeBit   = 16 // binary places of a line's slope
	maxTaps    = 16 // past values that a prediction looks at
	minPlain   = 3  // shorter columns carry no predictor
	window     = 4 * maxTaps
	softenFrom = 16 // shorter columns learn on as if they were part of the one before
)

// predictor is how a column is predicted; the zero value with diff 1 stands
// for "as the one before".
type predictor struct {
	diff  int   // how often differences are taken, or line
	mean  int64 // subtracted after that
	slope int64 // of a line, times 2^slopeBit
	taps  int   // how many past values are weighed
	shift int   // binary places of the weights
	coef  [maxTaps]int64
}

// plain is the predictor of columns too short to carry one.
var plain = predictor{diff: 1}

// columnModel holds the probabilities of one sort of column.
type columnModel struct {
	first numModel // the first value
	mean  numModel // mean and initial slope
	coef  numModel // weights
	resid numModel // what prediction misses
	diff  [4]prob  // two bits
	taps  [32]prob // five bits
	shift [16]prob // four bits
}

// history is what a prediction has seen of its column.
type history struct {
	y  [window]int64 // differenced values without mean, the newest at position at
	at int           // moves down, so that pushing need not shift the others
	x1 int64         // the last value
	x2 int64         // the one before
	i  int64         // values seen
}

// predict returns what predictor p expects next.
func (h *history) predict(p *predictor) int64 {
	if p.taps == 0 {
		return 0
	}
	sum := int64(1) << p.shift >> 1
	coef := p.coef[:p.taps]
	y := h.y[h.at:][:len(coef)]
	for j, c := range coef {
		sum += c * y[j]
	}
	return sum >> p.shift
}

// base returns the part of value i that differencing and mean foresee.
func (h *history) base(p *predictor) int64 {
	switch p.diff {
	case 0:
		return p.mean
	case 1:
		return h.x1 + p.mean
	case 2:
		return 2*h.x1 - h.x2 + p.mean
	}
	return p.mean + h.i*p.slope>>slopeBit
}

// push remembers value x, of which base did not foresee y.
func (h *history) push(p *predictor, x, y int64) {
	h.x2, h.x1 = h.x1, x
	h.i++
	if p.taps > 0 {
		if h.at == 0 {
			h.at = window - maxTaps
			copy(h.y[h.at:], h.y[:maxTaps])
		}
		h.at--
		h.y[h.at] = y
	}
}

// column codes x by predictor p.
func (e *rangeEnc) column(m *columnModel, p *predictor, x []int64) {
	if len(x) >= softenFrom {
		m.resid.soften()
	}
	if len(x) < minPlain {
		p = &plain
	} else {
		e.predictor(m, p)
	}
	h := history{at: window - maxTaps}
	for i, v := range x {
		switch {
		case i == 0 && (p.diff == 1 || p.diff == 2):
			e.signed(&m.first, v)
			h.x1 = v
			continue
		case i == 1 && p.diff == 2:
			e.signed(&m.mean, v-h.x1)
			h.x2, h.x1 = h.x1, v
			continue
		}
		y := v - h.base(p)
		r := y - h.predict(p)
		e.signed(&m.resid, r)
		h.push(p, v, y)
	}
}

// column reads len(x) values.
func (d *rangeDec) column(m *columnModel, x []int64) {
	if len(x) >= softenFrom {
		m.resid.soften()
	}
	p := plain
	if len(x) >= minPlain {
		d.predictor(m, &p)
	}
	h := history{at: window - maxTaps}
	for i := range x {
		switch {
		case i == 0 && (p.diff == 1 || p.diff == 2):
			x[i] = d.signed(&m.first)
			h.x1 = x[i]
			continue
		case i == 1 && p.diff == 2:
			x[i] = h.x1 + d.signed(&m.mean)
			h.x2, h.x1 = h.x1, x[i]
			continue
		}
		r := d.signed(&m.resid)
		y := r + h.predict(&p)
		x[i] = y + h.base(&p)
		h.push(&p, x[i], y)
	}
}

// predictor codes p itself.
func (e *rangeEnc) predictor(m *columnModel, p *predictor) {
	e.tree(m.diff[:], 2, uint32(p.diff))
	switch p.diff {
	case 0:
		e.signed(&m.first, p.mean)
	case line:
		e.signed(&m.first, p.mean)
		e.signed(&m.mean, p.slope)
	default:
		e.signed(&m.mean, p.mean)
	}
	e.tree(m.taps[:], 5, uint32(p.taps))
	if p.taps == 0 {
		return
	}
	e.tree(m.shift[:], 4, uint32(p.shift))
	for j := range p.taps {
		e.signed(&m.coef, p.coef[j])
	}
}

func (d *rangeDec) predictor(m *columnModel, p *predictor) {
	*p = predictor{diff: int(d.tree(m.diff[:], 2))}
	switch p.diff {
	case 0:
		p.mean = d.signed(&m.first)
	case line:
		p.mean = d.signed(&m.first)
		p.slope = d.signed(&m.mean)
	default:
		p.mean = d.signed(&m.mean)
	}
	p.taps = min(int(d.tree(m.taps[:], 5)), maxTaps)
	if p.taps == 0 {
		return
	}
	p.shift = int(d.tree(m.shift[:], 4))
	for j := range p.taps {
		p.coef[j] = d.signed(&m.coef)
	}
}
