package i2c

import (
	"bytes"
	"errors"
	"syscall"
	"testing"
	"unsafe"

	"github.com/telhub/telhub/drivers"
)

func TestTxWriteReadIsOneRequestWithRepeatedStart(t *testing.T) {
	k := newFake()
	k.chips[0x48] = &[256]byte{5: 0xbe, 6: 0xef}
	b := mustOpen(t, k, Options{})
	r := make([]byte, 2)
	if err := b.Tx(0x48, []byte{5}, r); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(r, []byte{0xbe, 0xef}) {
		t.Errorf("read % x, want be ef", r)
	}
	if len(k.seen) != 2 {
		t.Fatalf("%d messages, want 2", len(k.seen))
	}
	w, rd := k.seen[0], k.seen[1]
	if w.addr != 0x48 || w.flags != 0 || w.len != 1 || k.data[0][0] != 5 {
		t.Errorf("first message %+v % x, want address 48, no flags, one byte 05", w, k.data[0])
	}
	if rd.addr != 0x48 || rd.flags != flagRead || rd.len != 2 {
		t.Errorf("second message %+v, want address 48, read, two bytes", rd)
	}
}

func TestTxShapesBecomeMessages(t *testing.T) {
	tests := []struct {
		name  string
		addr  uint16
		w, r  []byte
		flags []uint16
		lens  []uint16
	}{
		{"write only", 0x48, []byte{1, 2, 3}, nil, []uint16{0}, []uint16{3}},
		{"read only", 0x48, nil, make([]byte, 4), []uint16{flagRead}, []uint16{4}},
		{"empty slices read only", 0x48, []byte{}, make([]byte, 1), []uint16{flagRead}, []uint16{1}},
		{"bare address", 0x48, nil, nil, []uint16{0}, []uint16{0}},
		{"10 bit", 0x123, []byte{1}, make([]byte, 1), []uint16{flagTenBit, flagTenBit | flagRead}, []uint16{1, 1}},
		{"longest", 0x48, make([]byte, MaxTransfer), nil, []uint16{0}, []uint16{MaxTransfer}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := newFake()
			k.funcs |= FuncTenBit
			k.chips[tt.addr] = new([256]byte)
			b := mustOpen(t, k, Options{})
			if err := b.Tx(tt.addr, tt.w, tt.r); err != nil {
				t.Fatal(err)
			}
			if len(k.seen) != len(tt.flags) {
				t.Fatalf("%d messages, want %d", len(k.seen), len(tt.flags))
			}
			for i, m := range k.seen {
				if m.flags != tt.flags[i] || m.len != tt.lens[i] || m.addr != tt.addr {
					t.Errorf("message %d: %+v, want address %#x flags %#x length %d", i, m, tt.addr, tt.flags[i], tt.lens[i])
				}
			}
		})
	}
}

// TestDataSurvivesStackGrowth moves the goroutine's stack after the request
// was built and before its addresses are used. A transport that hands stack
// addresses to the kernel loses the answer here.
func TestDataSurvivesStackGrowth(t *testing.T) {
	for _, funcs := range []Functions{FuncI2C, FuncReadBlock} {
		k := newFake()
		k.funcs = funcs
		chip := [256]byte{}
		for i := range chip {
			chip[i] = byte(i) ^ 0x5a
		}
		k.chips[0x48] = &chip
		b := mustOpen(t, k, Options{})
		moved, lost := 0, 0
		for range 200 {
			k.before = func() { grow(200) }
			done := make(chan [2]bool)
			go func() { done <- readOnFreshStack(t, b, &chip) }()
			res := <-done
			if res[0] {
				moved++
			}
			if !res[1] {
				lost++
			}
		}
		if lost != 0 {
			t.Errorf("%v: %d of 200 answers lost", funcs, lost)
		}
		if moved < 150 {
			t.Errorf("%v: the stack moved only %d of 200 times: this test proves nothing", funcs, moved)
		}
	}
}

// readOnFreshStack reads with both slices on the stack and reports whether
// they moved meanwhile and whether the answer arrived.
func readOnFreshStack(t *testing.T, b *Bus, chip *[256]byte) [2]bool {
	w, r := [1]byte{0x20}, [16]byte{}
	before := uintptr(unsafe.Pointer(&r))
	if err := b.Tx(0x48, w[:], r[:]); err != nil {
		t.Error(err)
	}
	moved := before != uintptr(unsafe.Pointer(&r))
	return [2]bool{moved, bytes.Equal(r[:], chip[0x20:0x30])}
}

// grow uses about 1 KB of stack for each of n frames.
func grow(n int) byte {
	var pad [1024]byte
	if n == 0 {
		return pad[0]
	}
	pad[n%len(pad)] = byte(n)
	return grow(n-1) + pad[n%len(pad)]
}

func TestKernelOwnedAddressIsRefused(t *testing.T) {
	k := newFake()
	k.chips[0x48], k.chips[0x49] = new([256]byte), new([256]byte)
	k.owned[0x48] = true
	b := mustOpen(t, k, Options{})
	for range 2 {
		if err := b.Probe(0x48); !errors.Is(err, drivers.ErrBusy) || errors.Is(err, drivers.ErrBus) {
			t.Fatalf("got %v, want %v alone", err, drivers.ErrBusy)
		}
	}
	if len(k.seen) != 0 {
		t.Error("an owned address was spoken to")
	}
	k.slaves = 0
	for range 5 {
		if err := b.Probe(0x49); err != nil {
			t.Fatal(err)
		}
	}
	if k.slaves != 1 {
		t.Errorf("asked %d times for a free address, want once", k.slaves)
	}
}

func TestInterruptedRequestIsMadeAgain(t *testing.T) {
	k := newFake()
	k.chips[0x48] = new([256]byte)
	b := mustOpen(t, k, Options{})
	k.fail, k.failLeft = syscall.EINTR, maxInterrupts-1
	if err := b.Probe(0x48); err != nil {
		t.Errorf("after %d interruptions: %v", maxInterrupts-1, err)
	}
	k.failLeft = maxInterrupts
	if err := b.Probe(0x48); !errors.Is(err, drivers.ErrBus) {
		t.Errorf("after %d interruptions: got %v, want %v", maxInterrupts, err, drivers.ErrBus)
	}
}

func TestReadBufferUntouchedOnError(t *testing.T) {
	k := newFake()
	b := mustOpen(t, k, Options{})
	r := []byte{1, 2}
	if err := b.Tx(0x48, []byte{0}, r); !errors.Is(err, drivers.ErrNACK) {
		t.Fatalf("got %v, want %v", err, drivers.ErrNACK)
	}
	if r[0] != 1 || r[1] != 2 {
		t.Errorf("buffer changed to % x", r)
	}
}

func TestTxAllocatesNothing(t *testing.T) {
	k := newFake()
	k.chips[0x48] = new([256]byte)
	sm := newFake()
	sm.funcs = FuncReadByteData | FuncReadBlock
	sm.chips[0x48] = new([256]byte)
	closed := mustOpen(t, newFake(), Options{})
	closed.Close()
	i2c, smbus := mustOpen(t, k, Options{}), mustOpen(t, sm, Options{})
	w, r := []byte{1}, make([]byte, 8)
	for _, tt := range []struct {
		name string
		bus  *Bus
		addr uint16
		w, r []byte
		want error
	}{
		{"i2c", i2c, 0x48, w, r, nil},
		{"i2c nack", i2c, 0x49, w, r, drivers.ErrNACK},
		{"i2c 10 bit not there", i2c, 0x149, w, r, errors.ErrUnsupported},
		{"smbus", smbus, 0x48, w, r, nil},
		{"smbus nack", smbus, 0x49, w, r, drivers.ErrNACK},
		{"smbus shape", smbus, 0x48, r, r, errors.ErrUnsupported},
		{"closed", closed, 0x48, w, r, drivers.ErrUnplugged},
	} {
		var err error
		if n := testing.AllocsPerRun(100, func() { err = tt.bus.Tx(tt.addr, tt.w, tt.r) }); n != 0 {
			t.Errorf("%s: %v allocations", tt.name, n)
		}
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		if n := testing.AllocsPerRun(100, func() { _ = errors.Is(err, drivers.ErrTimeout) }); n != 0 {
			t.Errorf("%s: errors.Is: %v allocations", tt.name, n)
		}
	}
}

func BenchmarkTx(b *testing.B) {
	k := newFake()
	k.chips[0x48] = new([256]byte)
	bus := mustOpen(b, k, Options{})
	w, r := []byte{1}, make([]byte, 8)
	b.ReportAllocs()
	for b.Loop() {
		if err := bus.Tx(0x48, w, r); err != nil {
			b.Fatal(err)
		}
	}
}
