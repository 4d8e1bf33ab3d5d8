package i2c

import (
	"bytes"
	"errors"
	"testing"

	"github.com/telhub/telhub/drivers"
)

// stub is what the kernel's i2c-stub offers by default: no plain I2C.
const stub = FuncQuick | FuncReadByte | FuncWriteByte | FuncReadByteData | FuncWriteByteData |
	FuncReadWordData | FuncWriteWordData | FuncReadBlock | FuncWriteBlock

func TestSMBusShapes(t *testing.T) {
	tests := []struct {
		name  string
		w     []byte
		in    int
		size  uint32
		read  uint8
		bytes []byte // what is read, or what the register at w[0] then holds
	}{
		{"quick", nil, 0, smbusQuick, smbusWrite, nil},
		{"receive byte", nil, 1, smbusByte, smbusRead, []byte{0x80}},
		{"send byte", []byte{0x10}, 0, smbusByte, smbusWrite, nil},
		{"read byte data", []byte{0x10}, 1, smbusByteData, smbusRead, []byte{0x90}},
		{"write byte data", []byte{0x10, 0xaa}, 0, smbusByteData, smbusWrite, []byte{0xaa}},
		{"read word data", []byte{0x10}, 2, smbusWordData, smbusRead, []byte{0x90, 0x91}},
		{"write word data", []byte{0x10, 0x12, 0x34}, 0, smbusWordData, smbusWrite, []byte{0x12, 0x34}},
		{"read block", []byte{0x10}, 3, smbusI2CBlock, smbusRead, []byte{0x90, 0x91, 0x92}},
		{"read longest block", []byte{0}, 32, smbusI2CBlock, smbusRead, pattern(32)},
		{"write block", []byte{0x10, 1, 2, 3}, 0, smbusI2CBlock, smbusWrite, []byte{1, 2, 3}},
		{"write longest block", append([]byte{0x10}, pattern(32)...), 0, smbusI2CBlock, smbusWrite, pattern(32)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := newFake()
			k.funcs = stub
			k.chips[0x2c] = new([256]byte)
			copy(k.chips[0x2c][:], pattern(256))
			b := mustOpen(t, k, Options{})
			r := make([]byte, tt.in)
			if err := b.Tx(0x2c, tt.w, r); err != nil {
				t.Fatal(err)
			}
			if k.smbus.size != tt.size || k.smbus.readWrite != tt.read {
				t.Errorf("command %d direction %d, want %d %d", k.smbus.size, k.smbus.readWrite, tt.size, tt.read)
			}
			got := r
			if tt.in == 0 && len(tt.bytes) > 0 {
				got = k.chips[0x2c][tt.w[0]:][:len(tt.bytes)]
			}
			if !bytes.Equal(got, tt.bytes) && len(tt.bytes) > 0 {
				t.Errorf("got % x, want % x", got, tt.bytes)
			}
		})
	}
}

// pattern is n bytes 0x80, 0x81, …
func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = 0x80 + byte(i)
	}
	return p
}

func TestSMBusRefusesOtherShapes(t *testing.T) {
	k := newFake()
	k.funcs = stub
	k.chips[0x2c] = new([256]byte)
	b := mustOpen(t, k, Options{})
	for _, shape := range [][2]int{{0, 2}, {1, 33}, {2, 1}, {34, 0}} {
		err := b.Tx(0x2c, make([]byte, shape[0]), make([]byte, shape[1]))
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%d out, %d in: got %v, want %v", shape[0], shape[1], err, errors.ErrUnsupported)
		}
	}
	k.funcs = FuncReadBlock | FuncWriteBlock
	if err := b.Reopen(); err != nil {
		t.Fatal(err)
	}
	if err := b.Tx(0x2c, []byte{0x10}, make([]byte, 1)); err != nil || k.smbus.size != smbusI2CBlock {
		t.Errorf("one byte without byte data: %v, command %d, want a block", err, k.smbus.size)
	}
	if err := b.Tx(0x2c, nil, make([]byte, 1)); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("receive byte that the adapter lacks: got %v, want %v", err, errors.ErrUnsupported)
	}
}

func TestSMBusSelectsEachAddressAnew(t *testing.T) {
	k := newFake()
	k.funcs = stub
	k.chips[0x2c], k.chips[0x2d] = &[256]byte{1}, &[256]byte{2}
	b := mustOpen(t, k, Options{})
	var r [1]byte
	for i, want := range []struct {
		addr   uint16
		first  byte
		slaves int
	}{{0x2c, 1, 1}, {0x2c, 1, 1}, {0x2d, 2, 2}, {0x2c, 1, 3}} {
		if err := b.Tx(want.addr, []byte{0}, r[:]); err != nil {
			t.Fatal(err)
		}
		if r[0] != want.first || k.slaves != want.slaves {
			t.Errorf("step %d: read %d after %d selections, want %d after %d", i, r[0], k.slaves, want.first, want.slaves)
		}
	}
}

func TestShortTransfers(t *testing.T) {
	for _, funcs := range []Functions{FuncI2C, stub} {
		k := newFake()
		k.funcs, k.short = funcs, true
		k.chips[0x2c] = new([256]byte)
		b := mustOpen(t, k, Options{})
		if err := b.Tx(0x2c, []byte{0}, make([]byte, 8)); !errors.Is(err, drivers.ErrShort) {
			t.Errorf("%v: got %v, want %v", funcs, err, drivers.ErrShort)
		}
	}
}
