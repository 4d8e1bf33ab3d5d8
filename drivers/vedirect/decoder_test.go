package vedirect

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
)

// block makes a block of fields "LABEL\tVALUE" and its checksum.
func block(fields ...string) string {
	text := ""
	for _, f := range fields {
		text += "\r\n" + f
	}
	text += "\r\nChecksum\t"
	sum := 0
	for i := range len(text) {
		sum += int(text[i])
	}
	return text + string([]byte{byte((256 - sum%256) % 256)})
}

// Blocks as the protocol's tables say that the devices send them.
var (
	mpptBlock = block("PID\t0xA053", "FW\t159", "SER#\tHQ2132ABCDE", "V\t13790", "I\t-10", "VPV\t15950", "PPV\t14", "CS\t3", "MPPT\t2", "OR\t0x00000001",
		"ERR\t0", "LOAD\tON", "IL\t300", "H19\t10642", "H20\t1", "H21\t24", "H22\t3", "H23\t30", "HSDS\t363")
	bmvMain       = block("PID\t0x203", "V\t26201", "VS\t12340", "I\t-2040", "P\t-53", "CE\t-13240", "SOC\t876", "TTG\t1530", "Alarm\tOFF", "Relay\tOFF", "AR\t0", "BMV\t700", "FW\t0307", "T\t---")
	bmvHist       = block("H1\t-102738", "H2\t-13240", "H3\t-102738", "H4\t1", "H5\t0", "H6\t-215674", "H7\t18", "H8\t29972", "H9\t1036800", "H10\t1", "H11\t0", "H12\t0", "H15\t-22", "H16\t0", "H17\t4521", "H18\t5120")
	inverterBlock = block("PID\t0xA231", "FW\t0121", "SER#\tHQ1706", "MODE\t2", "CS\t9", "AC_OUT_V\t22987", "AC_OUT_I\t14", "AC_OUT_S\t322", "V\t12803", "AR\t0", "WARN\t4", "OR\t0x00000000")
)

func newDecoder(t testing.TB, device string) *Decoder {
	t.Helper()
	d, err := New(Options{Device: device})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// feed gives text to d in chunks that rng chooses, nil for one chunk. Each
// reading comes as text; stamps are the chunks' offsets plus one.
func feed(d *Decoder, text string, rng *rand.Rand) (readings []string) {
	var r drivers.Reading
	p := []byte(text)
	for at := 0; at < len(p); {
		end := len(p)
		if rng != nil {
			end = min(at+1+rng.IntN(40), len(p))
		}
		n, ok := d.Feed(p[at:end], int64(at+1), &r)
		if ok {
			readings = append(readings, show(d, &r))
			r.Reset()
		}
		at += n
	}
	return readings
}

func show(d *Decoder, r *drivers.Reading) string {
	var list []string
	for i, o := range d.Outputs() {
		switch {
		case r.Has(i):
			list = append(list, fmt.Sprintf("%s=%v", o.Name, r.Values[i]))
		case r.IsBad(i):
			list = append(list, o.Name+"=bad")
		}
	}
	return strings.Join(list, " ")
}

// begun is a decoder that has seen a silence: its first block is whole.
func begun(t testing.TB, device string) *Decoder {
	d := newDecoder(t, device)
	d.Idle(time.Second, new(drivers.Reading))
	return d
}

// What the blocks mean in SenML's units, worked out by hand from the
// protocol's table of fields.
const (
	mpptSays = "battery_voltage=13.79 pv_voltage=15.95 pv_power=14 battery_current=-0.01 load_current=0.3 load=1 off_reason=1 " +
		"yield_total=3.83112e+08 yield_today=36000 power_max_today=24 yield_yesterday=108000 power_max_yesterday=30 error=0 state=3 day=363 tracker=2"
	bmvSays = "battery_voltage=26.201 starter_voltage=12.34 battery_current=-2.04 power=-53 consumed_charge=-47664 soc=87.6 time_to_go=91800 " +
		"alarm=0 relay=0 alarm_reason=0"
	histSays = "deepest_discharge=-369856.8 last_discharge=-47664 average_discharge=-369856.8 charge_cycles=1 full_discharges=0 cumulative_discharge=-776426.4 " +
		"battery_voltage_min=0.018 battery_voltage_max=29.972 since_full_charge=1.0368e+06 synchronisations=1 low_voltage_alarms=0 high_voltage_alarms=0 " +
		"starter_voltage_min=-0.022 starter_voltage_max=0 discharged_energy=1.62756e+08 charged_energy=1.8432e+08"
	inverterSays = "battery_voltage=12.803 alarm_reason=0 off_reason=0 state=9 device_mode=2 ac_voltage=229.87 ac_current=1.4 ac_apparent_power=322 warning=4"
)

func TestBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	text := mpptBlock + bmvMain + bmvHist + inverterBlock
	want := []string{mpptSays, bmvSays, histSays, inverterSays}
	for round := range 100 {
		chunks := rng
		if round == 0 {
			chunks = nil
		}
		d := newDecoder(t, Any)
		got := feed(d, text, chunks)
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if good, corrupt := d.Counts(); good != 4 || corrupt != 0 {
			t.Fatalf("counts %d, %d", good, corrupt)
		}
	}
}

func TestDevices(t *testing.T) {
	for device, tt := range map[string]struct {
		text, says string
		not        string
	}{
		MPPT:     {mpptBlock, mpptSays, "soc"},
		BMV:      {bmvMain, bmvSays, "pv_power"},
		Inverter: {inverterBlock, inverterSays, "yield_total"},
	} {
		d := newDecoder(t, device)
		if got := feed(d, tt.text, nil); len(got) != 1 || got[0] != tt.says {
			t.Errorf("%s: got %q, want %q", device, got, tt.says)
		}
		for _, o := range d.Outputs() {
			if o.Name == tt.not {
				t.Errorf("%s has %s", device, tt.not)
			}
		}
	}
	if _, err := New(Options{Device: "toaster"}); err == nil || err.Error() != `vedirect: device "toaster": want any, mppt, bmv, inverter, charger or converter` {
		t.Errorf("got %v", err)
	}
}

// A HEX frame may come between any two bytes but before the checksum's own,
// which may be any byte, a : too.
func TestHexFramesAreTakenOut(t *testing.T) {
	for _, frame := range []string{":154\n", ":7F0ED0071\n", ":A0102000544\n", ":154\r\n"} {
		valid := frame != ":A0102000544\n" // its checksum is wrong on purpose
		for at := 0; at < len(mpptBlock); at++ {
			d := begun(t, Any)
			got := feed(d, mpptBlock[:at]+frame+mpptBlock[at:]+bmvMain, nil)
			switch s := d.Stats(); {
			case at == len(mpptBlock)-1: // the frame's : is taken as the checksum
				if len(got) != 0 {
					t.Errorf("%q before the checksum: got %q", frame, got)
				}
			case valid && (len(got) != 2 || got[0] != mpptSays || s.Frames != 1 || s.BadFrames != 0):
				t.Fatalf("%q at %d: got %q, %+v", frame, at, got, s)
			case !valid && at == 0:
				if len(got) != 2 || s.BadFrames != 1 {
					t.Errorf("%q between blocks: got %q, %+v", frame, got, s)
				}
			case !valid && (len(got) != 1 || got[0] != bmvSays || s.BadFrames != 1):
				t.Fatalf("%q at %d: got %q, %+v", frame, at, got, s)
			}
		}
	}
	for i := range 256 { // every byte is a checksum
		filler := []byte("AAAAAA") // raised until the sum is right
		text := block("V\t12000", "H99\t"+string(filler))
		for k := 0; text[len(text)-1] != byte(i); k++ {
			filler[k/50]++
			text = block("V\t12000", "H99\t"+string(filler))
		}
		d := begun(t, Any)
		if got := feed(d, text+mpptBlock, nil); len(got) != 2 || got[0] != "battery_voltage=12" || got[1] != mpptSays {
			t.Errorf("checksum %02X: got %q", i, got)
		}
	}
}

func TestValues(t *testing.T) {
	for _, tt := range []struct{ field, want string }{
		{"V\t0", "battery_voltage=0"}, {"V\t-5", "battery_voltage=-0.005"}, {"TTG\t-1", ""}, {"TTG\t1", "time_to_go=60"},
		{"V\t", "battery_voltage=bad"}, {"V\t12,5", "battery_voltage=bad"}, {"V\t0x10", "battery_voltage=bad"}, {"V\t1234567890123", "battery_voltage=bad"},
		{"LOAD\tOn", "load=1"}, {"LOAD\tOFF", "load=0"}, {"LOAD\tONE", "load=bad"}, {"OR\t0xFFFFFFFF", "off_reason=4.294967295e+09"}, {"OR\t1", "off_reason=bad"},
		{"OR\t0x123456789", "off_reason=bad"}, {"SOC\t1000", "soc=100"}, {"DM\t-12", "midpoint_deviation=-0.012"}, {"MON\t-9", "monitor=-9"},
		{"DC_IN_V\t2415", "input_voltage=24.15"}, {"H17\t1", "discharged_energy=36000"}, {"CE\t-1", "consumed_charge=-3.6"},
	} {
		got := strings.Join(feed(begun(t, Any), block(tt.field), nil), "|")
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.field, got, tt.want)
		}
	}
}

func TestNotAvailable(t *testing.T) {
	d := begun(t, BMV)
	got := feed(d, block("T\t---", "V\t1")+block("T\t21", "V\t1")+block("T\t---", "V\t1"), nil)
	want := []string{"battery_voltage=0.001", "battery_voltage=0.001 temperature=21", "battery_voltage=0.001 temperature=bad"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Damage that the checksum lets pass by chance is mostly damage to the form.
func TestDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range 1500 {
		bad := []byte(mpptBlock)
		switch at := rng.IntN(len(bad)); rng.IntN(3) {
		case 0:
			bad[at] ^= 1 << rng.IntN(8)
		case 1:
			bad = append(bad[:at], bad[at+1:]...)
		case 2:
			bad = bad[:at]
		}
		d := begun(t, Any)
		got := feed(d, string(bad)+mpptBlock+mpptBlock, rng)
		if len(got) == 0 {
			t.Fatalf("nothing after %q", bad)
		}
		for _, g := range got {
			if g != mpptSays {
				t.Fatalf("%q: got %q", bad, g)
			}
		}
	}
	for name, text := range map[string]string{
		"a label twice":              block("V\t1", "I\t2", "V\t1"),
		"no label":                   block("\t1"),
		"no TAB":                     block("V1"),
		"a long label":               block("ABCDEFGHIJKLM\t1"),
		"a long value":               block("FW\t" + strings.Repeat("1", 41)),
		"a control character":        block("FW\t1\x001"),
		"text before the block":      "x" + block("V\t1")[:len(block("V\t1"))-1] + string([]byte{block("V\t1")[len(block("V\t1"))-1] - 'x'}),
		"nothing but the checksum's": "\r\nChecksum\tx",
	} {
		d := begun(t, Any)
		if got := feed(d, text, nil); len(got) != 0 || d.Stats().Corrupt != 1 {
			t.Errorf("%s: got %q, %+v", name, got, d.Stats())
		}
		if got := feed(d, mpptBlock, nil); len(got) != 1 {
			t.Errorf("%s: the next block is lost", name)
		}
	}
}

func TestTheFirstHalfBlockIsNotCounted(t *testing.T) {
	d := newDecoder(t, Any)
	got := feed(d, mpptBlock[100:]+mpptBlock, nil)
	if good, corrupt := d.Counts(); len(got) != 1 || good != 1 || corrupt != 0 {
		t.Errorf("got %q, counts %d, %d", got, good, corrupt)
	}
	feed(d, mpptBlock[:100], nil)
	d.Reset()
	got = feed(d, mpptBlock[100:]+mpptBlock, nil)
	if good, corrupt := d.Counts(); len(got) != 1 || good != 2 || corrupt != 0 {
		t.Errorf("after Reset: got %q, counts %d, %d", got, good, corrupt)
	}
	var r drivers.Reading
	feed(d, mpptBlock[:100], nil)
	d.Idle(blockGap-1, &r)
	if got := feed(d, mpptBlock[100:], nil); len(got) != 1 {
		t.Error("a stutter costs the block")
	}
	feed(d, mpptBlock[:100], nil)
	d.Idle(blockGap, &r)
	if got := feed(d, mpptBlock, nil); len(got) != 1 || d.Stats().Corrupt != 1 {
		t.Errorf("after a block that broke off: got %q, %+v", got, d.Stats())
	}
	feed(d, ":1", nil)
	d.Idle(blockGap, &r)
	if got := feed(d, mpptBlock, nil); len(got) != 1 || d.Stats().BadFrames != 1 {
		t.Errorf("after a frame that broke off: got %q, %+v", got, d.Stats())
	}
}

func TestStampIsTheFirstByte(t *testing.T) {
	d := begun(t, Any)
	var r drivers.Reading
	d.Feed([]byte(":154\n"), 3, &r)
	d.Feed([]byte(mpptBlock[:1]), 7, &r)
	if _, ok := d.Feed([]byte(mpptBlock[1:]), 9, &r); !ok || r.Stamp != 7 {
		t.Errorf("stamp %d, %v; want 7", r.Stamp, ok)
	}
}

func TestEndlessBlocksAreBounded(t *testing.T) {
	d := begun(t, Any)
	var many []string
	for i := range 400 {
		many = append(many, fmt.Sprintf("X%d\t1", i))
	}
	if got := feed(d, block(append(many, "V\t1")...)+mpptBlock, nil); len(got) != 1 || d.Stats().Corrupt != 1 {
		t.Errorf("got %q, %+v", got, d.Stats())
	}
}

func TestOutputsAreNamedAndFit(t *testing.T) {
	for _, device := range []string{Any, MPPT, BMV, Inverter, Charger, Converter} {
		out := newDecoder(t, device).Outputs()
		if len(out) > drivers.MaxOutputs || len(out) < 5 {
			t.Fatalf("%s: %d outputs", device, len(out))
		}
		seen := map[string]bool{}
		for i, o := range out {
			if o.Name == "" || seen[o.Name] || o.Resolution <= 0 {
				t.Errorf("%s, output %d: %+v is empty or doubled", device, i, o)
			}
			seen[o.Name] = true
		}
	}
}

func TestDecodingAllocatesNothing(t *testing.T) {
	d := newDecoder(t, Any)
	var r drivers.Reading
	for i, text := range []string{mpptBlock, bmvMain, bmvHist, inverterBlock, mpptBlock[:50], ":154\n", ":15\n:zz\n", "\x00\xff\r\rx\t", block("V\t1x", "LOAD\tz", "OR\tq")} {
		p := []byte(text)
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
	p := []byte(mpptBlock)
	d := newDecoder(b, Any)
	var r drivers.Reading
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		for q := p; len(q) > 0; {
			n, _ := d.Feed(q, 1, &r)
			q = q[n:]
		}
	}
}

func FuzzDecoder(f *testing.F) {
	for _, text := range []string{mpptBlock + bmvMain, bmvHist + ":154\n" + inverterBlock, mpptBlock[:40] + mpptBlock} {
		f.Add([]byte(text), uint8(7))
	}
	f.Fuzz(func(t *testing.T, data []byte, chunk uint8) {
		d, whole := begun(t, Any), begun(t, Any)
		var r drivers.Reading
		var got []string
		for at := 0; at < len(data); {
			end := min(at+int(chunk)+1, len(data))
			used, ok := d.Feed(data[at:end], int64(at+1), &r)
			if used < 1 || used > end-at {
				t.Fatalf("Feed consumed %d of %d", used, end-at)
			}
			if ok {
				got = append(got, show(d, &r))
				if r.Empty() || r.Stamp < 1 || r.Stamp > int64(at+1) {
					t.Fatalf("reading empty (%v) or with stamp %d at %d", r.Empty(), r.Stamp, at+1)
				}
				r.Reset()
			}
			at += used
		}
		if want := feed(whole, string(data), nil); strings.Join(got, "|") != strings.Join(want, "|") || d.Stats() != whole.Stats() {
			t.Fatalf("%q and %+v in one piece, %q and %+v in pieces of %d", want, whole.Stats(), got, d.Stats(), int(chunk)+1)
		}
		d.Idle(time.Minute, &r)
		if after := feed(d, mpptBlock, nil); len(after) != 1 || after[0] != mpptSays && !bytes.Contains([]byte(after[0]), []byte("bad")) {
			t.Fatalf("after a silence a whole block gives %q", after)
		}
	})
}
