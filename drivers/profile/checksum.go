package profile

import "github.com/telhub/telhub/drivers/crc"

// checksum is one of the ways in which chips protect what they send.
type checksum uint8

const (
	noChecksum checksum = iota
	crcSensirion
	crcPEC
	crcModbus
	crcSHT2x
	sum8
	xor8
)

// checksums names them in the language.
func checksums() map[string]checksum {
	return map[string]checksum{
		"sensirion": crcSensirion, "smbus-pec": crcPEC, "sht2x": crcSHT2x, "modbus": crcModbus, "sum8": sum8, "xor8": xor8,
	}
}

// size is how many bytes it adds.
func (k checksum) size() int {
	switch k {
	case noChecksum:
		return 0
	case crcModbus:
		return 2
	}
	return 1
}

// over computes the checksum of data as it stands in a frame: for two bytes,
// low byte first, the number whose low byte comes first. start continues an
// earlier computation for crcPEC.
func (k checksum) over(data []byte, start byte) uint16 {
	switch k {
	case crcSensirion:
		return uint16(crc8(data, 0x31, 0xff))
	case crcSHT2x:
		return uint16(crc8(data, 0x31, 0))
	case crcPEC:
		return uint16(crc8(data, 0x07, start))
	case crcModbus:
		return crc.Modbus(data)
	case sum8:
		var s byte
		for _, b := range data {
			s += b
		}
		return uint16(s)
	case xor8:
		var s byte
		for _, b := range data {
			s ^= b
		}
		return uint16(s)
	}
	return 0
}

// crc8 goes bit by bit, most significant first: frames are a few bytes long,
// a table would cost more cache than it saves time.
func crc8(data []byte, poly, crc byte) byte {
	for _, b := range data {
		crc ^= b
		for range 8 {
			if crc&0x80 != 0 {
				crc = crc<<1 ^ poly
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// verify checks every checksum in what op o read, r, from address addr. It
// gives what was computed and what arrived.
func (o *op) verify(addr uint16, r []byte) (want, got uint16, ok bool) {
	if o.crc == noChecksum {
		return 0, 0, true
	}
	frame := len(r)
	if o.perWord {
		frame = wordBytes + o.crc.size()
	}
	for ; len(r) >= frame; r = r[frame:] {
		data, sum := r[:frame-o.crc.size()], r[frame-o.crc.size():frame]
		want = o.crc.over(data, o.pecStart(addr))
		got = uint16(sum[0])
		if len(sum) == 2 {
			got |= uint16(sum[1]) << 8
		}
		if want != got {
			return want, got, false
		}
	}
	return want, got, true
}

// pecStart is the packet error code over what precedes the data that was
// read: address and written bytes, and the address again for reading (SMBus
// specification 3.1, section 6.4).
func (o *op) pecStart(addr uint16) (crc byte) {
	if o.crc != crcPEC {
		return 0
	}
	step := func(b byte) {
		crc ^= b
		for range 8 {
			if crc&0x80 != 0 {
				crc = crc<<1 ^ 0x07
			} else {
				crc <<= 1
			}
		}
	}
	if len(o.w) > 0 && !o.stop {
		step(byte(addr << 1))
		for _, b := range o.w {
			step(b)
		}
	}
	step(byte(addr<<1 | 1))
	return crc
}
