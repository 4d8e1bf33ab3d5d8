package sim

import (
	"bytes"
	"math"
	"sync"
	"time"
)

// SMLMeter is a source that says an SML file per reading, as a German meter
// behind its optical interface does: SML 1.04, transport protocol version 1.
type SMLMeter struct {
	server [10]byte
	begun  time.Time

	mu     sync.Mutex // guards values
	values MeterValues
}

// NewSMLMeter makes a meter with a serial number that is switched on at begun.
func NewSMLMeter(serial uint32, begun time.Time) *SMLMeter {
	m := &SMLMeter{begun: begun}
	copy(m.server[:], "\x0a\x01SIM")
	for i := range 4 {
		m.server[6+i] = byte(serial >> (24 - 8*i))
	}
	return m
}

// Set gives the values that are measured from now on. Gas and tariffs are not
// in its list: it has one register of each direction.
func (m *SMLMeter) Set(v MeterValues) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values = v
}

// Append implements Source.
func (m *SMLMeter) Append(dst []byte, t time.Time) []byte {
	m.mu.Lock()
	v := m.values
	m.mu.Unlock()
	var messages []byte
	messages = m.message(messages, 1, 0x0101, smlList(nil, nil, smlOctets(0, 1), smlOctets(m.server[:]...), nil, nil))
	messages = m.message(messages, 2, 0x0701, m.list(&v, t))
	messages = m.message(messages, 3, 0x0201, smlList(nil))
	begin := len(dst)
	dst = append(dst, "\x1b\x1b\x1b\x1b\x01\x01\x01\x01"...)
	escape := []byte("\x1b\x1b\x1b\x1b")
	dst = append(dst, bytes.ReplaceAll(messages, escape, append(escape, escape...))...)
	filling := (4 - len(messages)%4) % 4
	dst = append(dst, make([]byte, filling)...)
	dst = append(append(dst, escape...), 0x1a, byte(filling))
	crc := ^reflectedCRC(dst[begin:], 0x8408, 0xFFFF)
	return append(dst, byte(crc), byte(crc>>8))
}

// message wraps a body into SML_Message.
func (m *SMLMeter) message(dst []byte, number byte, tag uint16, body []byte) []byte {
	begin := len(dst)
	dst = append(dst, 0x76)
	dst = append(dst, smlOctets(0, number)...)
	dst = append(dst, 0x62, 0, 0x62, 0, 0x72, 0x63, byte(tag>>8), byte(tag))
	dst = append(dst, body...)
	crc := ^reflectedCRC(dst[begin:], 0x8408, 0xFFFF)
	return append(dst, 0x63, byte(crc), byte(crc>>8), 0)
}

// The units of IEC 62056-6-2 that the list has.
const (
	unitW  = 27
	unitWh = 30
	unitA  = 33
	unitV  = 35
)

// list is SML_GetList.Res.
func (m *SMLMeter) list(v *MeterValues, t time.Time) []byte {
	seconds := uint32(t.Sub(m.begun) / time.Second)
	now := smlList([]byte{0x62, 1}, []byte{0x65, byte(seconds >> 24), byte(seconds >> 16), byte(seconds >> 8), byte(seconds)})
	entries := [][]byte{
		smlList(smlOctets(1, 0, 96, 1, 0, 255), nil, nil, nil, nil, smlOctets(m.server[:]...), nil),
		smlEntry(1, 8, unitWh, -1, (v.Import[0]+v.Import[1])/3600),
		smlEntry(2, 8, unitWh, -1, (v.Export[0]+v.Export[1])/3600),
		smlEntry(16, 7, unitW, -1, v.total()),
	}
	for i := range 3 {
		c := byte(20 * i)
		entries = append(entries, smlEntry(36+c, 7, unitW, -1, v.Power[i]),
			smlEntry(32+c, 7, unitV, -1, v.Voltage[i]), smlEntry(31+c, 7, unitA, -2, v.Current[i]))
	}
	return smlList(nil, smlOctets(m.server[:]...), smlOctets(1, 0, 98, 10, 255, 255), now, smlList(entries...), nil, nil)
}

// smlList is a list of elements; nil stands for an optional one that is left out.
func smlList(elements ...[]byte) []byte {
	out := []byte{0x70 | byte(len(elements))}
	if len(elements) > 15 {
		out = []byte{0xF0 | byte(len(elements)>>4), byte(len(elements) & 15)}
	}
	for _, e := range elements {
		if e == nil {
			e = []byte{1}
		}
		out = append(out, e...)
	}
	return out
}

// smlOctets is an octet string of up to 14 bytes.
func smlOctets(b ...byte) []byte { return append([]byte{byte(len(b) + 1)}, b...) }

// smlEntry is SML_ListEntry of 1-0:c.d.0*255. The number takes as few bytes as
// it can, as meters do.
func smlEntry(c, d, unit byte, scaler int8, v float64) []byte {
	n := int64(math.Round(v / math.Pow10(int(scaler))))
	width := 1
	for width < 8 && n != n<<(64-8*width)>>(64-8*width) {
		width++
	}
	number := []byte{0x50 | byte(width+1)}
	for i := width - 1; i >= 0; i-- {
		number = append(number, byte(n>>(8*i)))
	}
	return smlList(smlOctets(1, 0, c, d, 0, 255), nil, nil, []byte{0x62, unit}, []byte{0x52, byte(scaler)}, number, nil)
}
