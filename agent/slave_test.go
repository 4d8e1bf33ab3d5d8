package agent

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers/sim"
)

// slave is a Modbus RTU device on a pseudo-terminal that answers each request
// for input registers with the same word in each.
type slave struct {
	pty *sim.PTY
	mu  sync.Mutex // guards mute
	mut bool
}

// crc16 is the checksum of Modbus over Serial Line V1.02, 6.2.2, bit by bit.
func crc16(p []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, b := range p {
		crc ^= uint16(b)
		for range 8 {
			low := crc & 1
			crc >>= 1
			if low != 0 {
				crc ^= 0xA001
			}
		}
	}
	return crc
}

// run serves until the device is closed for good.
func (s *slave) run(stop <-chan struct{}) {
	buf := make([]byte, 0, 64)
	for {
		select {
		case <-stop:
			return
		default:
		}
		n, err := s.pty.Read(buf[len(buf):cap(buf)])
		if err != nil {
			buf = buf[:0]
			<-time.After(5 * time.Millisecond) // unplugged, or nobody has it open
			continue
		}
		if buf = buf[:len(buf)+n]; len(buf) < 8 {
			continue
		}
		if !s.silent() {
			_, _ = s.pty.Write(answer(buf[:8])) // the master's test says what is missing
		}
		buf = buf[:0]
	}
}

func answer(request []byte) []byte {
	words := int(binary.BigEndian.Uint16(request[4:]))
	a := []byte{request[0], request[1], byte(2 * words)}
	for range words {
		a = append(a, 0x43, 0x66) // 230.something as the upper half of a float
	}
	return binary.LittleEndian.AppendUint16(a, crc16(a))
}

func (s *slave) silent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mut
}

func (s *slave) mute(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mut = on
}

// newSlave plugs a device in.
func newSlave(t *testing.T, dir, name string) *slave {
	t.Helper()
	pty, err := sim.NewPTY(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	s := &slave{pty: pty}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { defer close(done); s.run(stop) }()
	t.Cleanup(func() { close(stop); pty.Close(); <-done })
	return s
}
