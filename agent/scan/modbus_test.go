package scan

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/drivers/sim"
)

// The numbers of the words of Eastron's manuals that are set here.
func sdm120() *sim.ModbusSlave {
	s := sim.NewModbusSlave()
	s.Set(sim.ModbusInput, 0, make([]uint16, 0x15A)...)
	s.SetFloat(sim.ModbusInput, 0x0000, 230.2)
	s.SetFloat(sim.ModbusInput, 0x0006, 1.5)
	s.SetFloat(sim.ModbusInput, 0x000C, 345.25)
	s.SetFloat(sim.ModbusInput, 0x001E, 0.98)
	s.SetFloat(sim.ModbusInput, 0x0046, 50)
	return s
}

// sunspec is an inverter that proves its identity.
func sunspec() *sim.ModbusSlave {
	s := sim.NewModbusSlave()
	s.Set(sim.ModbusHolding, 0, 0, 0)
	s.Set(sim.ModbusHolding, 40000, make([]uint16, 200)...)
	s.Set(sim.ModbusHolding, 40000, 0x5375, 0x6E53)
	s.Set(sim.ModbusHolding, 40069, 103)
	s.Set(sim.ModbusHolding, 40083, 1500)
	return s
}

// rtu plugs slaves into a tree's port.
func rtu(t *testing.T, root, port string, slaves map[byte]*sim.ModbusSlave) {
	t.Helper()
	pty, err := sim.NewPTY(t.TempDir(), "dev")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, port)
	_ = os.Remove(path)
	if err := os.Symlink(pty.Slave(), path); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf, have := make([]byte, 256), []byte(nil)
		for {
			if err := pty.WaitOpened(ctx); err != nil {
				return
			}
			n, err := pty.Read(buf)
			if err != nil {
				if ctx.Err() != nil {
					return
				}
				continue
			}
			have = append(have, buf[:n]...)
			for len(have) >= 8 { // requests that read have eight bytes
				request := have[:8]
				have = have[8:]
				if s := slaves[request[0]]; s != nil {
					pty.Write(sim.AppendRTU(nil, request[0], s.AppendAnswer(nil, request[1:6])...))
				}
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		pty.Close()
		<-done
	})
}

// gateway listens for Modbus TCP. A device that does not look at the number is
// slave 0; absent ones are answered for by the gateway.
func gateway(t *testing.T, slaves map[byte]*sim.ModbusSlave) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c, slaves)
		}
	}()
	return l.Addr().String()
}

func serve(c net.Conn, slaves map[byte]*sim.ModbusSlave) {
	defer c.Close()
	var head [7]byte
	for {
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		pdu := make([]byte, int(binary.BigEndian.Uint16(head[4:]))-1)
		if _, err := io.ReadFull(c, pdu); err != nil {
			return
		}
		answer := []byte{pdu[0] | 0x80, 11} // gateway target failed to respond
		s := slaves[head[6]]
		if s == nil {
			s = slaves[0]
		}
		if s != nil {
			answer = s.AppendAnswer(nil, pdu)
		}
		frame := append(head[:4:4], 0, byte(len(answer)+1), head[6])
		if _, err := c.Write(append(frame, answer...)); err != nil {
			return
		}
	}
}

func TestModbusOnAPort(t *testing.T) {
	root := grow(t, bench(nil))
	refusing := sim.NewModbusSlave() // it has no registers, but says so
	rtu(t, root, "dev/ttyUSB2", map[byte]*sim.ModbusSlave{3: sdm120(), 7: refusing, 9: sunspec()})
	var progress strings.Builder
	r := scan(t, Options{Root: root, Modbus: "/dev/ttyUSB2", Modes: []string{"9600 8N1", "19200 8E1"}, Units: [2]uint8{1, 10},
		Timeout: 50 * time.Millisecond, Progress: &progress})
	m := r.Modbus
	if m.Mode != "9600 8N1" || len(m.Units) != 3 || m.Units[0].ID != 3 || m.Units[1].ID != 7 || m.Units[2].ID != 9 || m.Every {
		t.Fatalf("got %+v", m)
	}
	if !strings.Contains(progress.String(), "unit 9 answers") || !strings.Contains(progress.String(), "at most") {
		t.Errorf("progress: %s", progress.String())
	}
	want(t, r, "[bus.modbus]", `port = "/dev/ttyUSB2"`, `mode = "9600 8N1"`, "unit 3: Eastron SDM120", "voltage 230.2 V", "unit 7 answers, not known", "unit 9: SunSpec inverter")
	if _, ok := catalog.Lookup("sunspec-inverter", nil); !ok {
		t.Fatal("the profile is gone")
	}
	cfg := parse(t, r)
	for i := range cfg.Buses {
		cfg.Buses[i].Port = filepath.Join(root, "dev/ttyUSB2")
	}
	if got := read(t, cfg, agent.Openers{}, "sunspec-inverter", "active_power"); got != 1500 {
		t.Errorf("active_power = %v", got)
	}
}

func TestModbusOverTCP(t *testing.T) {
	addr := gateway(t, map[byte]*sim.ModbusSlave{2: sunspec()})
	o := Options{Root: grow(t, nil), Modbus: addr, Units: [2]uint8{1, 20}}
	r := scan(t, o)
	if m := r.Modbus; len(m.Units) != 1 || m.Units[0].ID != 2 || m.Every {
		t.Errorf("got %+v", m)
	}
	want(t, r, `tcp = "`+addr+`"`, "unit_id = 2")
	runs(t, r.TOML, agent.Openers{})

	o.Modbus = gateway(t, map[byte]*sim.ModbusSlave{0: sunspec()})
	r = scan(t, o)
	if m := r.Modbus; len(m.Units) != 1 || m.Units[0].ID != 1 || !m.Every {
		t.Errorf("a device that does not look at the number: %+v", m)
	}
}

func TestModbusFindsNobody(t *testing.T) {
	root := grow(t, bench(nil))
	rtu(t, root, "dev/ttyUSB2", nil)
	o := Options{Root: root, Modbus: "/dev/ttyUSB2", Modes: []string{"9600 8N1"}, Units: [2]uint8{1, 3}, Timeout: 20 * time.Millisecond}
	r := scan(t, o)
	wantProblem(t, r, "/dev/ttyUSB2", "nobody answered", "swap them")
	if r.Modbus.Requests != 6 {
		t.Errorf("%d requests", r.Modbus.Requests)
	}
	wantNone(t, r, "[bus.modbus]")
	o.Modbus = "/dev/ttyUSB7"
	wantProblem(t, scan(t, o), "/dev/ttyUSB7", "no such port")
	for _, bad := range []Options{
		{Modbus: "/dev/ttyUSB2", Modes: []string{"9600 9X9"}},
		{Modbus: "/dev/ttyUSB2", Units: [2]uint8{9, 3}},
		{Modbus: "/dev/ttyUSB2", Units: [2]uint8{1, 250}},
		{Modbus: "127.0.0.1:502", Modes: []string{"9600 8N1"}},
	} {
		bad.Root = root
		if _, err := Run(t.Context(), bad); err == nil {
			t.Errorf("%+v: no error", bad)
		}
	}
}
