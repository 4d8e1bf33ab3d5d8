package profile

import (
	"encoding/binary"

	"github.com/telhub/telhub/drivers/crc"
)

// frameSum is a checksum of serial telegrams. The zero value is none.
type frameSum struct {
	size   int // bytes
	over   func(p []byte) uint16
	little bool // low byte first
}

// holds reports whether sum is the checksum of data.
func (s *frameSum) holds(data, sum []byte) bool {
	want := s.over(data)
	switch {
	case s.size == 1:
		return sum[0] == byte(want)
	case s.little:
		return binary.LittleEndian.Uint16(sum) == want
	}
	return binary.BigEndian.Uint16(sum) == want
}

// frameSums names the checksums in the language. The CRCs are those of the
// catalogue of parametrised CRC algorithms: polynomial, start, reflected, final
// exclusive or.
func frameSums() map[string]frameSum {
	m := map[string]frameSum{
		"sum8":         {size: 1, over: sumOf},
		"sum8-inverse": {size: 1, over: func(p []byte) uint16 { return ^sumOf(p) }},
		"sum8-zero":    {size: 1, over: func(p []byte) uint16 { return -sumOf(p) }}, // sum and checksum make 0
		"xor8":         {size: 1, over: func(p []byte) uint16 { return xor8.over(p, 0) }},
		"crc8":         {size: 1, over: func(p []byte) uint16 { return uint16(crc8(p, 0x07, 0)) }},    // CRC-8/SMBUS
		"crc8-nrsc5":   {size: 1, over: func(p []byte) uint16 { return uint16(crc8(p, 0x31, 0xff)) }}, // Sensirion's
		"crc8-maxim":   {size: 1, over: crc8Maxim},
	}
	for name, over := range map[string]func([]byte) uint16{
		"sum16":        sumOf,
		"crc16-modbus": crc.Modbus,
		"crc16-arc":    func(p []byte) uint16 { return crc.Reflected16(0, crc.Poly8005, p) },
		"crc16-x25":    func(p []byte) uint16 { return ^crc.Reflected16(0xffff, crc.Poly1021, p) },
		"crc16-kermit": func(p []byte) uint16 { return crc.Reflected16(0, crc.Poly1021, p) },
		"crc16-ccitt":  func(p []byte) uint16 { return crc16Forward(p, 0x1021, 0xffff) }, // CRC-16/IBM-3740
		"crc16-xmodem": func(p []byte) uint16 { return crc16Forward(p, 0x1021, 0) },
	} {
		m[name+"be"] = frameSum{size: 2, over: over}
		m[name+"le"] = frameSum{size: 2, over: over, little: true}
	}
	return m
}

func sumOf(p []byte) (s uint16) {
	for _, b := range p {
		s += uint16(b)
	}
	return s
}

// crc8Maxim is CRC-8/MAXIM-DOW: polynomial 0x31 reflected.
func crc8Maxim(p []byte) uint16 {
	var crc byte
	for _, b := range p {
		crc ^= b
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0x8c
			} else {
				crc >>= 1
			}
		}
	}
	return uint16(crc)
}

func crc16Forward(p []byte, poly, crc uint16) uint16 {
	for _, b := range p {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ poly
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
