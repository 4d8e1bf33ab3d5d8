package modbus

import (
	"encoding/binary"

	"github.com/telhub/telhub/drivers/profile"
)

// exceptionBit marks the function of an answer that refuses (application
// protocol, section 7).
const exceptionBit = 0x80

// Lengths of what surrounds an answer's data.
const (
	headRTU = 1                 // unit
	tailRTU = 2                 // checksum
	headTCP = 7                 // MBAP header: transaction, protocol, length, unit
	longest = headTCP - 1 + 254 // a TCP frame: six bytes and at most 254 that they announce
)

// answer finds the answer to one request among what arrives. It implements
// link.Framer.
type answer struct {
	unit, function uint8
	bytes          uint8 // of data
	tcp            bool
	number         uint16 // of the TCP transaction

	damaged bool // something like the answer came with a wrong checksum
}

// begin prepares for the answer to the next request of d for b.
func (a *answer) begin(d *Device, b *profile.Block) {
	*a = answer{unit: d.unit, function: byte(b.Table), bytes: uint8(b.Bytes()), tcp: d.tcp, number: d.number + 1}
}

// Frame implements link.Framer.
func (a *answer) Frame(got []byte) (from, to int, ok bool) {
	if a.tcp {
		return a.tcpFrame(got)
	}
	a.damaged = false
	for i := 0; i+headRTU+2+tailRTU <= len(got); i++ {
		n := a.expect(got[i:])
		if n == 0 || i+n > len(got) {
			continue
		}
		frame := got[i : i+n]
		if crc16(frame[:n-tailRTU]) == binary.LittleEndian.Uint16(frame[n-tailRTU:]) {
			return i, i + n, true
		}
		a.damaged = true
	}
	return 0, 0, false
}

// expect gives the length of the frame that p begins with, if that is the
// answer, or 0.
func (a *answer) expect(p []byte) int {
	if p[0] != a.unit {
		return 0
	}
	switch p[1] {
	case a.function:
		if p[2] == a.bytes {
			return headRTU + 2 + int(a.bytes) + tailRTU
		}
	case a.function | exceptionBit:
		return headRTU + 2 + tailRTU
	}
	return 0
}

// tcpFrame goes from frame to frame until one is the answer. What is no frame
// ends the search: a TCP stream has no other place to begin anew.
func (a *answer) tcpFrame(got []byte) (from, to int, ok bool) {
	for i := 0; i+headTCP <= len(got); {
		p := got[i:]
		n := headTCP - 1 + int(binary.BigEndian.Uint16(p[4:]))
		if p[2] != 0 || p[3] != 0 || n < headTCP+2 || n > longest {
			a.damaged = true
			return 0, 0, false
		}
		if n > len(p) {
			return 0, 0, false
		}
		if binary.BigEndian.Uint16(p) == a.number && a.fits(p[headTCP-1:n]) {
			return i, i + n, true
		}
		i += n
	}
	return 0, 0, false
}

// fits reports whether p, from the unit on, is the answer. Gateways and
// devices that have no number answer with whatever unit they were asked for,
// some with 0 or 255.
func (a *answer) fits(p []byte) bool {
	if p[0] != a.unit && p[0] != 0 && p[0] != 0xff {
		return false
	}
	switch p[1] {
	case a.function:
		return p[2] == a.bytes && len(p) == headRTU+2+int(a.bytes)
	case a.function | exceptionBit:
		return len(p) == headRTU+2
	}
	return false
}

// pdu gives the part of an answer from the function on, without a checksum.
func (a *answer) pdu(frame []byte) []byte {
	if a.tcp {
		return frame[headTCP:]
	}
	return frame[headRTU : len(frame)-tailRTU]
}

// crc16 is the checksum of RTU frames (serial line guide, section 6.2.2),
// bit by bit: frames are short and the line is slow.
func crc16(p []byte) uint16 {
	crc := uint16(0xffff)
	for _, b := range p {
		crc ^= uint16(b)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0xa001
			} else {
				crc >>= 1
			}
		}
	}
	return crc
}
