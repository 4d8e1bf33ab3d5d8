package frame

import "testing"

func TestPoolHandsOutByCapacity(t *testing.T) {
	p := NewPool(PoolSize{Small: 1, SmallBytes: 10, Large: 1, LargeBytes: 100})
	if f := p.Get(101); f != nil {
		t.Error("a frame larger than any there is")
	}
	large := p.Get(11)
	small := p.Get(10)
	if cap(large.Payload) != 100 || cap(small.Payload) != 10 {
		t.Errorf("capacities %d and %d, want 100 and 10", cap(large.Payload), cap(small.Payload))
	}
	if p.Get(1) != nil {
		t.Error("a frame from an empty pool")
	}
	large.Free()
	if f := p.Get(1); f != large {
		t.Error("a large frame does not serve for a small one")
	}
}

func TestClassGoesWithTheFrame(t *testing.T) {
	p := NewPool(PoolSize{Small: 2, SmallBytes: 10})
	a, b := p.Get(1), p.Get(1)
	a.Class, a.Payload = Urgent, append(a.Payload, 1)
	if !b.CopyFrom(a) || b.Class != Urgent {
		t.Errorf("class %d of a copy, want %d", b.Class, Urgent)
	}
	a.Free()
	b.Free()
	if f := p.Get(1); f.Class != Normal || len(f.Payload) != 0 {
		t.Errorf("class %d and %d bytes of a frame from the pool, want none", f.Class, len(f.Payload))
	}
}

func TestFreedIsRaisedForWhoFoundNone(t *testing.T) {
	raised := func(p *Pool) bool {
		select {
		case <-p.Freed():
			return true
		default:
			return false
		}
	}
	p := NewPool(PoolSize{Small: 2, SmallBytes: 10})
	a, b := p.Get(1), p.Get(1)
	a.Free()
	if raised(p) {
		t.Error("raised although nobody was refused")
	}
	a = p.Get(1)
	p.Get(1)
	a.Free()
	b.Free()
	if !raised(p) {
		t.Error("not raised although a Get was refused")
	}
	if raised(p) {
		t.Error("raised twice for one refusal")
	}
}
