package metrics

import (
	"math"
	"strconv"
)

// ContentType is the media type of what AppendText writes.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// AppendText appends all metrics to dst in the text format and returns it.
func (r *Registry) AppendText(dst []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.families {
		dst = append(append(append(dst, "# HELP "...), f.name...), ' ')
		dst = append(appendEscaped(dst, f.help, false), '\n')
		dst = append(append(append(dst, "# TYPE "...), f.name...), ' ')
		dst = append(append(dst, f.kind...), '\n')
		for _, s := range f.series {
			dst = s.append(dst, f.name)
		}
	}
	return dst
}

func (s *series) append(dst []byte, name string) []byte {
	if s.histogram != nil {
		return s.histogram.append(dst, name, s.labels)
	}
	dst = appendKey(dst, name, "", s.labels, "")
	switch {
	case s.counter != nil:
		dst = strconv.AppendUint(dst, s.counter.Value(), 10)
	case s.gauge != nil:
		dst = appendFloat(dst, s.gauge.Value())
	default:
		dst = appendFloat(dst, s.fn())
	}
	return append(dst, '\n')
}

// append writes the cumulative buckets, the sum and the count. The count is
// the sum of the buckets as read, so both agree while others observe.
func (h *Histogram) append(dst []byte, name, labels string) []byte {
	var n uint64
	for i := range h.counts {
		bound := math.Inf(1)
		if i < len(h.bounds) {
			bound = h.bounds[i]
		}
		n += h.counts[i].Load()
		le := append(appendFloat([]byte(`le="`), bound), '"')
		dst = appendKey(dst, name, "_bucket", labels, string(le))
		dst = append(strconv.AppendUint(dst, n, 10), '\n')
	}
	dst = appendKey(dst, name, "_sum", labels, "")
	dst = append(appendFloat(dst, h.Sum()), '\n')
	dst = appendKey(dst, name, "_count", labels, "")
	return append(strconv.AppendUint(dst, n, 10), '\n')
}

// appendKey writes name, suffix, labels in braces and a blank.
func appendKey(dst []byte, name, suffix, labels, le string) []byte {
	dst = append(append(dst, name...), suffix...)
	if labels != "" || le != "" {
		dst = append(append(dst, '{'), labels...)
		if labels != "" && le != "" {
			dst = append(dst, ',')
		}
		dst = append(append(dst, le...), '}')
	}
	return append(dst, ' ')
}

func appendFloat(dst []byte, v float64) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(dst, "+Inf"...)
	case math.IsInf(v, -1):
		return append(dst, "-Inf"...)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, 64)
}

// appendEscaped writes backslash and line feed, and in label values the double
// quote, as the format wants them.
func appendEscaped(dst []byte, s string, quote bool) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\\':
			dst = append(dst, `\\`...)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '"' && quote:
			dst = append(dst, `\"`...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
