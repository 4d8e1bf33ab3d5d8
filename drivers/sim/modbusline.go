package sim

import (
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/telhub/telhub/drivers"
)

// ModbusLine is a line with Modbus slaves on it as its master's transport sees
// it: what drivers.Sensor of a line is given instead of a port. It lives in the
// caller's time, simulated time included, and starts no goroutine.
//
// Write, ReadBefore and Discard belong to the line's owner; the other methods
// may be called from any goroutine.
type ModbusLine struct {
	latency time.Duration
	tcp     bool

	mu      sync.Mutex // guards what follows
	slaves  map[byte]*ModbusSlave
	faults  map[byte]*AnswerFault
	arrive  []arrival
	answers int
	gone    bool
}

// arrival is bytes on their way to the master.
type arrival struct {
	at   time.Time
	data []byte
}

// NewModbusLine makes an RTU line whose slaves answer after latency.
func NewModbusLine(latency time.Duration) *ModbusLine {
	return &ModbusLine{latency: latency, slaves: map[byte]*ModbusSlave{}, faults: map[byte]*AnswerFault{}}
}

// NewModbusTCP makes a connection to a Modbus TCP gateway with the same things
// behind it.
func NewModbusTCP(latency time.Duration) *ModbusLine {
	l := NewModbusLine(latency)
	l.tcp = true
	return l
}

// Attach puts a slave on the line.
func (l *ModbusLine) Attach(unit byte, s *ModbusSlave) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slaves[unit] = s
}

// Inject switches a fault of a unit's answers on, or off with a zero AnswerFault.
func (l *ModbusLine) Inject(unit byte, f AnswerFault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults[unit] = &f
}

// Unplug takes the adapter away, or gives it back.
func (l *ModbusLine) Unplug(gone bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone, l.arrive = gone, nil
}

// Write is a request. Slaves that are not there, and all of them when its
// checksum is wrong, are silent.
func (l *ModbusLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		return 0, drivers.ErrUnplugged
	}
	unit, pdu, ok := l.openLocked(p)
	if s := l.slaves[unit]; ok && s != nil {
		l.deliverLocked(unit, p, l.wrapLocked(p, unit, s.AppendAnswer(nil, pdu)))
	}
	return len(p), nil
}

// openLocked takes the frame off a request.
func (l *ModbusLine) openLocked(p []byte) (unit byte, pdu []byte, ok bool) {
	if l.tcp {
		ok = len(p) > 8 && p[2] == 0 && p[3] == 0 && int(binary.BigEndian.Uint16(p[4:])) == len(p)-6
		if !ok {
			return 0, nil, false
		}
		return p[6], p[7:], true
	}
	n := len(p) - 2
	if n < 2 || modbusCRC(p[:n]) != binary.LittleEndian.Uint16(p[n:]) {
		return 0, nil, false
	}
	return p[0], p[1:n], true
}

func (l *ModbusLine) wrapLocked(request []byte, unit byte, pdu []byte) []byte {
	if !l.tcp {
		return AppendRTU(nil, unit, pdu...)
	}
	frame := append(slices.Clone(request[:4]), 0, byte(len(pdu)+1), unit)
	return append(frame, pdu...)
}

// deliverLocked sends an answer on its way.
func (l *ModbusLine) deliverLocked(unit byte, request, answer []byte) {
	var f AnswerFault
	if at := l.faults[unit]; at != nil {
		f = at.take()
	}
	now := time.Now().Add(l.latency)
	for _, p := range f.play(request, answer, l.answers) {
		l.arrive = append(l.arrive, arrival{now.Add(p.after), p.data})
	}
	l.answers++
	slices.SortStableFunc(l.arrive, func(a, b arrival) int { return a.at.Compare(b.at) })
}

// ReadBefore gives what has arrived, or waits for it until deadline.
func (l *ModbusLine) ReadBefore(p []byte, deadline time.Time) (int, error) {
	for {
		l.mu.Lock()
		n, until, err := l.readLocked(p, deadline)
		l.mu.Unlock()
		if n > 0 || err != nil {
			return n, err
		}
		if !time.Now().Before(deadline) {
			return 0, drivers.ErrTimeout
		}
		time.Sleep(time.Until(until))
	}
}

// readLocked gives what has arrived, or when there is something to look for.
func (l *ModbusLine) readLocked(p []byte, deadline time.Time) (n int, until time.Time, err error) {
	if l.gone {
		return 0, deadline, drivers.ErrUnplugged
	}
	now := time.Now()
	for len(l.arrive) > 0 && !l.arrive[0].at.After(now) && n < len(p) {
		k := copy(p[n:], l.arrive[0].data)
		n += k
		if l.arrive[0].data = l.arrive[0].data[k:]; len(l.arrive[0].data) == 0 {
			l.arrive = l.arrive[1:]
		}
	}
	if len(l.arrive) > 0 && l.arrive[0].at.Before(deadline) {
		return n, l.arrive[0].at, nil
	}
	return n, deadline, nil
}

// Discard throws away what has arrived.
func (l *ModbusLine) Discard() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		return drivers.ErrUnplugged
	}
	now := time.Now()
	for len(l.arrive) > 0 && !l.arrive[0].at.After(now) {
		l.arrive = l.arrive[1:]
	}
	return nil
}
