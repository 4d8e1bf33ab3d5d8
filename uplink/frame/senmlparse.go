package frame

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Measurement is one record of a SenML pack, resolved as RFC 8428 section 4.6
// says, but for times relative to now: Time is what the pack holds.
type Measurement struct {
	Name   string
	Unit   string
	Time   float64  // seconds; below 2^28 relative to now (section 4.5.3), or to boot in a frame without date
	Value  *float64 // at most one of Value, Text, Bool and Data is set; none if Sum is
	Text   *string
	Bool   *bool
	Data   *string // base64url without padding
	Sum    *float64
	Update float64 // update time, seconds
}

// senmlVersion is the version of RFC 8428 (section 4.4).
const senmlVersion = 10

// ParseSenML reads a SenML pack in JSON and resolves its base values (RFC
// 8428, sections 4.1 to 4.6). It is for readers of the stream, not for the
// path of samples: it allocates.
func ParseSenML(pack []byte) ([]Measurement, error) {
	var records []map[string]json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(pack))
	if err := dec.Decode(&records); err != nil {
		return nil, fmt.Errorf("senml: not an array of records: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("senml: something follows the array")
	}
	if len(records) == 0 {
		return nil, errors.New("senml: the pack has no record")
	}
	base := senmlBase{version: senmlVersion}
	out := make([]Measurement, 0, len(records))
	for i, r := range records {
		m, err := base.resolve(r, i == 0)
		if err != nil {
			return nil, fmt.Errorf("senml: record %d: %w", i+1, err)
		}
		out = append(out, m)
	}
	return out, nil
}

// senmlBase holds the base values in force.
type senmlBase struct {
	name, unit       string
	time, value, sum float64
	version          float64
}

// resolve turns a record into a measurement and updates the base values.
func (b *senmlBase) resolve(r map[string]json.RawMessage, first bool) (m Measurement, err error) {
	if err := b.update(r, first); err != nil {
		return m, err
	}
	var name string
	m.Unit, m.Time = b.unit, 0
	for label, dst := range map[string]any{
		"n": &name, "u": &m.Unit, "t": &m.Time, "ut": &m.Update,
		"v": &m.Value, "vs": &m.Text, "vb": &m.Bool, "vd": &m.Data, "s": &m.Sum,
	} {
		if err := field(r, label, dst); err != nil {
			return m, err
		}
	}
	m.Name = b.name + name
	m.Time += b.time
	if m.Name == "" {
		return m, errors.New("neither n nor bn gives it a name")
	}
	if m.Value != nil {
		*m.Value += b.value
	}
	if m.Sum != nil {
		*m.Sum += b.sum
	}
	return m, m.check()
}

// check reports values that a record may not have together (section 4.2).
func (m *Measurement) check() error {
	values := 0
	for _, set := range []bool{m.Value != nil, m.Text != nil, m.Bool != nil, m.Data != nil} {
		if set {
			values++
		}
	}
	switch {
	case values > 1:
		return fmt.Errorf("%q has %d of v, vs, vb and vd, at most one is allowed", m.Name, values)
	case values == 0 && m.Sum == nil:
		return fmt.Errorf("%q has none of v, vs, vb, vd and s", m.Name)
	}
	return nil
}

// update takes over a record's base values (section 4.1).
func (b *senmlBase) update(r map[string]json.RawMessage, first bool) error {
	version := b.version
	for label, dst := range map[string]any{
		"bn": &b.name, "bu": &b.unit, "bt": &b.time, "bv": &b.value, "bs": &b.sum, "bver": &version,
	} {
		if err := field(r, label, dst); err != nil {
			return err
		}
	}
	switch {
	case version > senmlVersion:
		return fmt.Errorf("bver %g: only versions up to %d are known", version, senmlVersion)
	case !first && version != b.version:
		return fmt.Errorf("bver %g: the pack began with %g", version, b.version)
	}
	b.version = version
	for label := range r {
		if strings.HasSuffix(label, "_") { // section 4.4: must be understood
			return fmt.Errorf("field %q must be understood and is not known", label)
		}
	}
	return nil
}

// field reads one field if the record has it.
func field(r map[string]json.RawMessage, label string, dst any) error {
	raw, ok := r[label]
	if !ok {
		return nil
	}
	if string(raw) == "null" {
		return fmt.Errorf("%s is null", label)
	}
	if err := json.Unmarshal(raw, dst); err != nil {
		return fmt.Errorf("%s = %.40s: %w", label, raw, err)
	}
	return nil
}
