package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/telhub/telhub/uplink/frame"
)

// A value in a segment:
//
//	0  magic and format version  F5 'T' 'R' 01
//	4  length of data            uint16
//	6  CRC-32C of key, the six bytes above and data
//	10 data
//
// The data of a frame's chunks, joined, are its header and its payload.
// All numbers are big-endian, as in keys.
const (
	keyLen   = 1 + 8 + 8 + 2 // lane, epoch, seq, chunk
	valueLen = 10            // before the data

	// Four full records fill a leaf of 4096 bytes: 16 bytes of page header and
	// 4 × (16 bytes of element + key + value).
	chunkLen = (pageSize-16)/4 - 16 - keyLen - valueLen
)

// Offsets in a frame's header.
const (
	atKind      = 0
	atQuality   = 1
	atClass     = 2
	atN         = 4
	atLength    = 8
	atT0        = 12
	atT1        = 20
	atOffset    = 28
	atPrevEpoch = 36
	atPrevSeq   = 44
	atBoot      = 52
	headerLen   = 68
)

// stateLane is the first byte of the key of the store's own state, which is no
// frame's lane.
const stateLane = 0xFE

var (
	magic      = [4]byte{0xF5, 'T', 'R', 1}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

var (
	errKey       = errors.New("key is not one of ours")
	errRecord    = errors.New("record's checksum or length is wrong")
	errHeader    = errors.New("frame's header is implausible")
	errChunks    = errors.New("frame's chunks are incomplete")
	errTruncated = errors.New("file is shorter than it was")
)

// key is a record's name in a segment, in memory order.
type key [keyLen]byte

func makeKey(lane frame.Lane, id frame.ID, chunk int) (k key) {
	k[0] = byte(lane)
	binary.BigEndian.PutUint64(k[1:], id.Epoch)
	binary.BigEndian.PutUint64(k[9:], id.Seq)
	binary.BigEndian.PutUint16(k[17:], uint16(chunk))
	return k
}

func (k *key) lane() frame.Lane { return frame.Lane(k[0]) }
func (k *key) chunk() int       { return int(binary.BigEndian.Uint16(k[17:])) }
func (k *key) id() frame.ID {
	return frame.ID{Epoch: binary.BigEndian.Uint64(k[1:]), Seq: binary.BigEndian.Uint64(k[9:])}
}

// parseKey reads a frame's key.
func parseKey(b []byte) (k key, err error) {
	if len(b) != keyLen || b[0] >= frame.Lanes {
		return k, errKey
	}
	copy(k[:], b)
	return k, nil
}

// sealValue fills in the head of value, whose data stand at valueLen already.
// k should be on the heap already: the checksum makes it escape.
func sealValue(k, value []byte) {
	copy(value, magic[:])
	binary.BigEndian.PutUint16(value[4:], uint16(len(value)-valueLen))
	binary.BigEndian.PutUint32(value[6:], valueCRC(k, value))
}

// openValue returns the data of a value after checking it against its key.
// The result is part of value.
func openValue(k, value []byte) ([]byte, error) {
	if len(value) < valueLen || !bytes.Equal(value[:4], magic[:]) ||
		int(binary.BigEndian.Uint16(value[4:])) != len(value)-valueLen ||
		binary.BigEndian.Uint32(value[6:]) != valueCRC(k, value) {
		return nil, errRecord
	}
	return value[valueLen:], nil
}

func valueCRC(k, value []byte) uint32 {
	crc := crc32.Update(0, castagnoli, k)
	crc = crc32.Update(crc, castagnoli, value[:6])
	return crc32.Update(crc, castagnoli, value[valueLen:])
}

// header is what a frame's first chunk says of it.
type header struct {
	kind   frame.Kind
	class  frame.Class
	n      uint32
	length int // of the payload
	t0, t1 int64
	prev   frame.ID
	boot   frame.BootID
	dating frame.Dating
}

// put writes the header of f into b, headerLen bytes.
func putHeader(b []byte, f *frame.Frame) {
	b[atKind], b[atQuality], b[2], b[3] = byte(f.Kind), byte(f.Dating.Quality), byte(f.Class), 0
	binary.BigEndian.PutUint32(b[atN:], f.N)
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(f.Payload)))
	binary.BigEndian.PutUint64(b[atT0:], uint64(f.T0))
	binary.BigEndian.PutUint64(b[atT1:], uint64(f.T1))
	binary.BigEndian.PutUint64(b[atOffset:], uint64(f.Dating.Offset))
	binary.BigEndian.PutUint64(b[atPrevEpoch:], f.Prev.Epoch)
	binary.BigEndian.PutUint64(b[atPrevSeq:], f.Prev.Seq)
	copy(b[atBoot:headerLen], f.Boot[:])
}

// parseHeader reads the header at the start of a first chunk's data.
func parseHeader(data []byte) (h header, err error) {
	if len(data) < headerLen {
		return h, errHeader
	}
	length := binary.BigEndian.Uint32(data[atLength:])
	if data[atKind] > byte(frame.Gap) || data[atQuality] > byte(frame.GNSS) ||
		data[atClass] > byte(frame.Urgent) || length > maxPayload {
		return h, errHeader
	}
	h.kind, h.class = frame.Kind(data[atKind]), frame.Class(data[atClass])
	h.dating.Quality = frame.ClockQuality(data[atQuality])
	h.n = binary.BigEndian.Uint32(data[atN:])
	h.length = int(length)
	h.t0 = int64(binary.BigEndian.Uint64(data[atT0:]))
	h.t1 = int64(binary.BigEndian.Uint64(data[atT1:]))
	h.dating.Offset = int64(binary.BigEndian.Uint64(data[atOffset:]))
	h.prev.Epoch = binary.BigEndian.Uint64(data[atPrevEpoch:])
	h.prev.Seq = binary.BigEndian.Uint64(data[atPrevSeq:])
	copy(h.boot[:], data[atBoot:headerLen])
	return h, nil
}

// maxPayload bounds a frame's payload: its chunks must be countable.
const maxPayload = 0xFFFF*chunkLen - headerLen

// recordBytes returns what a payload takes as records, keys included, and how
// many records that is.
func recordBytes(payload int) (size, chunks int) {
	blob := headerLen + payload
	chunks = (blob + chunkLen - 1) / chunkLen
	return blob + chunks*(keyLen+valueLen), chunks
}

// appendRecords appends f's records as key, value, key, value … to dst, which
// must have room for recordBytes.
func appendRecords(dst []byte, f *frame.Frame) []byte {
	var head [headerLen]byte
	putHeader(head[:], f)
	rest, front := f.Payload, head[:]
	for chunk := 0; chunk == 0 || len(rest) > 0; chunk++ {
		k := makeKey(f.Lane, f.ID, chunk)
		dst = append(dst, k[:]...)
		at := len(dst)
		dst = append(dst, make([]byte, valueLen)...)
		dst = append(dst, front...)
		n := min(len(rest), chunkLen-len(front))
		dst = append(dst, rest[:n]...)
		rest, front = rest[n:], nil
		sealValue(dst[at-keyLen:at], dst[at:])
	}
	return dst
}

// cutRecord splits the first record off what appendRecords made.
func cutRecord(b []byte) (k, value, rest []byte) {
	end := keyLen + valueLen + int(binary.BigEndian.Uint16(b[keyLen+4:]))
	return b[:keyLen:keyLen], b[keyLen:end:end], b[end:]
}

// assembler joins chunks, which come in key order, to frames. Its zero value
// is ready.
type assembler struct {
	key     key // of the frame being joined
	header  header
	payload []byte // gap records always, samples only with keep
	keep    bool
	next    int // chunk expected; 0 = none begun
	missed  int // payload bytes still expected
}

// add takes the next record. It reports whether that completed a frame, and an
// error if the record does not continue what came before it.
func (a *assembler) add(k *key, data []byte) (done bool, err error) {
	if a.next == 0 || k.chunk() == 0 {
		broken := a.next != 0
		a.next = 0
		if k.chunk() != 0 {
			return false, errChunks
		}
		if a.header, err = parseHeader(data); err != nil {
			return false, err
		}
		a.key, a.missed, data = *k, a.header.length, data[headerLen:]
		a.payload = a.payload[:0]
		if broken {
			err = errChunks
		}
	} else if k.lane() != a.key.lane() || k.id() != a.key.id() || k.chunk() != a.next {
		a.next = 0
		return false, errChunks
	}
	if a.missed -= len(data); a.missed < 0 || a.missed > 0 && len(data) == 0 {
		a.next = 0
		return false, errChunks
	}
	if a.keep || a.header.kind == frame.Gap {
		a.payload = append(a.payload, data...)
	}
	if a.next++; a.missed == 0 {
		a.next = 0
	}
	return a.missed == 0, err
}

// pending reports whether a frame has begun and not ended.
func (a *assembler) pending() bool { return a.next != 0 }
