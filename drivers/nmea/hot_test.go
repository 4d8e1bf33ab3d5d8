package nmea

import (
	"math"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
)

func TestDecodingAllocatesNothing(t *testing.T) {
	d := New()
	var r drivers.Reading
	for _, name := range []string{"neo-m8n.log", "gp-320fw-2019-04-07-coldboot.log", "ublox-neo-m8n.log", "beidou-bd.log"} {
		data := readCapture(t, name)
		if got := testing.AllocsPerRun(5, func() {
			for p := data; len(p) > 0; {
				n, _ := d.Feed(p, 1, &r)
				p = p[n:]
			}
			d.Idle(time.Second, &r)
			d.Time()
		}); got != 0 {
			t.Errorf("%s: %v allocations, want 0", name, got)
		}
	}
}

func BenchmarkFeed(b *testing.B) {
	data := readCapture(b, "neo-m8n.log")
	d := New()
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
	f.Add([]byte(lines(gga1, rmc1, "WIXDR,C,22.5,C,TEMPAIR")), uint8(3))
	f.Add(readCapture(f, "gp-320fw-2019-04-07-coldboot.log")[1400:2400], uint8(40)) // long seeds are slow to minimise
	f.Add([]byte("$GPGGA,1,2,N,3,E,1,4,5,6,M,7,M,,*\r\n$\x00!*"), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, chunk uint8) {
		d := New()
		var r drivers.Reading
		for at := 0; at < len(data); {
			end := min(at+int(chunk)+1, len(data))
			n, ok := d.Feed(data[at:end], int64(at+1), &r)
			if n < 1 || n > end-at {
				t.Fatalf("Feed consumed %d of %d", n, end-at)
			}
			if ok {
				plausible(t, &r, int64(at+1))
			}
			at += n
		}
		if d.Idle(time.Second, &r) {
			plausible(t, &r, int64(len(data)))
		}
	})
}

// plausible checks what must hold for any input.
func plausible(t *testing.T, r *drivers.Reading, now int64) {
	t.Helper()
	if r.Empty() || r.Stamp < 1 || r.Stamp > now {
		t.Fatalf("reading empty (%v) or with stamp %d at %d", r.Empty(), r.Stamp, now)
	}
	if r.Has(outLat) != r.Has(outLon) {
		t.Fatal("half a position")
	}
	if r.Has(outLat) && (math.Abs(r.Values[outLat]) > 90 || math.Abs(r.Values[outLon]) > 180) {
		t.Fatalf("position %v, %v", r.Values[outLat], r.Values[outLon])
	}
	if r.Has(outFix) && r.Values[outFix] == 0 && r.Has(outLat) {
		t.Fatal("a position without a fix")
	}
}
