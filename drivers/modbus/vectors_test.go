package modbus

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/crc"
	"github.com/telhub/telhub/drivers/link"
	"github.com/telhub/telhub/drivers/profile"
	"github.com/telhub/telhub/internal/toml"
)

// compile makes a program of TOML, which must be right.
func compile(t testing.TB, text string) *profile.Program {
	t.Helper()
	root, mistakes, ok := toml.Read([]byte(text))
	if !ok || len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	p, problems := profile.Compile("test", root.Plain().(map[string]any))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

// script answers each request with the next answer, nil with silence.
type script struct {
	answers [][]byte
	sent    [][]byte
	pending []byte
}

func (s *script) Write(p []byte) (int, error) {
	s.sent = append(s.sent, bytes.Clone(p))
	s.pending = nil
	if len(s.answers) > 0 {
		s.pending, s.answers = s.answers[0], s.answers[1:]
	}
	return len(p), nil
}

func (s *script) Discard() error { s.pending = nil; return nil }

func (s *script) ReadBefore(p []byte, _ time.Time) (int, error) {
	if len(s.pending) == 0 {
		return 0, drivers.ErrTimeout
	}
	n := copy(p, s.pending)
	s.pending = s.pending[n:]
	return n, nil
}

func device(t testing.TB, p *profile.Program, port link.Port, o Opts) *Device {
	t.Helper()
	l, err := link.New(port, link.Options{Name: "bus x"})
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(l, p, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// frames are published requests and answers; see testdata/frames.json for
// where each comes from.
func frames(t *testing.T) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/frames.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		RTU struct {
			Frames []struct{ Name, Frame string }
		} `json:"modbus_rtu_frames"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	m := make(map[string][]byte)
	for _, f := range file.RTU.Frames {
		m[f.Name] = unhex(t, f.Frame)
	}
	return m
}

// Frames that makers of devices and the Modbus organisation publish: the
// request is theirs, byte for byte, and their answer gives their values.
func TestPublishedExchanges(t *testing.T) {
	published := frames(t)
	for _, test := range []struct {
		name, profile     string
		unit              uint8
		request, response string
		within            float64 // what the publication rounds away
		want              map[string]float64
	}{
		{
			"Eastron SDM630", `out.voltage = { input = 0, type = "f32", unit = "V" }`, 1,
			"sdm630_voltage_req", "sdm630_voltage_resp_230.2V", 0.00002, map[string]float64{"voltage": 230.2},
		},
		{
			"KBR F144", `
				out.voltage = { input = 1, type = "f32", unit = "V" }
				out.current = { input = 3, type = "f32", unit = "A" }
				out.frequency = { input = 5, type = "f32", unit = "Hz" }`, 1,
			"kbr_F144_req", "kbr_F144_resp_235.35V_110.20A_50.012Hz",
			0.005, map[string]float64{"voltage": 235.35, "current": 110.20, "frequency": 50.012},
		},
		{
			"SenseAir S8", `out.co2 = { input = 3, type = "i16", unit = "ppm" }`, 0xFE,
			"senseair_s8_req", "senseair_s8_resp_400ppm", 0, map[string]float64{"co2": 400},
		},
		{
			"PZEM-004T", `
				order = "cdab"
				out.voltage = { input = 0, type = "u16", scale = 0.1, unit = "V" }
				out.current = { input = 1, type = "u32", scale = 0.001, unit = "A" }
				out.power = { input = 3, type = "u32", scale = 0.1, unit = "W" }
				out.energy = { input = 5, type = "u32", unit = "Wh" }
				out.frequency = { input = 7, type = "u16", scale = 0.1, unit = "Hz" }
				out.power_factor = { input = 8, type = "u16", scale = 0.01 }
				out.alarm = { input = 9, type = "u16" }`, 1,
			"pzem004t_v3_req", "pzem004t_v3_resp", 1e-12, map[string]float64{
				"voltage": 225.7, "current": 0.108, "power": 24.4, "energy": 38, "frequency": 50, "power_factor": 1, "alarm": 0,
			},
		},
		{
			"PZEM-017", `
				order = "cdab"
				out.voltage = { input = 0, type = "u16", scale = 0.01, unit = "V" }
				out.current = { input = 1, type = "u16", scale = 0.01, unit = "A" }
				out.power = { input = 2, type = "u32", scale = 0.1, unit = "W" }
				out.energy = { input = 4, type = "u32", unit = "Wh" }
				out.high_alarm = { input = 6, type = "u16" }
				out.low_alarm = { input = 7, type = "u16" }`, 1,
			"", "pzem017_dc_resp", 1e-12, map[string]float64{"voltage": 13.44, "current": 0.1, "power": 1.3, "energy": 2},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			port := &script{answers: [][]byte{published[test.response]}}
			d := device(t, compile(t, `kind = "modbus"`+"\n"+test.profile), port, Opts{Unit: test.unit})
			var r drivers.Reading
			if _, err := d.Read(&r); err != nil {
				t.Fatal(err)
			}
			if want := published[test.request]; want != nil && !bytes.Equal(port.sent[0], want) {
				t.Errorf("sent %x, want %x", port.sent[0], want)
			}
			for i, o := range d.Outputs() {
				if want, listed := test.want[o.Name]; listed && math.Abs(r.Values[i]-want) > test.within {
					t.Errorf("%s = %v, want %v", o.Name, r.Values[i], want)
				}
			}
		})
	}
}

func TestExceptionsAreToldApart(t *testing.T) {
	for code, want := range map[byte]error{1: drivers.ErrInvalid, 2: drivers.ErrInvalid, 6: drivers.ErrNotReady, 11: drivers.ErrNACK} {
		answer := []byte{0x0A, 0x81, code}
		answer = append(answer, byte(crc.Modbus(answer)), byte(crc.Modbus(answer)>>8))
		if code == 2 {
			answer = frames(t)["exception_0A_81_02"]
		}
		d := device(t, compile(t, "kind = \"modbus\"\nout.lamp = { coil = 19 }"), &script{answers: [][]byte{answer}}, Opts{Unit: 10})
		_, err := d.Read(new(drivers.Reading))
		if !errors.Is(err, want) || !strings.Contains(err.Error(), fmt.Sprintf("unit 10: coil 19: exception %d", code)) {
			t.Errorf("code %d: got %v, want %v", code, err, want)
		}
	}
}

// The example of the application protocol, section 6.1: discrete outputs
// 20 to 38, that is coils 19 to 37, answered CD 6B 05.
func TestCoilsAreCountedFromTheLowestBit(t *testing.T) {
	text := "kind = \"modbus\"\n"
	for i := 20; i <= 38; i++ {
		text += fmt.Sprintf("out.c%d = { coil = %d }\n", i, i-1)
	}
	answer := unhex(t, "01 01 03 CD 6B 05")
	answer = append(answer, byte(crc.Modbus(answer)), byte(crc.Modbus(answer)>>8))
	port := &script{answers: [][]byte{answer}}
	d := device(t, compile(t, text), port, Opts{Unit: 1})
	var r drivers.Reading
	if _, err := d.Read(&r); err != nil {
		t.Fatal(err)
	}
	if want := unhex(t, "01 01 00 13 00 13"); !bytes.Equal(port.sent[0][:6], want) {
		t.Errorf("sent %x, want %x", port.sent[0], want)
	}
	// "The status of outputs 27 – 20 is shown as the byte value CD hex, or binary 1100 1101."
	bits := "1100110101101011" // 27…20, 35…28
	for i, o := range d.Outputs() {
		var c int
		fmt.Sscanf(o.Name, "c%d", &c)
		want := float64(0)
		switch {
		case c <= 27 && bits[27-c] == '1', c > 27 && c <= 35 && bits[8+35-c] == '1', c == 36, c == 38:
			want = 1
		}
		if r.Values[i] != want {
			t.Errorf("output %d = %v, want %v", c, r.Values[i], want)
		}
	}
}

func TestTheChecksumIsTheCatalogues(t *testing.T) {
	if got := crc.Modbus([]byte("123456789")); got != 0x4b37 {
		t.Errorf("got %#x, want 0x4b37", got)
	}
}
