package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// bootA and bootB are boots of a device.
const (
	bootA = "0a0b0c0d-1111-2222-3333-444455556666"
	bootB = "0a0b0c0d-1111-2222-3333-777788889999"
)

// item is a stream entry before it is one.
type item struct {
	lane   frame.Lane
	values map[string]any
}

// maker makes entries as docs/wire.md describes them, with the project's codec
// for the payload and nothing else of it.
type maker struct {
	t   testing.TB
	enc *frame.Encoder
	dec frame.Decoder
}

func newMaker(t testing.TB) *maker {
	t.Helper()
	schema := &frame.Schema{Channels: []frame.Channel{
		{Name: "greenhouse/temperature", Unit: "Cel", Resolution: 0.01}, {Name: "greenhouse/humidity", Unit: "%RH", Resolution: 0.1},
	}}
	return &maker{t: t, enc: frame.NewEncoder(schema, 64)}
}

// data is a frame of n samples, a millisecond apart.
func (m *maker) data(lane frame.Lane, epoch, seq uint64, n int) item {
	m.t.Helper()
	t0 := int64(1780315200000 + seq*1000)
	f := &frame.Frame{Payload: make([]byte, 0, 4096)}
	samples := make([]drivers.Sample, n)
	for i := range samples {
		samples[i] = drivers.Sample{Stamp: (int64(seq)*1000 + int64(i/2)) * 1e6, Channel: uint16(i % 2), Value: 21.5}
	}
	if err := m.enc.Encode(f, samples); err != nil {
		m.t.Fatal(err)
	}
	v := header(epoch, seq, fmt.Sprint(n), t0, t0+int64(max(n-1, 0)/2))
	v["enc"], v["d"] = "compact", string(f.Payload)
	if seq%2 == 0 {
		if err := m.dec.Decode(f.Payload, f.N, f.T0); err != nil {
			m.t.Fatal(err)
		}
		v["enc"], v["d"] = "senml", string(frame.AppendSenML(nil, "pi-01", &m.dec, 1780315200000, true))
	}
	return item{lane, v}
}

// gapOf is a gap record; n < 0 is an unknown number.
func (m *maker) gapOf(lane frame.Lane, epoch, seq uint64, cause string, n int) item {
	number, field := "null", "0"
	if n >= 0 {
		number, field = fmt.Sprint(n), fmt.Sprint(n)
	}
	v := header(epoch, seq, field, 1780315200000, 1780315201000)
	v["enc"] = "gap"
	v["d"] = fmt.Sprintf(`{"cause":%q,"n":%s,"t0":1780315200000,"t1":1780315201000}`, cause, number)
	return item{lane, v}
}

func header(epoch, seq uint64, n string, t0, t1 int64) map[string]any {
	return map[string]any{
		"dev": "pi-01", "ep": fmt.Sprint(epoch), "seq": fmt.Sprint(seq), "n": n, "t0": fmt.Sprint(t0), "t1": fmt.Sprint(t1),
		"q": "ntp", "boot": bootA,
	}
}

// frames are the frames first to last of an epoch, of two samples each.
func (m *maker) frames(lane frame.Lane, epoch, first, last uint64) (out []item) {
	for seq := first; seq <= last; seq++ {
		out = append(out, m.data(lane, epoch, seq, 2))
	}
	return out
}

// feed gives a history to an auditor. Each entry's place is its number in it.
func feed(a *Auditor, items []item) {
	for i, it := range items {
		at := fmt.Sprintf("%d-0", i+1)
		e := Entry{Shard: 0, Lane: it.lane, At: at}
		if err := e.Parse(it.values); err != nil {
			a.Foreign("telhub:{0}:"+it.lane.String(), at, err)
			continue
		}
		a.Add(&e)
	}
}

// found lists what a report has found, one a line: kind, frames, place.
func found(r *Report) (out []string) {
	for _, d := range r.Devices {
		for _, f := range d.Findings {
			out = append(out, line1(&f))
		}
	}
	for _, f := range r.Foreign {
		out = append(out, line1(&f))
	}
	return out
}

func line1(f *Finding) string {
	s := string(f.Kind) + " " + f.ID
	if f.Until != "" {
		s += " " + f.Until
	}
	if f.At != "" && f.Kind != MarkDiffers {
		s += " @" + f.At
	}
	return s
}

// wantFound compares what was found, in any order, and wants the report to
// agree with itself.
func wantFound(t *testing.T, r *Report, want ...string) {
	t.Helper()
	got := found(r)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("found\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	if r.Balanced != (len(want) == 0) || r.Unexplained != len(want) {
		t.Errorf("balanced is %v with %d unexplained, want %d", r.Balanced, r.Unexplained, len(want))
	}
	for _, f := range r.Foreign {
		if f.Text == "" || f.Cure == "" {
			t.Errorf("finding %+v says nothing", f)
		}
	}
}
