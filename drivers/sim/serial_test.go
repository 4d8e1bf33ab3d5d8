package sim_test

import (
	"errors"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/serial"
	"github.com/telhub/telhub/drivers/sim"
)

// The agent's own serial transport on a simulated port: silence, unplug while
// it is open, and the same name behind another number.
func TestSerialTransport(t *testing.T) {
	p, err := sim.NewPTY(t.TempDir(), "usb-line")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	mode, err := serial.ParseMode("115200 8N1")
	if err != nil {
		t.Fatal(err)
	}
	port, err := serial.Open(p.Path(), serial.Options{Mode: mode, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	talk := sim.NewTalker(p, sim.NewLines(sim.CSV, sim.Field{Name: "x", Decimals: 1}), time.Second, nil)
	buf := make([]byte, 64)
	for range 3 {
		talk.SetFault(sim.Clear)
		if err := talk.Say(); err != nil {
			t.Fatal(err)
		}
		if n, err := port.Read(buf); err != nil || string(buf[:n]) != "0.0\r\n" {
			t.Errorf("got %q, %v", buf[:n], err)
		}
		talk.SetFault(sim.Silence)
		if err := talk.Say(); err != nil {
			t.Fatal(err)
		}
		if _, err := port.Read(buf); !errors.Is(err, drivers.ErrTimeout) {
			t.Errorf("silence: got %v, want %v", err, drivers.ErrTimeout)
		}
		device := port.Device()
		if err := p.Unplug(); err != nil {
			t.Fatal(err)
		}
		if _, err := port.Read(buf); !errors.Is(err, drivers.ErrUnplugged) {
			t.Errorf("unplugged: got %v, want %v", err, drivers.ErrUnplugged)
		}
		if err := port.Reopen(); !errors.Is(err, drivers.ErrUnplugged) {
			t.Errorf("reopen without device: got %v, want %v", err, drivers.ErrUnplugged)
		}
		if err := p.Replug(); err != nil {
			t.Fatal(err)
		}
		if err := port.Reopen(); err != nil {
			t.Fatal(err)
		}
		if port.Device() == device {
			t.Errorf("came back as %s, want another", device)
		}
	}
}
