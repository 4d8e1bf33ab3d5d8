package sim

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// SolarValues are what an MPPT measures.
type SolarValues struct {
	Battery, BatteryCurrent float64 // V, A
	Panel, PanelPower       float64 // V, W
	LoadCurrent             float64 // A
	Load                    bool
	YieldTotal, YieldToday  float64 // J
	State                   int     // CS: 0 off, 3 bulk, 4 absorption, 5 float
	Error                   int     // ERR
}

// MPPT is a source that says a block of VE.Direct text per reading, as a
// Victron solar charger does ("VE.Direct Protocol", text mode), and now and
// then a HEX frame in the middle of it, as it does when it is asked.
type MPPT struct {
	mu     sync.Mutex // guards what follows
	values SolarValues
	hex    bool
}

// NewMPPT makes a charger with all values 0.
func NewMPPT() *MPPT { return new(MPPT) }

// Set gives the values that are measured from now on.
func (m *MPPT) Set(v SolarValues) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values = v
}

// SetHex puts a HEX frame into every block from now on, or none.
func (m *MPPT) SetHex(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hex = on
}

// Append implements Source.
func (m *MPPT) Append(dst []byte, _ time.Time) []byte {
	m.mu.Lock()
	v, hex := m.values, m.hex
	m.mu.Unlock()
	begin := len(dst)
	field := func(label string, value any) { dst = fmt.Appendf(dst, "\r\n%s\t%v", label, value) }
	scaled := func(x, step float64) int64 { return int64(math.Round(x / step)) }
	const hundredth = 36000 // J in 0.01 kWh
	field("PID", "0xA053")
	field("FW", "159")
	field("SER#", "HQ2132SIM01")
	field("V", scaled(v.Battery, 1e-3))
	field("I", scaled(v.BatteryCurrent, 1e-3))
	field("VPV", scaled(v.Panel, 1e-3))
	field("PPV", scaled(v.PanelPower, 1))
	middle := len(dst)
	field("CS", v.State)
	field("ERR", v.Error)
	load := "OFF"
	if v.Load {
		load = "ON"
	}
	field("LOAD", load)
	field("IL", scaled(v.LoadCurrent, 1e-3))
	field("H19", scaled(v.YieldTotal, hundredth))
	field("H20", scaled(v.YieldToday, hundredth))
	dst = append(dst, "\r\nChecksum\t"...)
	sum := byte(0)
	for _, b := range dst[begin:] {
		sum += b
	}
	dst = append(dst, -sum)
	if hex { // the answer to a ping: version 1.59
		rest := append([]byte(nil), dst[middle:]...)
		dst = append(append(dst[:middle], ":55941B6\n"...), rest...)
	}
	return dst
}
