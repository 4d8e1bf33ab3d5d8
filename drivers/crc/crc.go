// Package crc computes the CRCs of 16 bits that devices send least significant
// bit first. It imports nothing and allocates nothing.
package crc

// Polynomials, reflected.
const (
	Poly8005 = 0xA001 // x16+x15+x2+1: MODBUS, ARC
	Poly1021 = 0x8408 // x16+x12+x5+1: X-25, KERMIT
)

// Reflected16 continues crc, at first the start value, over p. It goes bit by
// bit: frames are short and lines are slow, a table would cost more cache than
// it saves time.
func Reflected16(crc, poly uint16, p []byte) uint16 {
	for _, b := range p {
		crc ^= uint16(b)
		for range 8 {
			crc = crc>>1 ^ poly*(crc&1)
		}
	}
	return crc
}

// Modbus is CRC-16/MODBUS, the checksum of RTU frames (Modbus over Serial Line
// V1.02, section 6.2.2). The low byte is sent first.
func Modbus(p []byte) uint16 { return Reflected16(0xFFFF, Poly8005, p) }
