package modbus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/crc"
)

// twoRegisters is a device whose answer has 9 bytes.
const twoRegisters = "kind = \"modbus\"\nout.x = { holding = 5, type = \"u32\" }"

// rtu makes the answer of unit with data.
func rtu(unit, function byte, data ...byte) []byte {
	p := append([]byte{unit, function, byte(len(data))}, data...)
	return binary.LittleEndian.AppendUint16(p, crc.Modbus(p))
}

func read(t *testing.T, o Opts, answers ...[]byte) (float64, error) {
	t.Helper()
	d := device(t, compile(t, twoRegisters), &script{answers: answers}, o)
	var r drivers.Reading
	_, err := d.Read(&r)
	if err == nil && !r.Has(0) {
		t.Error("neither value nor error")
	}
	return r.Values[0], err
}

func TestOnlyTheAnswerCounts(t *testing.T) {
	right := rtu(7, 3, 0, 0, 1, 2)
	damaged := bytes.Clone(right)
	damaged[4] ^= 0x10
	for _, test := range []struct {
		name   string
		answer []byte
		want   error
	}{
		{"right", right, nil},
		{"silence", nil, drivers.ErrTimeout},
		{"cut off", right[:6], drivers.ErrShort},
		{"a byte changed", damaged, drivers.ErrCRC},
		{"another device's answer", rtu(8, 3, 0, 0, 9, 9), drivers.ErrTimeout},
		{"another function's", rtu(7, 4, 0, 0, 9, 9), drivers.ErrTimeout},
		{"another length's", rtu(7, 3, 9, 9), drivers.ErrTimeout},
		{"noise before it", append([]byte{0, 7, 3, 4, 0xff}, right...), nil},
		{"another's late answer before it", append(rtu(8, 3, 0, 0, 9, 9), right...), nil},
		{"our own request before it", append([]byte{7, 3, 0, 5, 0, 2, 0xd4, 0x6c}, right...), nil},
	} {
		v, err := read(t, Opts{Unit: 7}, test.answer)
		if !errors.Is(err, test.want) || err == nil && v != 0x0102 {
			t.Errorf("%s: got %v, %v, want %v", test.name, v, err, test.want)
		}
	}
}

// Whatever happens to an answer's bytes on the way, no wrong value comes of it.
func TestNoDamageMakesAValue(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	right := rtu(7, 3, 0, 0, 1, 2)
	wrong := 0
	for range 4_000 {
		p := bytes.Clone(right)
		switch rng.IntN(4) {
		case 0:
			p = p[:rng.IntN(len(p))]
		case 1:
			p[rng.IntN(len(p))] ^= 1 << rng.IntN(8)
		case 2:
			p = append(p[:rng.IntN(len(p))], p[rng.IntN(len(p)):]...)
		case 3:
			i := rng.IntN(len(p))
			p = append(append(bytes.Clone(p[:i]), byte(rng.IntN(256))), p[i:]...)
		}
		if v, err := read(t, Opts{Unit: 7}, p); err == nil && v != 0x0102 {
			wrong++
		}
	}
	if wrong > 0 {
		t.Errorf("%d wrong values", wrong)
	}
}

func TestTCPTakesItsOwnTransactionOnly(t *testing.T) {
	frame := func(number uint16, unit byte, data ...byte) []byte {
		p := binary.BigEndian.AppendUint16(nil, number)
		p = append(p, 0, 0, 0, byte(3+len(data)), unit, 3, byte(len(data)))
		return append(p, data...)
	}
	for _, test := range []struct {
		name   string
		answer []byte
		want   error
	}{
		{"right", frame(1, 7, 0, 0, 1, 2), nil},
		{"a gateway that answers as 255", frame(1, 255, 0, 0, 1, 2), nil},
		{"behind an older answer", append(frame(0, 7, 0, 0, 9, 9), frame(1, 7, 0, 0, 1, 2)...), nil},
		{"an older answer alone", frame(0, 7, 0, 0, 9, 9), drivers.ErrTimeout},
		{"another unit's", frame(1, 8, 0, 0, 9, 9), drivers.ErrTimeout},
		{"no Modbus", []byte("HTTP/1.1 400 Bad Request"), drivers.ErrCRC},
		{"cut off", frame(1, 7, 0, 0, 1, 2)[:9], drivers.ErrShort},
	} {
		v, err := read(t, Opts{Unit: 7, TCP: true}, test.answer)
		if !errors.Is(err, test.want) || err == nil && v != 0x0102 {
			t.Errorf("%s: got %v, %v, want %v", test.name, v, err, test.want)
		}
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	right := rtu(7, 3, 0, 0, 1, 2)
	for _, answer := range [][]byte{right, right[:4], nil, rtu(7, 0x83)} {
		port := &script{answers: [][]byte{answer}}
		d := device(t, compile(t, twoRegisters), &steady{port, answer}, Opts{Unit: 7})
		var r drivers.Reading
		if n := testing.AllocsPerRun(100, func() { _, _ = d.Read(&r) }); n != 0 {
			t.Errorf("answer %x: %v allocations", answer, n)
		}
	}
}

// steady gives the same answer to each request and keeps nothing.
type steady struct {
	*script
	answer []byte
}

func (s *steady) Write(p []byte) (int, error) {
	s.pending = s.answer
	return len(p), nil
}

func FuzzAnswer(f *testing.F) {
	f.Add(rtu(7, 3, 0, 0, 1, 2), false)
	f.Add([]byte{0, 1, 0, 0, 0, 7, 7, 3, 4, 0, 0, 1, 2}, true)
	p := compile(f, twoRegisters)
	f.Fuzz(func(t *testing.T, got []byte, tcp bool) {
		d := device(t, p, &steady{&script{}, got}, Opts{Unit: 7, TCP: tcp})
		var r drivers.Reading
		if _, err := d.Read(&r); err == nil && !r.Has(0) {
			t.Error("neither value nor error")
		}
	})
}

// What is wrong with the bus's configuration is told instead of a bare timeout.
func TestAWrongKindOfFrameIsTold(t *testing.T) {
	for _, test := range []struct {
		name   string
		tcp    bool
		answer []byte
		want   error
		says   string
	}{
		{"a TCP server refuses an RTU request", false, []byte{7, 3, 0, 0, 0, 3, 0xd4, 0x83, 1}, drivers.ErrShort, `delete framing = "rtu"`},
		{"a serial line answers a TCP request", true, rtu(7, 3, 0, 0, 1, 2), drivers.ErrShort, `write framing = "rtu"`},
		{"an adapter hears itself", false, []byte{7, 3, 0, 5, 0, 2, 0xd4, 0x6c}, drivers.ErrTimeout, "only the request itself came back"},
	} {
		_, err := read(t, Opts{Unit: 7, TCP: test.tcp}, test.answer)
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v, want %v: … %s", test.name, err, test.want, test.says)
		}
	}
}
