package frame

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/telhub/telhub/drivers"
)

func FuzzDecode(f *testing.F) {
	for _, v := range vectors() {
		e, fr := NewEncoder(v.schema, max(1, len(v.samples))), newFrame(v.schema, len(v.samples))
		if err := e.Encode(fr, v.samples); err != nil {
			f.Fatal(err)
		}
		f.Add(fr.Payload, fr.N, fr.T0)
	}
	var d Decoder
	f.Fuzz(func(t *testing.T, payload []byte, n uint32, t0 int64) {
		if d.Decode(payload, n%2000, t0) != nil {
			return
		}
		readAll(t, &d)
		if pack := AppendSenML(nil, "d", &d, 0, true); len(pack) > SenMLSize("d", &d) {
			t.Fatalf("%d bytes of SenML, SenMLSize says %d", len(pack), SenMLSize("d", &d))
		}
	})
}

// fuzzSamples reads samples from bytes: seven for most, more where a value is
// given bit by bit.
func fuzzSamples(s *Schema, b []byte) (samples []drivers.Sample) {
	stamp := int64(0)
	for len(b) >= 15 && len(samples) < 300 {
		x := drivers.Sample{Channel: uint16(int(b[0]) % len(s.Channels))}
		raw := binary.LittleEndian.Uint64(b[7:])
		switch b[1] % 8 {
		case 0:
			if x.Kind, x.Quality = drivers.KindStatus, drivers.Quality(b[2]%4); b[2]&4 != 0 {
				x.Kind, x.Quality, x.Alarm = drivers.KindAlarm, 0, drivers.Alarm(b[2]%4)
			}
		case 1:
			x.Value = math.Float64frombits(raw)
		case 2:
			x.Value = float64(math.Float32frombits(uint32(raw)))
		case 3:
			x.Value = float64(int8(b[2])) * s.Channels[x.Channel].Resolution
		case 4:
			x.Value = float64(int16(raw)) / 3
		default:
			x.Value = float64(int8(b[2])) / 10
		}
		if x.Value-x.Value != 0 {
			x.Value = 0
		}
		step := 7
		if b[1]%8 == 1 || b[1]%8 == 2 || b[1]%8 == 4 {
			step = 15
		}
		stamp += int64(int32(binary.LittleEndian.Uint32(b[3:]))) << (b[1] >> 3)
		x.Stamp = stamp
		samples = append(samples, x)
		b = b[step:]
	}
	return samples
}

func FuzzRoundTrip(f *testing.F) {
	s, _ := mixed(11)
	s = wide(s)
	f.Add([]byte("0123456789abcdef0123456789abcdef0123456789abcdef"))
	f.Add(make([]byte, 400))
	enc, frozen := NewEncoder(s, 300), NewEncoder(s, 300)
	f.Fuzz(func(t *testing.T, b []byte) {
		samples := fuzzSamples(s, b)
		fr := newFrame(s, len(samples))
		if err := enc.Encode(fr, samples); err != nil {
			t.Fatal(err)
		}
		checkDecodes(t, s, samples, fr)
		if err := frozen.Encode(fr, samples); err != nil {
			t.Fatal(err)
		}
		frozen.write(fr.Payload[:0], samples, true)
		if frozen.rc.over {
			t.Fatalf("%d samples do not fit into %d bytes", len(samples), cap(fr.Payload))
		}
		fr.Payload = frozen.rc.buf
		checkDecodes(t, s, samples, fr)
	})
}

func FuzzParseSenML(f *testing.F) {
	f.Add([]byte(`[{"bn":"pi-01/","bt":1700000000.25,"n":"a/b","u":"Cel","v":21.53},{"n":"a/c/status","t":10.002,"vs":"lost"}]`))
	f.Add([]byte(`[{"bn":"pi-01/","bt":1,"n":"a/b/alarm","vs":"high"},{"n":"a/b/alarm","t":0.5,"vs":"clear"}]`))
	f.Add([]byte(`[{"n":"a","bv":1,"bs":2,"v":1e308,"s":3,"ut":4,"bver":10,"vd":"aGk"}]`))
	f.Fuzz(func(t *testing.T, pack []byte) {
		records, err := ParseSenML(pack)
		if (err == nil) == (len(records) == 0) {
			t.Fatalf("%d records, error %v", len(records), err)
		}
		for _, m := range records {
			if m.Name == "" {
				t.Fatalf("a record without name: %+v", m)
			}
		}
	})
}
