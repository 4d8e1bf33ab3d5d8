package p1

import (
	"bytes"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
)

func TestDecodingAllocatesNothing(t *testing.T) {
	const key = "056F9B0CFEDF150E889BEAD52FA7A174"
	opt := central
	opt.Key = key
	sealedDecoder := newDecoder(t, opt)
	plainDecoder := newDecoder(t, central)
	var r drivers.Reading
	for name, data := range telegrams(t) {
		frame := seal(t, key, 7, data)
		broken := bytes.Clone(frame)
		broken[len(broken)/2] ^= 1
		damaged := bytes.Clone(data)
		damaged[len(damaged)/2] ^= 1
		for d, inputs := range map[*Decoder][][]byte{sealedDecoder: {frame, broken, data}, plainDecoder: {data, damaged, data[:50], frame}} {
			for i, p := range inputs {
				if got := testing.AllocsPerRun(20, func() {
					for q := p; len(q) > 0; {
						n, _ := d.Feed(q, 1, &r)
						q = q[n:]
					}
					d.Idle(time.Minute, &r)
				}); got != 0 {
					t.Errorf("%s, input %d: %v allocations, want 0", name, i, got)
				}
			}
		}
	}
	if good, corrupt := sealedDecoder.Counts(); good == 0 || corrupt == 0 {
		t.Errorf("counts %d, %d: the paths were not taken", good, corrupt)
	}
}

func BenchmarkFeed(b *testing.B) {
	data := telegrams(b)["telegram_v5"]
	d := newDecoder(b, central)
	var r drivers.Reading
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		for p := data; len(p) > 0; {
			n, _ := d.Feed(p, 1, &r)
			p = p[n:]
		}
	}
}

func FuzzDecoder(f *testing.F) {
	for _, data := range telegrams(f) {
		f.Add(data, uint8(9), false)
	}
	f.Add([]byte(telegramOf("0-1:24.1.0(003)", "0-1:24.3.0(161107190000)(00)(60)(1)(0-1:24.2.1)(m3)", "(1.0)")), uint8(200), false)
	f.Add([]byte("\xdb\x08ABCDEFGH\x82\x00\x20\x300000"), uint8(3), true)
	f.Fuzz(func(t *testing.T, data []byte, chunk uint8, key bool) {
		opt := Options{Zone: time.Hour, Clock: true}
		if key {
			opt.Key = DefaultAuth
		}
		d := newDecoder(t, opt)
		whole := newDecoder(t, opt)
		var r drivers.Reading
		n := 0
		for at := 0; at < len(data); {
			end := min(at+int(chunk)+1, len(data))
			used, ok := d.Feed(data[at:end], int64(at+1), &r)
			if used < 1 || used > end-at {
				t.Fatalf("Feed consumed %d of %d", used, end-at)
			}
			if ok {
				n++
				if r.Empty() || r.Stamp < 1 || r.Stamp > int64(at+1) {
					t.Fatalf("reading empty (%v) or with stamp %d at %d", r.Empty(), r.Stamp, at+1)
				}
			}
			at += used
		}
		if got := len(feed(whole, data, nil)); got != n {
			t.Fatalf("%d readings in one piece, %d in pieces of %d", got, n, int(chunk)+1)
		}
		if d.Stats() != whole.Stats() {
			t.Fatalf("%+v in one piece, %+v in pieces", whole.Stats(), d.Stats())
		}
		d.Idle(time.Minute, &r)
		if d.state != between || d.sealed.open() {
			t.Fatal("a minute of silence leaves something half received")
		}
	})
}
