package telemetry

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

const (
	statusSuffix = "/status"
	alarmSuffix  = "/alarm"
)

// record is a SenML record as docs/wire.md, section 5, has it.
type record struct {
	BaseName *string      `json:"bn"`
	BaseTime *json.Number `json:"bt"`
	Name     string       `json:"n"`
	Unit     string       `json:"u"`
	Time     *json.Number `json:"t"`
	Value    *float64     `json:"v"`
	Text     *string      `json:"vs"`
}

// readSenML reads a pack in milliseconds: no float comes between.
func (d *decoder) readSenML(f *Frame, payload []byte) error {
	clear(d.records[:cap(d.records)])
	d.records = d.records[:0]
	if err := json.Unmarshal(payload, &d.records); err != nil {
		return fmt.Errorf("not a SenML pack: %w", err)
	}
	var base int64
	f.Samples = make([]Sample, len(d.records))
	for i := range d.records {
		r := &d.records[i]
		if i == 0 {
			var err error
			if base, err = r.base(f.Device); err != nil {
				return err
			}
		}
		s, err := d.sample(r, base, i > 0)
		if err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
		f.Samples[i] = s
	}
	return nil
}

// base checks the base fields, which stand in the first record only.
func (r *record) base(device string) (int64, error) {
	switch {
	case r.BaseName == nil || *r.BaseName != device+"/":
		return 0, fmt.Errorf("its base name is not %q", device+"/")
	case r.BaseTime == nil:
		return 0, errors.New("it has no base time")
	}
	return millis(r.BaseTime.String())
}

func (d *decoder) sample(r *record, base int64, later bool) (s Sample, err error) {
	switch {
	case later && (r.BaseName != nil || r.BaseTime != nil):
		return s, errors.New("base fields stand in the first record only")
	case r.Name == "":
		return s, errors.New("it has no name")
	case (r.Value == nil) == (r.Text == nil):
		return s, errors.New("it has not one of v and vs")
	}
	s.Millis = base
	if r.Time != nil {
		t, err := millis(r.Time.String())
		if err != nil {
			return s, err
		}
		s.Millis += t
	}
	if r.Value != nil {
		s.Name, s.Unit, s.Value = d.intern([]byte(r.Name)), d.intern([]byte(r.Unit)), *r.Value
		return s, s.check()
	}
	name := r.Name
	if cut, ok := strings.CutSuffix(name, statusSuffix); ok {
		name, s.Kind = cut, Status
	} else if cut, ok := strings.CutSuffix(name, alarmSuffix); ok {
		name, s.Kind = cut, Alarm
	} else {
		return s, fmt.Errorf("the text of %.80q is neither a status nor an alarm", name)
	}
	if len(*r.Text) > maxWord || *r.Text == "" || !utf8.ValidString(*r.Text) || hasNUL(*r.Text) {
		return s, fmt.Errorf("what %.80q says, %.40q, is not a word", r.Name, *r.Text)
	}
	s.Name, s.Word = d.intern([]byte(name)), d.intern([]byte(*r.Text))
	return s, s.check()
}

// maxWord bounds the word of an event, and that of a cause.
const maxWord = 32

// millis converts seconds, a decimal with at most three places.
func millis(s string) (int64, error) {
	whole, places, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	if len(places) > 3 || len(whole) > 15 {
		return 0, fmt.Errorf("the time %.40s is not a decimal with at most three places", s)
	}
	var n int64
	for _, c := range whole + places + "000"[len(places):] {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("the time %.40s is not a decimal with at most three places", s)
		}
		n = n*10 + int64(c-'0')
	}
	if s[0] == '-' {
		n = -n
	}
	return n, nil
}

// readGap reads a gap record (docs/wire.md, section 4).
func readGap(payload []byte) (*Gap, error) {
	var w struct {
		Cause    string          `json:"cause"`
		N        json.RawMessage `json:"n"`
		T0       json.RawMessage `json:"t0"`
		T1       *int64          `json:"t1"`
		Channels []string        `json:"channels"`
	}
	if err := json.Unmarshal(payload, &w); err != nil {
		return nil, fmt.Errorf("not a gap record: %w", err)
	}
	n, known, err := orNull("n", w.N, 0, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	if !known {
		n = -1
	}
	g := &Gap{Cause: w.Cause, N: n, Channels: w.Channels}
	if g.T0, g.T0Known, err = orNull("t0", w.T0, -maxMillis, maxMillis); err != nil {
		return nil, err
	}
	if w.Cause == "" || len(w.Cause) > maxWord || strings.Trim(w.Cause, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return nil, fmt.Errorf("its cause is %.40q, not a word", w.Cause)
	}
	if w.T1 == nil || *w.T1 < -maxMillis || *w.T1 > maxMillis {
		return nil, errors.New("it has no t1 that is a date")
	}
	g.T1 = *w.T1
	for _, c := range w.Channels {
		if !utf8.ValidString(c) || hasNUL(c) {
			return nil, fmt.Errorf("it names the channel %.80q", c)
		}
	}
	return g, nil
}

// orNull reads a number or null; a member that is not there is neither.
func orNull(name string, raw json.RawMessage, least, most int64) (n int64, known bool, err error) {
	if string(raw) == "null" {
		return 0, false, nil
	}
	if err := json.Unmarshal(raw, &n); err != nil || n < least || n > most {
		return 0, false, fmt.Errorf("its %s is %.40q, neither null nor a number from %d", name, raw, least)
	}
	return n, true, nil
}
