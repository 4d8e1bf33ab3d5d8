package modbus

import (
	"bytes"
	"encoding/binary"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/crc"
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

	request []byte // that is answered; of an RTU line, whose adapter may repeat it

	damaged bool // something like the answer came with a wrong checksum
	echoed  bool // the request came back, and nothing else
	foreign bool // an answer came in the other kind of frame
}

// begin prepares for the answer to a request for b.
func (a *answer) begin(request []byte, b *profile.Block, tcp bool) {
	*a = answer{unit: request[0], function: byte(b.Table), bytes: uint8(b.Bytes()), tcp: tcp, request: request}
	if tcp {
		a.unit, a.number = request[headTCP-1], binary.BigEndian.Uint16(request)
	}
}

// Frame implements link.Framer.
func (a *answer) Frame(got []byte) (from, to int, ok bool) {
	a.damaged, a.echoed, a.foreign = false, false, false
	if a.tcp {
		return a.tcpFrame(got)
	}
	a.echoed = bytes.Equal(got, a.request)
	a.foreign = len(got) >= headTCP+2 && a.isTCP(got)
	return a.rtuFrame(got)
}

// rtuFrame looks for the answer wherever it may begin: behind others' answers
// and an echo, which are passed over whole, and behind noise.
func (a *answer) rtuFrame(got []byte) (from, to int, ok bool) {
	noise := false
	for i := 0; i < len(got); {
		p := got[i:]
		if n := a.expect(p); n > 0 && n <= len(p) {
			if whole(p[:n]) {
				return i, i + n, true
			}
			a.damaged = true
		}
		if n := a.other(p); n > 0 {
			i += n
			if !noise {
				from = i
			}
			continue
		}
		noise = true
		i++
	}
	return from, 0, false
}

// other gives the length of a frame at the beginning of p that is whole and not
// the answer: our own request that the adapter heard, or another answer.
func (a *answer) other(p []byte) int {
	if bytes.HasPrefix(p, a.request) {
		return len(a.request)
	}
	if len(p) < headRTU+2+tailRTU {
		return 0
	}
	n := headRTU + 2 + tailRTU
	if p[1]&exceptionBit == 0 {
		n += int(p[2])
	}
	if n > len(p) || !whole(p[:n]) {
		return 0
	}
	return n
}

// whole reports whether an RTU frame's checksum is right.
func whole(frame []byte) bool {
	n := len(frame) - tailRTU
	return crc.Modbus(frame[:n]) == binary.LittleEndian.Uint16(frame[n:])
}

// isTCP reports whether got begins with the whole answer of a Modbus TCP
// server, to whatever it took the request for.
func (a *answer) isTCP(got []byte) bool {
	return got[2] == 0 && got[3] == 0 && len(got) == headTCP-1+int(binary.BigEndian.Uint16(got[4:]))
}

// why says what kept the answer away, where more is known than err tells.
func (a *answer) why(err error) error {
	switch {
	case a.foreign && a.tcp:
		return errIsRTU
	case a.foreign:
		return errIsTCP
	case a.echoed:
		return errEcho
	case a.damaged:
		return drivers.ErrCRC
	}
	return err
}

// expect gives the length of the frame that p begins with, if that is the
// answer, or 0.
func (a *answer) expect(p []byte) int {
	if len(p) < headRTU+2 || p[0] != a.unit {
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
			a.damaged, a.foreign = true, a.isRTU(got)
			return from, 0, false
		}
		if n > len(p) {
			break
		}
		if binary.BigEndian.Uint16(p) == a.number && a.fits(p[headTCP-1:n]) {
			return i, i + n, true
		}
		i += n
		from = i
	}
	return from, 0, false
}

// isRTU reports whether got is an RTU frame of the answer's device.
func (a *answer) isRTU(got []byte) bool {
	n := a.expect(got)
	return n > 0 && n <= len(got) && whole(got[:n])
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
