package crc

import "testing"

// The catalogue of parametrised CRC algorithms: the check values of "123456789".
func TestCheckValues(t *testing.T) {
	p := []byte("123456789")
	for name, c := range map[string]struct{ got, want uint16 }{
		"CRC-16/MODBUS": {Modbus(p), 0x4B37},
		"CRC-16/ARC":    {Reflected16(0, Poly8005, p), 0xBB3D},
		"CRC-16/X-25":   {^Reflected16(0xFFFF, Poly1021, p), 0x906E},
		"CRC-16/KERMIT": {Reflected16(0, Poly1021, p), 0x2189},
		"in two pieces": {Reflected16(Reflected16(0, Poly1021, p[:4]), Poly1021, p[4:]), 0x2189},
	} {
		if c.got != c.want {
			t.Errorf("%s is %04X, want %04X", name, c.got, c.want)
		}
	}
}
