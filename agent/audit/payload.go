package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/telhub/telhub/uplink/frame"
)

// checker decodes payloads; its buffers are used again and again.
type checker struct {
	dec     frame.Decoder
	records []record
}

// content is what a payload holds.
type content struct {
	n      int
	t0, t1 int64 // earliest and latest stamp; unused when n = 0
}

func (c *content) add(stamp int64) {
	if c.n == 0 {
		c.t0, c.t1 = stamp, stamp
	}
	c.t0, c.t1 = min(c.t0, stamp), max(c.t1, stamp)
	c.n++
}

// open decodes a frame's payload.
func (c *checker) open(e *Entry) (content, error) {
	switch {
	case e.damage != "":
		return content{}, errors.New(e.damage)
	case e.Bare:
		return content{n: e.Samples}, nil
	case e.Encoding == "compact":
		return c.compact(e)
	case e.Encoding == "senml":
		return c.senml(e)
	}
	return content{}, fmt.Errorf("encoding %q is not known", e.Encoding)
}

func (c *checker) compact(e *Entry) (out content, err error) {
	if err := c.dec.Decode(e.Data, e.N, e.T0); err != nil {
		return out, err
	}
	for i := range c.dec.Len() {
		r := c.dec.At(i)
		out.add(r.Stamp)
	}
	return out, nil
}

// record is a SenML record as docs/wire.md, section 5, has it.
type record struct {
	BaseName *string      `json:"bn"`
	BaseTime *json.Number `json:"bt"`
	Name     string       `json:"n"`
	Time     *json.Number `json:"t"`
	Value    *float64     `json:"v"`
	Text     *string      `json:"vs"`
}

// senml reads a pack exactly, in milliseconds: no float comes between.
func (c *checker) senml(e *Entry) (out content, err error) {
	clear(c.records[:cap(c.records)])
	c.records = c.records[:0]
	if err := json.Unmarshal(e.Data, &c.records); err != nil {
		return out, fmt.Errorf("not a SenML pack: %w", err)
	}
	var base int64
	for i := range c.records {
		r := &c.records[i]
		if i == 0 {
			if base, err = c.first(r, e); err != nil {
				return content{}, err
			}
		}
		stamp, err := r.stamp(base, i > 0)
		if err != nil {
			return content{}, fmt.Errorf("record %d: %w", i, err)
		}
		out.add(stamp)
	}
	return out, nil
}

// first checks the base fields, which stand in the first record only.
func (c *checker) first(r *record, e *Entry) (base int64, err error) {
	switch {
	case r.BaseName == nil || *r.BaseName != e.base:
		return 0, fmt.Errorf("its base name is not %q", e.base)
	case r.BaseTime == nil:
		return 0, errors.New("it has no base time")
	}
	return millis(r.BaseTime.String())
}

func (r *record) stamp(base int64, later bool) (int64, error) {
	switch {
	case later && (r.BaseName != nil || r.BaseTime != nil):
		return 0, errors.New("base fields stand in the first record only")
	case r.Name == "":
		return 0, errors.New("it has no name")
	case (r.Value == nil) == (r.Text == nil):
		return 0, errors.New("it has not one of v and vs")
	case r.Time == nil:
		return base, nil
	}
	t, err := millis(r.Time.String())
	return base + t, err
}

// millis converts seconds, a decimal with at most three places.
func millis(s string) (int64, error) {
	whole, places, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	if len(places) > 3 || len(whole) > 15 {
		return 0, fmt.Errorf("the time %s is not a decimal with at most three places", s)
	}
	var n int64
	for _, c := range whole + places + "000"[len(places):] {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("the time %s is not a decimal with at most three places", s)
		}
		n = n*10 + int64(c-'0')
	}
	if s[0] == '-' {
		n = -n
	}
	return n, nil
}

// gap is what a gap record declares.
type gap struct {
	cause string
	n     int64 // -1: nobody knows
}

// maxCause bounds the word that names a cause.
const maxCause = 32

// openGap reads a gap record's payload (docs/wire.md, section 4) and compares
// it with its header.
func openGap(e *Entry) (gap, error) {
	if e.damage != "" {
		return gap{}, errors.New(e.damage)
	}
	var w struct {
		Cause    string          `json:"cause"`
		N        json.RawMessage `json:"n"`
		T0       json.RawMessage `json:"t0"`
		T1       *int64          `json:"t1"`
		Channels []string        `json:"channels"`
	}
	if err := json.Unmarshal(e.Data, &w); err != nil {
		return gap{}, fmt.Errorf("not a gap record: %w", err)
	}
	n, _, err := orNull("n", w.N, 0)
	if err != nil {
		return gap{}, err
	}
	t0, t0Known, err := orNull("t0", w.T0, math.MinInt64)
	switch {
	case err != nil:
		return gap{}, err
	case w.Cause == "" || len(w.Cause) > maxCause || strings.Trim(w.Cause, "abcdefghijklmnopqrstuvwxyz0123456789_") != "":
		return gap{}, fmt.Errorf("its cause is %.40q, not a word", w.Cause)
	case w.T1 == nil:
		return gap{}, errors.New("it has no t1")
	case t0Known && t0 > *w.T1:
		return gap{}, fmt.Errorf("its t1 = %d is before its t0 = %d", *w.T1, t0)
	}
	g := gap{w.Cause, n}
	if e.Bare {
		return g, nil
	}
	return g, g.header(e, t0, t0Known, *w.T1)
}

// header compares a gap record with its entry's header. Field n is the number
// lost or, as where that is unknown, 0.
func (g *gap) header(e *Entry, t0 int64, t0Known bool, t1 int64) error {
	switch {
	case e.N != 0 && int64(e.N) != min(g.n, math.MaxUint32):
		return fmt.Errorf("field n is %d, the record declares %s", e.N, g.number())
	case e.T1 != t1:
		return fmt.Errorf("field t1 is %d, the record's is %d", e.T1, t1)
	case t0Known && e.T0 != t0:
		return fmt.Errorf("field t0 is %d, the record's is %d", e.T0, t0)
	}
	return nil
}

func (g *gap) number() string {
	if g.n < 0 {
		return "an unknown number"
	}
	return fmt.Sprint(g.n)
}

// orNull reads a number or null; a member that is not there is neither.
func orNull(name string, raw json.RawMessage, least int64) (n int64, known bool, err error) {
	if string(raw) == "null" {
		return -1, false, nil
	}
	if err := json.Unmarshal(raw, &n); err != nil || n < least {
		return 0, false, fmt.Errorf("its %s is %.40q, neither a number nor null", name, raw)
	}
	return n, true, nil
}
