package sim

import (
	"encoding/binary"
	"math"
	"sync"
	"time"
)

// PMS5003 is Plantower's particulate sensor in active mode, as a Source: a
// telegram of 32 bytes a burst (PMS5003 series data manual V2.5, appendix I).
type PMS5003 struct {
	mu     sync.Mutex // guards values
	values [12]uint16
}

// NewPMS5003 makes a sensor in clean air.
func NewPMS5003() *PMS5003 { return &PMS5003{} }

// Set gives the air's particulate matter in µg/m³: PM1.0, PM2.5 and PM10. The
// numbers for a laboratory are the same, as they are in clean air.
func (p *PMS5003) Set(pm1, pm25, pm10 float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, v := range []float64{pm1, pm25, pm10} {
		p.values[i], p.values[i+3] = whole16(v), whole16(v)
	}
}

// SetCounts gives the particles in 0.1 l that are larger than 0.3, 0.5, 1.0,
// 2.5, 5.0 and 10 µm.
func (p *PMS5003) SetCounts(counts [6]float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, v := range counts {
		p.values[6+i] = whole16(v)
	}
}

// Append implements Source.
func (p *PMS5003) Append(dst []byte, _ time.Time) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	begin := len(dst)
	dst = append(dst, 'B', 'M', 0, 2*13+2)
	for _, v := range p.values {
		dst = binary.BigEndian.AppendUint16(dst, v)
	}
	dst = append(dst, 0x97, 0) // version and error code
	var sum uint16
	for _, b := range dst[begin:] {
		sum += uint16(b)
	}
	return binary.BigEndian.AppendUint16(dst, sum)
}

// MHZ19 is Winsen's CO2 sensor, which answers when it is asked (MH-Z19B user's
// manual V1.6, "communication").
type MHZ19 struct {
	mu  sync.Mutex // guards ppm
	ppm uint16
}

// NewMHZ19 makes a sensor in fresh air.
func NewMHZ19() *MHZ19 { return &MHZ19{ppm: 400} }

// Set gives the air's CO2 in ppm.
func (m *MHZ19) Set(ppm float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ppm = whole16(ppm)
}

// AppendAnswer extends dst by the answer to a request; to what is none it says
// nothing.
func (m *MHZ19) AppendAnswer(dst, request []byte) []byte {
	if len(request) != 9 || request[0] != 0xff || request[1] != 1 || request[2] != 0x86 || complement(request[1:8]) != request[8] {
		return dst
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	answer := []byte{0xff, 0x86, byte(m.ppm >> 8), byte(m.ppm), 0x42, 0, 0, 0}
	return append(append(dst, answer...), complement(answer[1:]))
}

// complement is the byte that makes the sum of p and itself 0.
func complement(p []byte) (c byte) {
	for _, b := range p {
		c -= b
	}
	return c
}

// whole16 is a register that saturates.
func whole16(v float64) uint16 { return uint16(bounded(math.Round(v), 0, math.MaxUint16)) }
