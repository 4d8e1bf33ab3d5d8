package sml

import (
	"encoding/binary"

	"github.com/telhub/telhub/drivers/obis"
)

// tagGetListRes marks a message with a list of values.
const tagGetListRes = 0x0701

// takeFile reads all messages of a file; false if it is not well-formed.
func (d *Decoder) takeFile(p []byte) bool {
	r := reader{p: p}
	for !r.failed && len(r.p) > 0 {
		if r.p[0] == 0 { // filling
			r.p = r.p[1:]
			continue
		}
		d.takeMessage(&r)
	}
	return !r.failed
}

// takeMessage reads SML_Message: transactionId, groupNo, abortOnError,
// messageBody, crc16, endOfSmlMsg.
func (d *Decoder) takeMessage(r *reader) {
	if r.list(6) != 6 {
		r.fail()
		return
	}
	r.skip(3)
	body := r.list(2)
	head := r.next()
	tag, ok := head.integer()
	if !ok || body != 2 {
		r.fail()
		return
	}
	if tag.mag == tagGetListRes {
		d.takeGetList(r)
	} else {
		r.skip(1)
	}
	r.skip(1)
	if len(r.p) == 0 || r.p[0] != 0 {
		r.fail()
	}
}

// takeGetList reads SML_GetList.Res: clientId, serverId, listName,
// actSensorTime, valList, listSignature, actGatewayTime.
func (d *Decoder) takeGetList(r *reader) {
	n := r.list(5)
	r.skip(1)
	server := r.next()
	if server.kind == list {
		r.fail()
	}
	r.skip(1)
	if r.failed {
		return
	}
	if !d.admits(server.b) {
		d.foreign++
		r.skip(n - 3)
		return
	}
	d.unsound = isUnsound(server.b)
	d.takeTime(r)
	values := r.list(0)
	for ; values > 0 && !r.failed; values-- {
		d.takeEntry(r)
	}
	r.skip(n - 5)
}

// takeTime reads SML_Time: a list of a tag and a number, or of a tag and a
// list, or the number alone, or nothing.
func (d *Decoder) takeTime(r *reader) {
	e := r.next()
	tag := 1 // secIndex
	if e.kind == list {
		if e.n != 2 {
			r.skip(e.n)
			return
		}
		head := r.next()
		tag, _ = head.small()
		if e = r.next(); e.kind == list { // localTimestamp
			r.skip(e.n)
			return
		}
	}
	v, ok := e.integer()
	switch {
	case !ok || v.negative:
	case tag == 1:
		d.put(d.table.Derived+outSeconds, float64(v.mag))
	case tag == 2: // timestamp
		d.put(d.table.Derived+outTime, float64(v.mag))
	}
}

// takeEntry reads SML_ListEntry: objName, status, valTime, unit, scaler,
// value, valueSignature.
func (d *Decoder) takeEntry(r *reader) {
	if r.list(7) != 7 {
		r.fail()
		return
	}
	name := r.next()
	r.skip(2)
	unitElement, scalerElement, value := r.next(), r.next(), r.next()
	if value.kind == list { // SML_ListType of SML 1.05
		r.skip(value.n)
	}
	r.skip(1)
	if r.failed || name.kind != octets || unitElement.kind == list || scalerElement.kind == list {
		r.fail()
		return
	}
	if len(name.b) != 6 || name.b[5] != 255 {
		return
	}
	d.takeValue(codeOf(name.b), &unitElement, &scalerElement, &value)
}

func codeOf(b []byte) obis.Code { return obis.Of(b[0], b[1], b[2], b[3], b[4]) }

func (d *Decoder) takeValue(c obis.Code, unitElement, scalerElement, value *element) {
	if c == codeSerial && value.kind == octets {
		d.unsound = d.unsound || isUnsound(value.b)
		return
	}
	out := d.table.Find(c)
	if d.unsound && c == codePower && value.kind == signed && len(value.b) <= 3 {
		value.kind = unsigned
	}
	v, ok := value.integer()
	if !ok {
		return
	}
	if out < 0 {
		d.unknown++
		return
	}
	number, scaler := 255, 0
	if !unitElement.empty() {
		if number, ok = unitElement.small(); !ok {
			return
		}
	}
	if !scalerElement.empty() {
		if scaler, ok = scalerElement.small(); !ok {
			return
		}
	}
	if u, ok := unitOf(number); ok && u.fits(d.table.Outputs[out].Unit) {
		d.put(out, v.in(u, scaler))
	}
}

// codePower is 1-0:16.7.0.
const codePower obis.Code = 1<<32 | 16<<16 | 7<<8

// isUnsound reports whether a server ID (DIN 43863-5: 0A, 01, maker, number) is
// that of a DZG DVS74 with the defect in its integers. The ranges of numbers
// are those that libsml's users found.
func isUnsound(id []byte) bool {
	if len(id) != 10 || string(id[:5]) != "\x0a\x01DZG" {
		return false
	}
	n := uint64(id[5])<<32 | uint64(binary.BigEndian.Uint32(id[6:]))
	return n >= 42_000_000 && n <= 48_999_999 || n >= 55_000_000 && n <= 58_999_999
}
