package sim_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/framed"
	"github.com/telhub/telhub/drivers/link"
	"github.com/telhub/telhub/drivers/profiles"
	"github.com/telhub/telhub/drivers/sim"
)

func bytesOf(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Frames that makers and the Modbus organisation publish: the slave gives
// their answers to their requests, byte for byte.
func TestASlaveAnswersAsPublished(t *testing.T) {
	for _, test := range []struct {
		name, request, answer string
		unit                  byte
		set                   func(s *sim.ModbusSlave)
	}{
		{"Eastron SDM630", "01 04 00 00 00 02 71 CB", "01 04 04 43 66 33 34 1B 38", 1, func(s *sim.ModbusSlave) { s.SetUint32(sim.ModbusInput, 0, 0x43663334) }},
		{"SenseAir S8", "FE 04 00 03 00 01 D5 C5", "FE 04 02 01 90 AC D8", 0xFE, func(s *sim.ModbusSlave) { s.Set(sim.ModbusInput, 3, 400) }},
		{"a coil that is not there", "0A 01 04 A1 00 01 AC 63", "0A 81 02 B0 53", 0x0A, func(*sim.ModbusSlave) {}},
		{"another unit", "02 04 00 00 00 02 71 F8", "", 1, func(s *sim.ModbusSlave) { s.SetUint32(sim.ModbusInput, 0, 0x43663334) }},
		{"a damaged request", "01 04 00 00 00 02 71 CC", "", 1, func(s *sim.ModbusSlave) { s.SetUint32(sim.ModbusInput, 0, 0x43663334) }},
	} {
		s, l := sim.NewModbusSlave(), sim.NewModbusLine(0)
		test.set(s)
		l.Attach(test.unit, s)
		if _, err := l.Write(bytesOf(t, test.request)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 64)
		n, err := l.ReadBefore(buf, time.Now())
		if want := bytesOf(t, test.answer); string(buf[:n]) != string(want) || (len(want) == 0) != errors.Is(err, drivers.ErrTimeout) {
			t.Errorf("%s: got %x, %v, want %x", test.name, buf[:n], err, want)
		}
	}
}

// The section 6.1 example: coils 20 to 38 are CD 6B 05.
func TestASlavePacksBits(t *testing.T) {
	s := sim.NewModbusSlave()
	for i, b := range "1011001111010110101" {
		s.Set(sim.ModbusCoils, 19+uint16(i), uint16(b-'0'))
	}
	if got := s.AppendAnswer(nil, []byte{1, 0, 19, 0, 19}); string(got) != "\x01\x03\xcd\x6b\x05" {
		t.Errorf("got %x", got)
	}
	s.MostRegisters = 2
	s.Set(sim.ModbusHolding, 0, 1, 2, 3)
	for request, want := range map[string]string{
		"\x03\x00\x00\x00\x03": "\x83\x03", "\x03\x00\x02\x00\x02": "\x83\x02", "\x06\x00\x00\x00\x02": "\x86\x01", "\x03\x00\x00\x00\x00": "\x83\x03",
	} {
		if got := s.AppendAnswer(nil, []byte(request)); string(got) != want {
			t.Errorf("%x: got %x, want %x", request, got, want)
		}
	}
}

// Air sensors are told micrograms and ppm; the engine gives them back.
func TestAirSensors(t *testing.T) {
	p, _, err := profiles.Lookup("pms5003")
	if err != nil {
		t.Fatal(err)
	}
	stream, err := framed.NewStream(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	air := sim.NewPMS5003()
	air.Set(3, 8, 11)
	air.SetCounts([6]float64{700, 210, 70, 30, 2, 1})
	var r drivers.Reading
	telegram := air.Append(nil, time.Time{})
	if n, ok := stream.Feed(telegram, 1, &r); !ok || n != 32 {
		t.Fatalf("no reading of %x", telegram)
	}
	for i, o := range stream.Outputs() {
		if want, listed := map[string]float64{"pm1_0": 3, "pm2_5": 8, "pm10": 11, "count_0_3": 700, "count_10": 1}[o.Name]; listed && r.Values[i] != want {
			t.Errorf("%s = %v, want %v", o.Name, r.Values[i], want)
		}
	}
}

// asked is a line with one sensor that answers.
type asked struct {
	*sim.MHZ19
	late    time.Duration
	pending []byte
	at      time.Time
}

func (a *asked) Write(p []byte) (int, error) {
	a.pending, a.at = a.AppendAnswer(a.pending, p), time.Now().Add(a.late)
	return len(p), nil
}

func (a *asked) Discard() error { return nil }

func (a *asked) ReadBefore(p []byte, deadline time.Time) (int, error) {
	if len(a.pending) == 0 || a.at.After(deadline) {
		time.Sleep(time.Until(deadline))
		return 0, drivers.ErrTimeout
	}
	time.Sleep(time.Until(a.at))
	n := copy(p, a.pending)
	a.pending = a.pending[n:]
	return n, nil
}

// A polled sensor's answers all look alike: one that is late is not taken for
// the next one.
func TestALateAnswerOfAPolledSensorIsNotTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, err := profiles.Lookup("mh-z19")
		if err != nil {
			t.Fatal(err)
		}
		port := &asked{MHZ19: sim.NewMHZ19()}
		l, err := link.New(port, link.Options{Name: "bus x", Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		d, err := framed.New(l, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		var r drivers.Reading
		port.Set(636)
		port.late = 1500 * time.Millisecond
		if _, err := d.Read(&r); !errors.Is(err, drivers.ErrTimeout) {
			t.Fatalf("got %v, want a timeout", err)
		}
		port.Set(1200)
		late := port.late
		port.late = 100 * time.Millisecond
		time.Sleep(late - 1400*time.Millisecond)
		if _, err := d.Read(&r); err != nil || r.Values[0] != 1200 {
			t.Errorf("got %v, %v, want 1200", r.Values[0], err)
		}
	})
}
