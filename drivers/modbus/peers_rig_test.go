package modbus_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/link"
	"github.com/telhub/telhub/drivers/modbus"
	"github.com/telhub/telhub/drivers/profile"
	"github.com/telhub/telhub/drivers/serial"
	"github.com/telhub/telhub/drivers/sim"
	"github.com/telhub/telhub/internal/toml"
)

// A peer is Modbus slaves that others wrote: a program that is told how it is
// reached. Its register a of unit u holds table<<15 | u<<12 | a, so that every
// value tells where it comes from.
type peer struct {
	name  string
	start func(t *testing.T, args ...string) *exec.Cmd
}

var peers = []peer{{"pymodbus", pymodbus}, {"libmodbus", libmodbus}}

// missing ends a test that cannot do without a package.
const missing = "%s: %v\n%s\nscripts/test-deps.sh installs what is missing"

func pymodbus(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	python := "/usr/bin/python3" // where Debian's packages are, whatever else is on the path
	if _, err := os.Stat(python); err != nil {
		python = "python3"
	}
	if out, err := exec.Command(python, "-c", "import pymodbus, serial_asyncio").CombinedOutput(); err != nil {
		t.Fatalf(missing, "pymodbus", err, out)
	}
	return exec.Command(python, append([]string{"testdata/pymodbus_slave.py"}, args...)...)
}

// compiled is the C program, built once.
var compiled = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "telhub-libmodbus-")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "slave")
	out, err := exec.Command("gcc", "-O1", "-o", program, "testdata/libmodbus_slave.c", "-lmodbus").CombinedOutput()
	if err != nil {
		err = fmt.Errorf(missing, "libmodbus", err, out)
	}
	return program, err
})

func libmodbus(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	program, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(program, args...)
}

func TestMain(m *testing.M) {
	code := m.Run()
	if program, err := compiled(); err == nil && !testing.Short() {
		os.RemoveAll(filepath.Dir(program))
	}
	os.Exit(code)
}

// run starts a peer and ends it with the test.
func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd.Path, said.String())
		}
	})
}

// program compiles a profile.
func program(t *testing.T, text string) *profile.Program {
	t.Helper()
	root, mistakes, ok := toml.Read([]byte("kind = \"modbus\"\n" + text))
	if !ok || len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	p, problems := profile.Compile("test", root.Plain().(map[string]any))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

// sensor is a device and what its outputs must be.
type sensor struct {
	*modbus.Device
	want map[string]float64

	good  int
	kinds map[error]int
}

// sentinels are the kinds of error, in the order in which the agent tells them.
var sentinels = []error{
	drivers.ErrNACK, drivers.ErrTimeout, drivers.ErrBus, drivers.ErrCRC, drivers.ErrInvalid,
	drivers.ErrIdentity, drivers.ErrShort, drivers.ErrUnplugged, drivers.ErrBusy, drivers.ErrNotReady,
}

// place is what register a of a table (0 holding, 1 input) holds.
func place(table, unit, a int) float64 { return float64(table<<15 | unit<<12 | a) }

// pair is what two registers hold as a number of 32 bits.
func pair(table, unit, a int) float64 { return place(table, unit, a)*65536 + place(table, unit, a+1) }

// sensors makes two sensors of unit 1 whose answers have the same form, and one
// of another unit with several requests.
func sensors(t *testing.T, l *link.Link, tcp bool, other uint8) (list [3]*sensor) {
	t.Helper()
	twin := func(addr int) string {
		return fmt.Sprintf("out.a = { input = %d, type = \"u32\" }\nout.b = { holding = %d, type = \"u16\" }", addr, addr+5)
	}
	for i, s := range []struct {
		unit uint8
		text string
		want map[string]float64
	}{
		{1, twin(10), map[string]float64{"a": pair(1, 1, 10), "b": place(0, 1, 15)}},
		{1, twin(40), map[string]float64{"a": pair(1, 1, 40), "b": place(0, 1, 45)}},
		{other, twin(80) + "\nout.c = { input = 130, type = \"u16\" }\nout.d = { coil = 33 }\nout.e = { discrete = 34 }", map[string]float64{
			"a": pair(1, int(other), 80), "b": place(0, int(other), 85), "c": place(1, int(other), 130), "d": 1, "e": 0,
		}},
	} {
		d, err := modbus.New(l, program(t, s.text), modbus.Opts{Unit: s.unit, TCP: tcp})
		if err != nil {
			t.Fatal(err)
		}
		list[i] = &sensor{Device: d, want: s.want, kinds: map[error]int{}}
	}
	return list
}

// read takes a reading and judges it.
func (s *sensor) read(t *testing.T) error {
	t.Helper()
	var r drivers.Reading
	_, err := s.Read(&r)
	for errors.Is(err, drivers.ErrNotReady) { // as the agent does: later
		select {
		case <-time.After(50 * time.Millisecond):
			_, err = s.Read(&r)
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
	if err != nil {
		for _, kind := range sentinels {
			if errors.Is(err, kind) {
				s.kinds[kind]++
				return err
			}
		}
		t.Errorf("%v: an error of no kind", err)
		return err
	}
	s.good++
	for i, o := range s.Outputs() {
		if want := s.want[o.Name]; !r.Has(i) || r.Values[i] != want {
			t.Errorf("%s: %s = %#x, want %#x", s, o.Name, int64(r.Values[i]), int64(want))
		}
	}
	return nil
}

// forget starts counting anew.
func (s *sensor) forget() { s.good, s.kinds = 0, map[error]int{} }

// cable is a serial line between telhub's transport and a peer.
type cable struct {
	*sim.Tamper
	link *link.Link
}

// plug connects a peer.
func plug(t *testing.T, p peer, timeout time.Duration) *cable {
	t.Helper()
	near, far := pty(t, "near"), pty(t, "far")
	run(t, p.start(t, "rtu", far.Path()))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := far.WaitOpened(ctx); err != nil {
		t.Fatalf("the slave does not open its port: %v", err)
	}
	mode, err := serial.ParseMode("19200 8N1")
	if err != nil {
		t.Fatal(err)
	}
	port, err := serial.Open(near.Path(), serial.Options{Mode: mode})
	if err != nil {
		t.Fatal(err)
	}
	l, err := link.New(port, link.Options{Name: "bus x", Timeout: timeout, Gap: 5 * time.Millisecond, Quiet: timeout * 3 / 8})
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{Tamper: sim.NewTamper(near, far), link: l}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { c.Run(ctx); close(done) }()
	t.Cleanup(func() {
		stop()
		_, _ = port.Close(), near.Close()
		_ = far.Close()
		<-done
	})
	return c
}

func pty(t *testing.T, name string) *sim.PTY {
	t.Helper()
	p, err := sim.NewPTY(t.TempDir(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// settle reads until both twins answer again.
func settle(t *testing.T, list ...*sensor) {
	t.Helper()
	for _, s := range list {
		for tries := 0; s.read(t) != nil; tries++ {
			if tries == 20 {
				t.Fatalf("%s does not recover", s)
			}
		}
	}
	for _, s := range list {
		s.forget()
	}
}

// dial starts a peer on a free port and connects to it.
func dial(t *testing.T, p peer) (*link.TCP, *link.Link) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	number := free.Addr().(*net.TCPAddr).Port
	free.Close()
	run(t, p.start(t, "tcp", strconv.Itoa(number)))
	port := link.NewTCP(fmt.Sprintf("127.0.0.1:%d", number))
	t.Cleanup(func() { port.Close() })
	for deadline := time.Now().Add(time.Minute); port.Reopen() != nil; {
		if time.Now().After(deadline) {
			t.Fatal("the slave does not listen")
		}
		select { // between attempts; a real process starts in its own time
		case <-time.After(20 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
	l, err := link.New(port, link.Options{Name: "bus x", Timeout: slow})
	if err != nil {
		t.Fatal(err)
	}
	return port, l
}
