package serial

import (
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/telhub/telhub/drivers/sim"
)

// struct serial_rs485 of linux/serial.h is eight words.
func TestTheKernelGetsItsOwnLayout(t *testing.T) {
	if got := unsafe.Sizeof(serialRS485{}); got != 32 {
		t.Errorf("%d bytes, want 32", got)
	}
	got := RS485{Send: On, Before: 2 * time.Millisecond, After: time.Millisecond, Hear: true}.request()
	if want := (serialRS485{flags: 1 | 2 | 16, before: 2, after: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := (RS485{Send: Off}).request(), (serialRS485{flags: 1 | 4}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestDelaysThatTheKernelWouldClampAreRefused(t *testing.T) {
	for _, r := range []RS485{{Send: On, Before: 101 * time.Millisecond}, {Send: On, After: time.Microsecond}, {After: -1}, {Send: 7}} {
		if r.validate() == nil {
			t.Errorf("%+v: no error", r)
		}
	}
}

func TestAPortThatCannotSwitchSaysSo(t *testing.T) {
	pty, err := sim.NewPTY(t.TempDir(), "tty")
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	mode, err := ParseMode("9600 8N1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(pty.Path(), Options{Mode: mode, RS485: RS485{Send: On}})
	if err == nil || !strings.Contains(err.Error(), "delete rs485") {
		t.Errorf("got %v", err)
	}
}
