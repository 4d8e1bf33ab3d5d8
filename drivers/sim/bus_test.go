package sim

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/drivers"
)

// echo is a chip that answers with what it was last told, and counts.
type echo struct {
	told  [8]byte
	power int
	refus bool
}

func (c *echo) PowerOn(time.Time) { c.power++; c.told = [8]byte{} }

func (c *echo) Tx(_ time.Time, w, r []byte) bool {
	copy(c.told[:], w)
	copy(r, c.told[:])
	return !c.refus
}

func TestBusDeliversToTheRightChip(t *testing.T) {
	b := NewI2CBus("i2c1")
	c := &echo{}
	b.Attach(0x40, c)
	r := make([]byte, 2)
	if err := b.Tx(0x40, []byte{1, 2}, r); err != nil || r[0] != 1 || r[1] != 2 {
		t.Errorf("got % x, %v, want 01 02", r, err)
	}
	err := b.Tx(0x41, nil, r)
	if !errors.Is(err, drivers.ErrNACK) || err.Error() != "i2c1: no acknowledge" {
		t.Errorf("nobody there: got %v", err)
	}
	c.refus = true
	if err := b.Tx(0x40, nil, nil); !errors.Is(err, drivers.ErrNACK) {
		t.Errorf("refused: got %v, want %v", err, drivers.ErrNACK)
	}
	b.Detach(0x40)
	c.refus = false
	if err := b.Tx(0x40, nil, nil); !errors.Is(err, drivers.ErrNACK) {
		t.Errorf("detached: got %v, want %v", err, drivers.ErrNACK)
	}
	if n := b.Transactions(); n != 4 {
		t.Errorf("%d transactions, want 4", n)
	}
}

func TestBusFaults(t *testing.T) {
	tests := []struct {
		fault Fault
		at    bool // at the chip's address only
		want  error
		took  time.Duration
	}{
		{Fault{Kind: NACK}, false, drivers.ErrNACK, 0},
		{Fault{Kind: NACK}, true, drivers.ErrNACK, 0},
		{Fault{Kind: Stuck}, false, drivers.ErrTimeout, busTimeout},
		{Fault{Kind: Stuck}, true, drivers.ErrTimeout, busTimeout},
		{Fault{Kind: Arbitration}, false, drivers.ErrBus, 0},
		{Fault{Kind: Short}, true, drivers.ErrShort, 0},
		{Fault{Kind: Slow, Delay: 30 * time.Millisecond}, true, nil, 30 * time.Millisecond},
		{Fault{Kind: Slow, Delay: time.Second}, false, drivers.ErrTimeout, busTimeout},
		{Fault{Kind: Unplugged}, false, drivers.ErrUnplugged, 0},
		{Fault{Kind: Unplugged}, true, drivers.ErrNACK, 0},
	}
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range tests {
			b := NewI2CBus("i2c1")
			b.Attach(0x40, &echo{})
			b.Attach(0x41, &echo{})
			inject := b.Inject
			if tt.at {
				inject = func(f Fault) { b.InjectAt(0x40, f) }
			}
			inject(tt.fault)
			begin := time.Now()
			if err := b.Tx(0x40, []byte{1}, make([]byte, 2)); !errors.Is(err, tt.want) {
				t.Errorf("%+v: got %v, want %v", tt.fault, err, tt.want)
			}
			if took := time.Since(begin); took != tt.took {
				t.Errorf("%+v: took %v, want %v", tt.fault, took, tt.took)
			}
			if err := b.Tx(0x41, []byte{1}, make([]byte, 2)); (err == nil) != (tt.at || tt.want == nil) {
				t.Errorf("%+v: neighbour: %v", tt.fault, err)
			}
			inject(Fault{})
			if err := b.Tx(0x40, []byte{1}, make([]byte, 2)); err != nil {
				t.Errorf("%+v: cleared: %v", tt.fault, err)
			}
		}
	})
}

func TestDamagedAnswer(t *testing.T) {
	b := NewI2CBus("i2c1")
	b.Attach(0x40, &echo{})
	b.Inject(Fault{Kind: Damaged})
	r := make([]byte, 2)
	if err := b.Tx(0x40, []byte{1, 2}, r); err != nil || r[0] != 1 || r[1] != 3 {
		t.Errorf("got % x, %v, want 01 03 and no error", r, err)
	}
}

func TestFaultEndsByItself(t *testing.T) {
	b := NewI2CBus("i2c1")
	c := &echo{}
	b.Attach(0x40, c)
	b.InjectAt(0x40, Fault{Kind: Unplugged, Times: 2})
	for i, want := range []error{drivers.ErrNACK, drivers.ErrNACK, nil} {
		if err := b.Tx(0x40, nil, nil); !errors.Is(err, want) {
			t.Errorf("transaction %d: got %v, want %v", i, err, want)
		}
	}
	if c.power != 2 {
		t.Errorf("powered %d times, want 2: once more after the fault", c.power)
	}
	b.InjectAt(0x55, Fault{Kind: Stuck}) // nobody there: no effect
	if err := b.Tx(0x55, nil, nil); !errors.Is(err, drivers.ErrNACK) {
		t.Errorf("got %v, want %v", err, drivers.ErrNACK)
	}
}

func TestReplugPowersChips(t *testing.T) {
	b := NewI2CBus("i2c1")
	c := &echo{}
	b.Attach(0x40, c)
	if err := b.Tx(0x40, []byte{7}, nil); err != nil {
		t.Fatal(err)
	}
	b.Inject(Fault{Kind: Unplugged})
	b.Inject(Fault{})
	if c.power != 2 || c.told[0] != 0 {
		t.Errorf("powered %d times, memory %d, want 2 and 0", c.power, c.told[0])
	}
	b.PowerCycle()
	if c.power != 3 {
		t.Errorf("powered %d times, want 3", c.power)
	}
}

func TestAttachPanics(t *testing.T) {
	b := NewI2CBus("i2c1")
	b.Attach(0x40, &echo{})
	for addr, want := range map[uint16]string{0x40: "taken", 0x03: "reserved", 0x78: "reserved"} {
		func() {
			defer func() {
				if s, _ := recover().(string); !strings.Contains(s, want) {
					t.Errorf("0x%02x: panic %q, want …%s…", addr, s, want)
				}
			}()
			b.Attach(addr, &echo{})
		}()
	}
}

// Engines' allocation tests run on this bus, so it must not allocate itself.
func TestBusDoesNotAllocate(t *testing.T) {
	now := time.Unix(1e9, 0)
	b := NewI2CBus("i2c1")
	b.SetClock(func() time.Time { now = now.Add(time.Second); return now }, func(time.Duration) {})
	b.Attach(0x76, NewBME280(BMxTypical()))
	b.Attach(0x48, NewTMP102())
	b.Attach(0x40, NewINA219(0.1))
	b.Attach(0x44, NewSHT4x(1))
	b.Attach(0x49, NewTMP117())
	b.Attach(0x4A, NewLM75(9))
	w, r := []byte{0xF4, 0x27}, make([]byte, 6)
	for _, kind := range []FaultKind{None, NACK, Stuck, Arbitration, Short, Damaged, Slow, Unplugged} {
		b.Inject(Fault{Kind: kind})
		for addr := range b.slots {
			if n := testing.AllocsPerRun(20, func() {
				b.Tx(addr, w, nil)
				b.Tx(addr, w[:1], r)
			}); n != 0 {
				t.Errorf("fault %d, address 0x%02x: %v allocations, want 0", kind, addr, n)
			}
		}
	}
}
