package store

import (
	"bytes"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// The layout of a record is a format on disk: this one must stay readable.
func TestRecordLayout(t *testing.T) {
	f := &frame.Frame{Lane: frame.Backfill, Kind: frame.Data, ID: frame.ID{Epoch: 0x0102, Seq: 0x0304},
		Prev: frame.ID{Epoch: 0x05, Seq: 0x06}, N: 7, T0: 8, T1: 9, Boot: frame.BootID{0xB0, 15: 0xB1},
		Dating: frame.Dating{Offset: -2, Quality: frame.NTP}, Payload: []byte("payload")}
	want := "\x02" + "\x00\x00\x00\x00\x00\x00\x01\x02" + "\x00\x00\x00\x00\x00\x00\x03\x04" + "\x00\x00" + // key
		"\xF5TR\x01" + "\x00\x4B" + "\xD8\x21\x8E\x21" + // magic, length 75, CRC (by a bitwise implementation)
		"\x00\x02\x00\x00" + "\x00\x00\x00\x07" + "\x00\x00\x00\x07" + // kind, quality, N, length
		"\x00\x00\x00\x00\x00\x00\x00\x08" + "\x00\x00\x00\x00\x00\x00\x00\x09" + // T0, T1
		"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE" + // offset
		"\x00\x00\x00\x00\x00\x00\x00\x05" + "\x00\x00\x00\x00\x00\x00\x00\x06" + // predecessor
		"\xB0\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xB1" + "payload"
	got := appendRecords(nil, f)
	if string(got) != want {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
	if size, chunks := recordBytes(len(f.Payload)); size != len(got) || chunks != 1 {
		t.Errorf("recordBytes %d, %d, want %d, 1", size, chunks, len(got))
	}
}

func TestRecordBytesIsExact(t *testing.T) {
	for size := range 3 * chunkLen {
		f := makeFrame(frame.Live, frame.ID{Epoch: 1, Seq: 1}, frame.ID{}, size)
		if got, _ := recordBytes(size); got != len(appendRecords(nil, f)) {
			t.Fatalf("payload of %d: recordBytes %d, appended %d", size, got, len(appendRecords(nil, f)))
		}
	}
}

// Any single bit of a record that changes must be noticed.
func TestRecordBits(t *testing.T) {
	whole := appendRecords(nil, makeFrame(frame.Live, frame.ID{Epoch: 1, Seq: 1}, frame.ID{}, 50))
	for bit := range 8 * len(whole) {
		b := bytes.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		if data, err := openValue(b[:keyLen], b[keyLen:]); err == nil {
			t.Errorf("bit %d changed, but the record opens: %x", bit, data)
		}
	}
}

func FuzzRecord(f *testing.F) {
	for _, size := range []int{0, 10, chunkLen, 3000} {
		f.Add(appendRecords(nil, makeFrame(frame.Alarm, frame.ID{Epoch: 2, Seq: 9}, frame.ID{Epoch: 1, Seq: 5}, size)), uint8(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint8) {
		scanBuffer(b, true, func(k, v []byte, at int) {
			if _, err := openValue(k, v); err != nil || !bytes.Equal(b[at:at+keyLen], k) {
				t.Errorf("scan found a record that does not open: %v", err)
			}
		})
		if len(b) < keyLen {
			return
		}
		k, err := parseKey(b[:keyLen])
		if err != nil {
			return
		}
		if again := makeKey(k.lane(), k.id(), k.chunk()); again != k {
			t.Errorf("key %x became %x", k, again)
		}
		fuzzFrame(t, k, b[keyLen:], int(cut))
	})
}

// fuzzFrame gives data as the chunks of a frame with right checksums, so that
// the fuzzer reaches what lies behind them.
func fuzzFrame(t *testing.T, k key, data []byte, cut int) {
	a, n := assembler{keep: true}, 0
	for chunk := 0; chunk == 0 || len(data) > 0; chunk++ {
		part := data[:min(len(data), headerLen+cut)]
		data = data[len(part):]
		value := append(make([]byte, valueLen), part...)
		k := makeKey(k.lane(), k.id(), chunk)
		sealValue(k[:], value)
		got, err := openValue(k[:], value)
		if err != nil || !bytes.Equal(got, part) {
			t.Fatalf("value does not open: %v", err)
		}
		done, err := a.add(&k, got)
		if n += len(got); err != nil {
			return
		}
		if done {
			var f frame.Frame
			a.frame(&f, nil)
			if len(f.Payload) != n-headerLen || f.ID != k.id() || f.Lane != k.lane() {
				t.Fatalf("assembled %d bytes from %d, %v", len(f.Payload), n, f.ID)
			}
			if _, chunks := recordBytes(len(f.Payload)); chunks > 0xFFFF {
				t.Fatalf("%d chunks", chunks)
			}
			extentOf(&a.header, f.Payload)
			return
		}
	}
}

// FuzzFile gives bytes as a whole file: no check, search or salvage of it may
// panic, and what they find must be sound.
func FuzzFile(f *testing.F) {
	f.Add([]byte("not a database"), uint32(0), byte(0))
	f.Add([]byte{}, uint32(pageSize+16), byte(0xFF))
	f.Fuzz(func(t *testing.T, patch []byte, at uint32, xor byte) {
		c := &checker{each: func(k, v []byte) error {
			_, err := openValue(k, v)
			return err
		}}
		data := bytes.Clone(fuzzBase(t))
		at %= uint32(len(data))
		copy(data[at:], patch)
		data[at] ^= xor
		c.f, c.size = bytes.NewReader(data), int64(len(data))
		c.check()
	})
}

// fuzzBase returns a sound segment of several pages.
func fuzzBase(t *testing.T) []byte {
	base, ok := fuzzBaseOnce()
	if !ok {
		t.Fatal("no base")
	}
	return base
}
