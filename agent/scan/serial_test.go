package scan

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/drivers/sim"
)

// bench is a board with two CH340 adapters, which have one name under by-id,
// an FTDI adapter, the header's UART and a console.
func bench(more map[string]string) map[string]string {
	files := map[string]string{
		"dev/ttyUSB0": "", "dev/ttyUSB1": "", "dev/ttyUSB2": "", "dev/ttyS0": "", "dev/ttyAMA0": "",
		"sys/devices/usb1/1-1/product": "USB Serial\n", "sys/devices/usb1/1-1/ttyUSB0/driver": "->../../../../bus/ch341-uart",
		"sys/devices/usb1/1-2/product": "USB Serial\n", "sys/devices/usb1/1-2/ttyUSB1/driver": "->../../../../bus/ch341-uart",
		"sys/devices/usb1/1-3/product": "FT232R USB UART\n", "sys/devices/usb1/1-3/ttyUSB2/driver": "->../../../../bus/ftdi_sio",
		"sys/devices/soc/uart0/x": "", "sys/devices/soc/uart1/x": "",
		"sys/class/tty/ttyUSB0/device": "->../../../devices/usb1/1-1/ttyUSB0", "sys/class/tty/ttyUSB1/device": "->../../../devices/usb1/1-2/ttyUSB1",
		"sys/class/tty/ttyUSB2/device": "->../../../devices/usb1/1-3/ttyUSB2",
		"sys/class/tty/ttyS0/device":   "->../../../devices/soc/uart1", "sys/class/tty/ttyAMA0/device": "->../../../devices/soc/uart0",
		"dev/serial/by-id/usb-1a86_USB_Serial-if00-port0": "->../../ttyUSB1", "dev/serial/by-id/usb-FTDI_FT232R_A10K-if00-port0": "->../../ttyUSB2",
		"dev/serial/by-path/usb-0:1.1": "->../../ttyUSB0", "dev/serial/by-path/usb-0:1.2": "->../../ttyUSB1", "dev/serial/by-path/usb-0:1.3": "->../../ttyUSB2",
		"proc/cmdline":                "console=ttyS0,115200\n",
		"proc/device-tree/compatible": "acme,board\x00",
	}
	for name, text := range more {
		files[name] = text
	}
	return files
}

func TestPortsAndTheirNames(t *testing.T) {
	r := scan(t, Options{Root: grow(t, bench(map[string]string{
		"proc/72/comm": "gpsd\n", "proc/72/cmdline": "gpsd\x00", "proc/72/fd/5": "->/dev/ttyAMA0",
	}))})
	if len(r.Ports) != 5 {
		t.Fatalf("ports: %+v", r.Ports)
	}
	for _, test := range []struct {
		device, path string
		shared       bool
	}{
		{"/dev/ttyUSB0", "/dev/serial/by-path/usb-0:1.1", false},
		{"/dev/ttyUSB1", "/dev/serial/by-path/usb-0:1.2", true},
		{"/dev/ttyUSB2", "/dev/serial/by-id/usb-FTDI_FT232R_A10K-if00-port0", false},
		{"/dev/ttyAMA0", "/dev/ttyAMA0", false},
	} {
		for _, p := range r.Ports {
			if p.Device == test.device && (p.Path != test.path || p.Shared != test.shared) {
				t.Errorf("%s: path %s, shared %v; want %s, %v", p.Device, p.Path, p.Shared, test.path, test.shared)
			}
		}
	}
	want(t, r, "FT232R USB UART, ftdi_sio", "known by its socket", "gpsd (pid 72) has it open", "the kernel's console is on it (/proc/cmdline)",
		"telhub scan --listen finds out")
}

// speaker plugs a device into a tree's port and lets it talk until the test ends.
func speaker(t *testing.T, root, port string, src sim.Source, every time.Duration) {
	t.Helper()
	pty, err := sim.NewPTY(t.TempDir(), "dev")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, port)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(pty.Slave(), path); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if src != nil {
			sim.NewTalker(pty, src, every, nil).Run(ctx)
		}
	}()
	t.Cleanup(func() {
		stop()
		<-done
		pty.Close()
	})
}

// raw says the same bytes again and again.
type raw string

func (r raw) Append(dst []byte, _ time.Time) []byte { return append(dst, r...) }

// particles is a telegram as Plantower's manual lays it out: 42 4D, length 28,
// 13 words, and the sum of all bytes before it.
func particles() []byte {
	p := append([]byte{0x42, 0x4d, 0, 28}, make([]byte, 26)...)
	p[5], p[7], p[9] = 5, 6, 7
	sum := uint16(0)
	for _, b := range p {
		sum += uint16(b)
	}
	return binary.BigEndian.AppendUint16(p, sum)
}

// Everything that speaks by itself is understood, and the configuration reads it.
func TestListening(t *testing.T) {
	now := func() *sim.Lines {
		l := sim.NewLines(sim.JSON, sim.Field{Name: "Moisture", Decimals: 1}, sim.Field{Name: "battery", Decimals: 3})
		l.Set(0, 41.5)
		l.Set(1, 3.7)
		return l
	}
	for _, test := range []struct {
		name, use string
		src       sim.Source
		every     time.Duration
		parts     []string
		open      string
	}{
		{"gnss", "nmea", sim.NewGNSS(sim.DefaultGNSSOpts()), 100 * time.Millisecond, nil, "lat"},
		{"p1", "p1", sim.NewP1Meter(time.UTC), 100 * time.Millisecond, nil, "voltage_l1"},
		{"sml", "sml", sim.NewSMLMeter(4711, time.Now()), 100 * time.Millisecond, nil, ""},
		{"victron", "vedirect", sim.NewMPPT(), 50 * time.Millisecond, nil, ""},
		{"json", "line", now(), 50 * time.Millisecond, []string{`format = "json"`, `moisture = { key = "Moisture" }`, "it says: {"}, "moisture"},
		{"pairs", "line", raw("T=21.5 H:60 name=x\r\n"), 50 * time.Millisecond, []string{`format = "kv"`, `h = { key = "H" }`}, "t"},
		{"columns", "line", raw("1.5;2;-3\n"), 50 * time.Millisecond, []string{`columns = ["column1", "column2", "column3"]`, `separator = ";"`}, "column3"},
		{"particles", "pms5003", raw(particles()), 100 * time.Millisecond, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			root := grow(t, bench(nil))
			speaker(t, root, "dev/ttyUSB2", test.src, test.every)
			for _, other := range []string{"dev/ttyUSB0", "dev/ttyUSB1", "dev/ttyAMA0"} {
				if err := os.Remove(filepath.Join(root, other)); err != nil {
					t.Fatal(err)
				}
			}
			r := scan(t, Options{Root: root, Listen: true, Patience: 3 * time.Second})
			want(t, r, append(test.parts, `use = "`+test.use+`"`, `port = "/dev/serial/by-id/usb-FTDI_FT232R_A10K-if00-port0"`)...)
			if test.open == "" {
				return
			}
			cfg := parse(t, r)
			for i := range cfg.Buses {
				cfg.Buses[i].Port = filepath.Join(root, "dev/ttyUSB2")
			}
			read(t, cfg, agent.Openers{}, test.use, test.open)
		})
	}
}

// Silence, noise and a port that somebody else has.
func TestNothingToHear(t *testing.T) {
	root := grow(t, bench(nil))
	speaker(t, root, "dev/ttyUSB0", nil, 0)
	speaker(t, root, "dev/ttyUSB1", raw("\x00\xff\x80\x1b\x02noise\xfe"), 20*time.Millisecond)
	start := time.Now()
	r := scan(t, Options{Root: root, Listen: true, Patience: 300 * time.Millisecond})
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
	want(t, r, "nothing came: perhaps it has to be asked, as Modbus devices (--modbus /dev/serial/by-path/usb-0:1.1)", "bytes came that nothing understands")
	wantNone(t, r, "[[sensor]]\nname = \"line\"")
	wantProblem(t, r, "/dev/ttyAMA0") // a file that is no port
}

func TestGuessLines(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"half\na=1\na=2\na=3\n", `format = "kv"`},
		{"x\n{\"a\":1}\n{\"a\":2}\n{\"b\":3}\n", `format = "json"`},
		{"x\n1,2\n3,4\n5,6\n", `columns = ["column1", "column2"] # name them; "-" passes one over`},
		{"x\n1,2\n3\n5,6\n", ""},
		{"x\nhello\nworld\nagain\n", ""},
		{"x\na=1\na=2\n", ""},
		{"x\na=1\n\x80\na=2\na=3\n", ""},
		{"x\n{\"a\":\"b\"}\n{\"a\":\"c\"}\n{\"a\":\"d\"}\n", ""},
		{"", ""},
	} {
		g, ok := guessLines([]byte(test.text))
		if ok != (test.want != "") || ok && g.options[0] != test.want {
			t.Errorf("%q: got %v, %v", test.text, g, ok)
		}
	}
}

func FuzzGuessLines(f *testing.F) {
	f.Add("x\na=1\nb=2\nc=3\n")
	f.Add("x\n{\"é\":1}\n{\"\\u0000\":2}\n{\"\":3}\n")
	f.Fuzz(func(t *testing.T, text string) {
		g, ok := guessLines([]byte(text))
		if !ok {
			return
		}
		x := sensor{name: "x", use: "line", keys: append([]string{`port = "/dev/ttyX"`}, g.options...)}
		if why := x.refusal("x"); why != "" {
			t.Errorf("%q: %v is refused: %s", text, g.options, why)
		}
	})
}
