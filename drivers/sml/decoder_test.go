package sml

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
)

// "123456789" has the check values 906E and 2189 (KERMIT) in every
// catalogue of CRCs.
func TestCRC(t *testing.T) {
	if got := x25([]byte("123456789")); got != [2]byte{0x6E, 0x90} {
		t.Errorf("X-25: got % x", got)
	}
	if got := kermit([]byte("123456789")); got != [2]byte{0x21, 0x89} {
		t.Errorf("KERMIT: got % x", got)
	}
}

// wrap puts messages into a file.
func wrap(messages []byte, fill int, sum func([]byte) [2]byte) []byte {
	file := append([]byte("\x1b\x1b\x1b\x1b\x01\x01\x01\x01"), bytes.ReplaceAll(messages, []byte("\x1b\x1b\x1b\x1b"), []byte("\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b"))...)
	file = append(file, make([]byte, fill)...)
	file = append(file, 0x1b, 0x1b, 0x1b, 0x1b, 0x1a, byte(fill))
	crc := sum(file)
	return append(file, crc[0], crc[1])
}

// list is a message with a value list of the given entries, whose number is up to 15.
func list15(n int, entries string) []byte {
	return []byte("\x76\x02\x01\x62\x00\x62\x00\x72\x63\x07\x01\x77\x01\x03\x0a\x0b\x01\x01" +
		string([]byte{0x70 | byte(n)}) + entries + "\x01\x01\x63\x00\x00\x00")
}

// power is an entry 1-0:16.7.0 in W of the value 5.
const power = "\x77\x07\x01\x00\x10\x07\x00\xff\x01\x01\x62\x1b\x52\x00\x52\x05\x01"

func TestQuirks(t *testing.T) {
	plain := list15(1, power)
	for _, tt := range []struct {
		name string
		file []byte
		want string
	}{
		{"plain", wrap(plain, 2, x25), "power=5"},
		{"filling missing", wrap(plain, 0, x25), "power=5"},
		{"filling counted wrongly", func() []byte {
			f := wrap(plain, 0, x25)
			f[len(f)-3] = 3
			crc := x25(f[:len(f)-2])
			return append(f[:len(f)-2], crc[:]...)
		}(), "power=5"},
		{"much filling", wrap(plain, 30, x25), "power=5"},
		{"no end of message", wrap(plain[:len(plain)-1], 0, x25), ""},
		{"kermit, high byte first", wrap(plain, 2, kermit), "power=5"},
		{"kermit, low byte first", wrap(plain, 2, func(p []byte) [2]byte { c := kermit(p); return [2]byte{c[1], c[0]} }), ""},
		{"two lists", wrap(append(bytes.Clone(plain), list15(1, strings.Replace(power, "\x10", "\x24", 1))...), 0, x25), "power=5 power_l1=5"},
		{"no entries", wrap(list15(0, ""), 0, x25), ""},
		{"entry of six", wrap(list15(1, "\x76"+power[1:len(power)-1]), 0, x25), ""},
		{"list cut short", wrap(list15(2, power), 0, x25), ""},
		{"lists within lists", wrap(list15(2, power+"\x77\x07\x01\x00\x10\x07\x00\xff\x01\x73\x01\x72\x62\x01\x62\x02\x01\x62\x1b\x52\x00\x72\x62\x05\x62\x06\x01"), 0, x25), "power=5"},
		{"lists without end", wrap(append(bytes.Repeat([]byte{0x76}, 200), plain...), 0, x25), ""},
		{"a long octet string", wrap(list15(2, power+"\x77\x07\x01\x00\x60\x01\x00\xff\x01\x01\x01\x01\x8f\x02"+strings.Repeat("x", 0xf0)+"\x01"), 0, x25), "power=5"},
		{"a length without end", wrap(list15(1, "\x77\x8f\x8f\x8f\x8f\x8f\x0f"), 0, x25), ""},
		{"a number of nine bytes", wrap(list15(2, power+strings.Replace(strings.Replace(power, "\x10", "\x24", 1), "\x52\x05", "\x5a123456789", 1)), 0, x25), "power=5"},
		{"a power in volts", wrap(list15(1, strings.Replace(power, "\x1b", "\x23", 1)), 0, x25), ""},
		{"an unknown unit", wrap(list15(1, strings.Replace(power, "\x1b", "\xc8", 1)), 0, x25), ""},
		{"a scaler that is a text", wrap(list15(1, strings.Replace(power, "\x52\x00\x52", "\x02A\x52", 1)), 0, x25), ""},
		{"an infinite value", wrap(list15(1, strings.Replace(power, "\x52\x00\x52\x05", "\x53\x01\x90\x52\x05", 1)), 0, x25), "power=bad"},
		{"more filling than is allowed", wrap(plain, 200, x25), "power=5"},
	} {
		d := newDecoder(t, Options{})
		got := ""
		for _, r := range feed(d, tt.file, nil) {
			for i, o := range d.Outputs() {
				switch {
				case r.Has(i):
					got += fmt.Sprintf(" %s=%v", o.Name, r.Values[i])
				case r.IsBad(i):
					got += fmt.Sprintf(" %s=bad", o.Name)
				}
			}
		}
		if got = strings.TrimSpace(got); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// A file of the other checksum is either damage or another meter's.
func TestTheChecksumIsKept(t *testing.T) {
	a, b := wrap(list15(1, power), 2, x25), wrap(list15(1, power), 2, kermit)
	d := newDecoder(t, Options{})
	if got := feed(d, bytes.Join([][]byte{a, b, a}, nil), nil); len(got) != 2 {
		t.Errorf("%d readings, want 2", len(got))
	}
	d.Reset()
	if got := feed(d, bytes.Join([][]byte{b, a, b}, nil), nil); len(got) != 2 {
		t.Errorf("after Reset: %d readings, want 2", len(got))
	}
	if s := d.Stats(); s.Good != 4 || s.Corrupt != 2 || s.Kermit != 2 {
		t.Errorf("%+v", s)
	}
}

func TestServer(t *testing.T) {
	usual := files(t)["usual"]
	d := newDecoder(t, Options{Server: "0A01 5453 5400 042C 1D81"})
	if got := feed(d, usual, nil); len(got) != 1 {
		t.Errorf("%d readings of the meter that was named", len(got))
	}
	d = newDecoder(t, Options{Server: "0a01545354000000000a"})
	if got := feed(d, usual, nil); len(got) != 0 || d.Stats().Foreign != 1 || d.Stats().Good != 1 {
		t.Errorf("%d readings of another meter, %+v", len(got), d.Stats())
	}
}

func TestIdleAndReset(t *testing.T) {
	usual := files(t)["usual"]
	var r drivers.Reading
	d := newDecoder(t, Options{})
	feed(d, usual[:300], nil)
	d.Idle(fileGap-1, &r)
	if got := feed(d, usual[300:], nil); len(got) != 1 {
		t.Error("a stutter costs the file")
	}
	feed(d, usual[:300], nil)
	d.Idle(fileGap, &r)
	if got := feed(d, usual[300:], nil); len(got) != 0 || d.Stats().Corrupt != 1 {
		t.Errorf("%d readings of a half file, %+v", len(got), d.Stats())
	}
	feed(d, usual[:300], nil)
	d.Reset()
	if got := feed(d, usual[300:], nil); len(got) != 0 || d.Stats().Corrupt != 1 {
		t.Errorf("after Reset: %d readings, %+v", len(got), d.Stats())
	}
	endless := append(bytes.Clone(usual[:8]), make([]byte, 2*maxFile)...)
	if got := feed(d, append(endless, usual...), nil); len(got) != 1 || d.Stats().Corrupt != 2 {
		t.Errorf("after an endless file: %d readings, %+v", len(got), d.Stats())
	}
	if got := feed(d, append([]byte("\x1b\x1b\x1b\x1b\x01\x01\x01\x01\x1b\x1b\x1b\x1b\x02\x00\x00\x01"), usual...), nil); len(got) != 1 || d.Stats().Corrupt != 3 {
		t.Errorf("after an unknown sequence: %d readings, %+v", len(got), d.Stats())
	}
}

func TestFurtherOutputs(t *testing.T) {
	d := newDecoder(t, Options{Outputs: []Output{{Name: "quality", Key: "1-0:81.7.3"}, {Name: "gas", Key: "7-0:3.0.0*255", Unit: "m3", Resolution: 0.01}}})
	file := wrap(list15(2, "\x77\x07\x07\x00\x03\x00\x00\xff\x01\x01\x62\x0d\x52\xfe\x63\x30\x39\x01"+"\x77\x07\x01\x00\x51\x07\x03\xff\x01\x01\x01\x01\x52\x05\x01"), 0, x25)
	got := feed(d, file, nil)
	if len(got) != 1 || fmt.Sprint(values(d, &got[0])) != "map[gas:123.45 quality:5]" {
		t.Fatalf("got %v", got)
	}
	for _, tt := range []struct {
		opt  Options
		want string
	}{
		{Options{Server: "xyz"}, `server "xyz": want the meter's server ID`},
		{Options{Outputs: []Output{{Name: "x", Key: "1.8.0"}}}, `output "x": key "1.8.0": want an OBIS code`},
		{Options{Outputs: []Output{{Name: "x", Key: "1-0:15.8.0", Unit: "kWh"}}}, `unit "kWh": want one of`},
		{Options{Outputs: []Output{{Name: "x", Key: "1-0:1.8.0", Unit: "J"}}}, "its entry is the output energy_import already"},
		{Options{Outputs: []Output{{Name: "power", Key: "1-0:99.8.0", Unit: "J"}}}, "choose another"},
	} {
		if _, err := New(tt.opt); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "sml: ") {
			t.Errorf("%+v: got %v, want %s", tt.opt, err, tt.want)
		}
	}
	many := Options{}
	for i := range drivers.MaxOutputs {
		many.Outputs = append(many.Outputs, Output{Name: fmt.Sprint("x", i), Key: fmt.Sprintf("1-0:200.%d.0", i)})
	}
	if _, err := New(many); err == nil || !strings.Contains(err.Error(), "want at most") {
		t.Errorf("too many outputs: %v", err)
	}
}

func TestOutputsAreNamedAndFit(t *testing.T) {
	out := newDecoder(t, Options{}).Outputs()
	if len(out) > drivers.MaxOutputs {
		t.Fatalf("%d outputs", len(out))
	}
	seen := map[string]bool{}
	for i, o := range out {
		if o.Name == "" || seen[o.Name] || o.Resolution <= 0 {
			t.Errorf("output %d: %+v is empty or doubled", i, o)
		}
		seen[o.Name] = true
	}
}

func TestDecodingAllocatesNothing(t *testing.T) {
	d := newDecoder(t, Options{})
	var r drivers.Reading
	var inputs [][]byte
	for _, data := range files(t) {
		damaged := bytes.Clone(data)
		damaged[len(damaged)/2] ^= 1
		inputs = append(inputs, data, damaged, data[:40])
	}
	inputs = append(inputs, wrap(list15(1, "\x77\x8f\x8f\x8f\x8f\x8f\x0f"), 0, x25))
	for i, p := range inputs {
		if got := testing.AllocsPerRun(20, func() {
			for q := p; len(q) > 0; {
				n, _ := d.Feed(q, 1, &r)
				q = q[n:]
			}
			d.Idle(time.Minute, &r)
		}); got != 0 {
			t.Errorf("input %d: %v allocations, want 0", i, got)
		}
	}
}

func BenchmarkFeed(b *testing.B) {
	data := files(b)["usual"]
	d := newDecoder(b, Options{})
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

// FuzzDecoder feeds whole streams; FuzzMessages what a right checksum lets through.
func FuzzDecoder(f *testing.F) {
	for _, data := range files(f) {
		f.Add(data, uint8(9))
	}
	f.Fuzz(func(t *testing.T, data []byte, chunk uint8) {
		d, whole := newDecoder(t, Options{}), newDecoder(t, Options{})
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
		if got := len(feed(whole, data, nil)); got != n || d.Stats() != whole.Stats() {
			t.Fatalf("%d readings and %+v in one piece, %d and %+v in pieces of %d", got, whole.Stats(), n, d.Stats(), int(chunk)+1)
		}
	})
}

func FuzzMessages(f *testing.F) {
	for _, data := range files(f) {
		f.Add(data[8:len(data)-8], uint8(0))
	}
	f.Add(list15(1, power), uint8(1))
	f.Fuzz(func(t *testing.T, messages []byte, fill uint8) {
		d := newDecoder(t, Options{})
		file := wrap(messages, int(fill%4), x25)
		if len(file) > maxFile {
			return
		}
		r := feed(d, file, nil)
		good, corrupt := d.Counts()
		if good+corrupt != 1 || len(r) > int(good) {
			t.Fatalf("%d readings, counts %d, %d of one file", len(r), good, corrupt)
		}
		var tr transport
		tr.reset()
		for i, c := range file {
			if e := tr.receive(c); (e == complete) != (i == len(file)-1) {
				t.Fatalf("event %d at byte %d of %d", e, i, len(file))
			}
		}
		if got := tr.messages(); !bytes.Equal(got, append(bytes.Clone(messages), make([]byte, fill%4)...)) {
			t.Fatalf("got % x, want % x and %d bytes of filling", got, messages, fill%4)
		}
	})
}
