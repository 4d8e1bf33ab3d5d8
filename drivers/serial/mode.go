package serial

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	goserial "go.bug.st/serial"
)

// The slowest and the fastest line that is taken for meant.
const (
	minBaud = 50
	maxBaud = 4_000_000
)

// Mode is the format of the characters on the line.
type Mode struct {
	Baud     int  // bits per second
	DataBits int  // 5 to 8
	Parity   byte // 'N' none, 'E' even, 'O' odd, 'M' mark, 'S' space
	StopBits int  // 1 or 2
}

// ParseMode reads a mode as people write it: "9600 8N1", or "9600" alone,
// which means 8N1.
func ParseMode(s string) (Mode, error) {
	fields := strings.Fields(s)
	if len(fields) < 1 || len(fields) > 2 {
		return Mode{}, fmt.Errorf(`mode %q: want a baud rate and a character format, as in "9600 8N1"`, s)
	}
	// An int of a 32-bit board is too small for some wrong rates; those are out
	// of range, not "no number".
	baud, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return Mode{}, fmt.Errorf(`mode %q: %q is not a baud rate; want a number first, as in "9600 8N1"`, s, fields[0])
	}
	format := "8N1"
	if len(fields) == 2 {
		format = strings.ToUpper(fields[1])
	}
	if len(format) != 3 {
		return Mode{}, fmt.Errorf(`mode %q: %q is not a character format; want data bits, parity and stop bits, as in "8N1"`, s, fields[1])
	}
	m := Mode{Baud: int(min(max(baud, math.MinInt32), math.MaxInt32)), DataBits: int(format[0]) - '0', Parity: format[1], StopBits: int(format[2]) - '0'}
	if err := m.validate(); err != nil {
		return Mode{}, fmt.Errorf("mode %q: %w", s, err)
	}
	return m, nil
}

// String gives the mode as ParseMode reads it.
func (m Mode) String() string {
	return fmt.Sprintf("%d %d%c%d", m.Baud, m.DataBits, m.Parity, m.StopBits)
}

func (m Mode) validate() error {
	if m.Baud < minBaud || m.Baud > maxBaud {
		return fmt.Errorf("baud rate %d is out of range; want %d to %d", m.Baud, minBaud, maxBaud)
	}
	if m.DataBits < 5 || m.DataBits > 8 {
		return fmt.Errorf("data bits %q; want 5, 6, 7 or 8", rune('0'+m.DataBits))
	}
	if _, ok := m.parity(); !ok {
		return fmt.Errorf("parity %q; want N (none), E (even), O (odd), M (mark) or S (space)", rune(m.Parity))
	}
	if m.StopBits != 1 && m.StopBits != 2 {
		return fmt.Errorf("stop bits %q; want 1 or 2", rune('0'+m.StopBits))
	}
	return nil
}

func (m Mode) parity() (goserial.Parity, bool) {
	switch m.Parity {
	case 'N':
		return goserial.NoParity, true
	case 'E':
		return goserial.EvenParity, true
	case 'O':
		return goserial.OddParity, true
	case 'M':
		return goserial.MarkParity, true
	case 'S':
		return goserial.SpaceParity, true
	}
	return goserial.NoParity, false
}

// library gives the mode in go.bug.st/serial's terms. InitialStatusBits stays
// nil: with it, opening fails on ports without modem lines.
func (m Mode) library() *goserial.Mode {
	parity, _ := m.parity()
	stop := goserial.OneStopBit
	if m.StopBits == 2 {
		stop = goserial.TwoStopBits
	}
	return &goserial.Mode{BaudRate: m.Baud, DataBits: m.DataBits, Parity: parity, StopBits: stop}
}
