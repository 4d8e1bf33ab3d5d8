package profile

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/telhub/telhub/drivers"
	"periph.io/x/conn/v3/physic"
)

// exchange is one transaction of a script: what must be written, and what
// comes back.
type exchange struct {
	w, r string // bytes, as text
	err  error
}

// script is a bus that plays exchanges in order and objects to anything else.
type script struct {
	t    testing.TB
	addr uint16
	list []exchange
	next int
	loop bool // begin again at the end
}

func (s *script) String() string                  { return "script" }
func (s *script) SetSpeed(physic.Frequency) error { return nil }

func (s *script) Tx(addr uint16, w, r []byte) error {
	if s.loop && s.next == len(s.list) {
		s.next = 0
	}
	if s.next == len(s.list) {
		s.t.Fatalf("transaction %d beyond the script: write % x, read %d", s.next, w, len(r))
	}
	e := &s.list[s.next]
	s.next++
	if e.err != nil {
		return e.err
	}
	if string(w) != e.w || len(r) != len(e.r) || addr != s.addr {
		s.t.Fatalf("transaction %d to %#x: write % x, read %d bytes; want %#x, % x, %d bytes",
			s.next-1, addr, w, len(r), s.addr, e.w, len(e.r))
	}
	copy(r, e.r)
	return nil
}

// done fails the test when part of the script was not played.
func (s *script) done() {
	s.t.Helper()
	if s.next != len(s.list) {
		s.t.Errorf("%d of %d transactions made", s.next, len(s.list))
	}
}

// tree decodes TOML as the configuration does.
func tree(t testing.TB, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := toml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func mustCompile(t testing.TB, text string) *Program {
	t.Helper()
	p, problems := Compile("chip", tree(t, text))
	if len(problems) > 0 {
		t.Fatalf("problems: %v", problems)
	}
	return p
}

// naps records how long a device slept.
type naps []time.Duration

func (n *naps) sleep(d time.Duration) { *n = append(*n, d) }

// open compiles text and makes a device on a bus that plays list.
func open(t testing.TB, text string, list ...exchange) (*Device, *script, *naps) {
	t.Helper()
	s, n := &script{t: t, addr: 0x44, list: list}, new(naps)
	d, err := New(s, 0x44, mustCompile(t, text), Opts{Sleep: n.sleep})
	if err != nil {
		t.Fatal(err)
	}
	return d, s, n
}

// measure reads until the measurement ends and gives the waits on the way.
func measure(d *Device, dst *drivers.Reading) (waits []time.Duration, err error) {
	dst.Reset()
	for {
		wait, err := d.Read(dst)
		if err != nil || wait == 0 {
			return waits, err
		}
		waits = append(waits, wait)
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

func hex(s string) string {
	var out bytes.Buffer
	for i := 0; i+1 < len(s); i += 2 {
		var b byte
		if _, err := fmt.Sscanf(s[i:i+2], "%02x", &b); err != nil {
			panic(err)
		}
		out.WriteByte(b)
	}
	return out.String()
}
