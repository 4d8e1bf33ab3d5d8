package sim

import (
	"fmt"
	"sync"
	"time"
)

// MeterValues are what a P1Meter or an SMLMeter measures.
type MeterValues struct {
	Import, Export [2]float64 // J taken and given, by tariff
	Power          [3]float64 // W by phase, negative when given
	Voltage        [3]float64 // V
	Current        [3]float64 // A
	Tariff         int        // 1 or 2
	Gas            float64    // m3
	GasTime        time.Time  // of its capture
}

// total is the power of all phases, W.
func (v *MeterValues) total() float64 { return v.Power[0] + v.Power[1] + v.Power[2] }

// P1Meter is a source that says a DSMR 5 telegram per reading, as a Dutch meter
// with a gas meter on its M-Bus does, in the resolutions of the P1 Companion
// Standard 5.0.2, chapter 6.
type P1Meter struct {
	zone *time.Location

	mu     sync.Mutex // guards values
	values MeterValues
}

// NewP1Meter makes a meter whose clock shows the time of zone, which must have
// summer time as the European Union does, or none.
func NewP1Meter(zone *time.Location) *P1Meter { return &P1Meter{zone: zone} }

// Set gives the values that are measured from now on.
func (m *P1Meter) Set(v MeterValues) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values = v
}

// Append implements Source.
func (m *P1Meter) Append(dst []byte, t time.Time) []byte {
	m.mu.Lock()
	v := m.values
	m.mu.Unlock()
	begin := len(dst)
	line := func(format string, a ...any) { dst = append(fmt.Appendf(dst, format, a...), '\r', '\n') }
	const kWh = 3.6e6
	line(`/SIM5\2telhub P1`)
	line("")
	line("1-3:0.2.8(50)")
	line("0-0:1.0.0(%s)", m.clock(t))
	line("0-0:96.1.1(53494D30303031)")
	for i := range 2 {
		line("1-0:1.8.%d(%010.3f*kWh)", i+1, v.Import[i]/kWh)
	}
	for i := range 2 {
		line("1-0:2.8.%d(%010.3f*kWh)", i+1, v.Export[i]/kWh)
	}
	line("0-0:96.14.0(%04d)", v.Tariff)
	taken, given := split(v.total())
	line("1-0:1.7.0(%06.3f*kW)", taken/1e3)
	line("1-0:2.7.0(%06.3f*kW)", given/1e3)
	for i := range 3 {
		line("1-0:%d2.7.0(%05.1f*V)", 3+2*i, v.Voltage[i])
	}
	for i := range 3 {
		line("1-0:%d1.7.0(%06.2f*A)", 3+2*i, v.Current[i])
	}
	for i := range 3 {
		taken, given := split(v.Power[i])
		line("1-0:%d1.7.0(%06.3f*kW)", 2+2*i, taken/1e3)
		line("1-0:%d2.7.0(%06.3f*kW)", 2+2*i, given/1e3)
	}
	line("0-1:24.1.0(003)")
	line("0-1:96.1.0(474153303031)")
	line("0-1:24.2.1(%s)(%09.3f*m3)", m.clock(v.GasTime), v.Gas)
	dst = append(dst, '!')
	return fmt.Appendf(dst, "%04X\r\n", reflectedCRC(dst[begin:], 0xA001, 0))
}

// clock writes YYMMDDhhmmss and S in summer time, W otherwise.
func (m *P1Meter) clock(t time.Time) string {
	t = t.In(m.zone)
	if t.IsDST() {
		return t.Format("060102150405S")
	}
	return t.Format("060102150405W")
}

// split gives power that is taken and power that is given.
func split(w float64) (taken, given float64) { return max(w, 0), max(-w, 0) }

// reflectedCRC is a CRC of 16 bits whose least significant bit comes first.
func reflectedCRC(p []byte, polynomial, start uint16) uint16 {
	for _, b := range p {
		for bit := range 8 {
			feedback := (start^uint16(b>>bit))&1 != 0
			start >>= 1
			if feedback {
				start ^= polynomial
			}
		}
	}
	return start
}
