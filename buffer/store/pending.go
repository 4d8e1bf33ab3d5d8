package store

import (
	"sync"

	"github.com/telhub/telhub/uplink/frame"
)

// pending holds the frames not yet committed, as records: Put appends to front
// while the committer writes back.
type pending struct {
	mu     sync.Mutex // guards all below; the records in back belong to the committer
	front  []byte
	back   []byte // not empty: being committed, or its commit failed and is due again
	frames [2]int // in front and back
	last   [frame.Lanes]frame.ID
	room   [rooms]int64 // what DropNewest still takes, as records
	off    bool
}

// Put copies f into memory until the next Commit. It waits for no disk and
// allocates nothing, and its errors are the package's variables: ErrFull (only
// with DropNewest), ErrPendingFull, ErrTooLarge, ErrOrder, ErrOff.
func (s *Store) Put(f *frame.Frame) error {
	p := &s.pending
	size, _ := recordBytes(len(f.Payload))
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.off:
		return ErrOff
	case size > cap(p.front):
		return ErrTooLarge
	case f.Lane >= frame.Lanes || f.Kind > frame.Gap || f.Class > frame.Urgent || f.Dating.Quality > frame.GNSS || f.ID.Seq == 0 ||
		!p.last[f.Lane].Less(f.ID) || !f.Prev.Less(f.ID):
		return ErrOrder
	case s.o.Drop == DropNewest && int64(size) > p.room[roomFor(f)]:
		return ErrFull
	case size > cap(p.front)-len(p.front):
		return ErrPendingFull
	}
	p.front = appendRecords(p.front, f)
	p.frames[0]++
	p.last[f.Lane] = f.ID
	for i := range p.room {
		p.room[i] -= int64(size)
	}
	return nil
}

// With DropNewest, what is missed less is refused earlier.
const (
	roomNormal = iota
	roomHigh
	roomUrgent
	roomGaps // gap records: what was refused must be told
	rooms
)

// roomFor tells in which room a frame must fit.
func roomFor(f *frame.Frame) int {
	switch {
	case f.Kind == frame.Gap:
		return roomGaps
	case f.Class == frame.Urgent:
		return roomUrgent
	case f.Class == frame.High:
		return roomHigh
	}
	return roomNormal
}

// Room reports whether the store is not too full for f with a gap record before
// it. For gap records it is asked as if they were samples: Put itself takes them
// out of a reserve, which is for those that must not be refused.
func (s *Store) Room(f *frame.Frame) bool {
	if s.o.Drop != DropNewest {
		return true
	}
	samples := frame.Frame{Class: f.Class}
	size, _ := recordBytes(len(f.Payload))
	p := &s.pending
	p.mu.Lock()
	defer p.mu.Unlock()
	return int64(size+gapRecord) <= p.room[roomFor(&samples)]
}

// RecordBytes returns what a frame with a payload of so many bytes takes of
// Options.PendingBytes.
func RecordBytes(payload int) int {
	size, _ := recordBytes(payload)
	return size
}

// take returns the records to commit next: those of a failed commit, else what
// Put has gathered. retried tells which. The caller owns them until done.
func (p *pending) take() (records []byte, retried bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.back) > 0 {
		return p.back, true
	}
	p.front, p.back = p.back, p.front
	p.frames[0], p.frames[1] = 0, p.frames[0]
	return p.back, false
}

// done empties what take returned.
func (p *pending) done() {
	p.mu.Lock()
	p.back, p.frames[1] = p.back[:0], 0
	p.mu.Unlock()
}

// setRoom sets how much may wait for a commit or come, as records, and how much
// of it each room leaves to the next ones.
func (p *pending) setRoom(records int64, reserve *[rooms]int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := records - int64(len(p.front)+len(p.back))
	for i := rooms - 1; i >= 0; i-- {
		left -= reserve[i]
		p.room[i] = left
	}
}

// held returns what waits for a commit.
func (p *pending) held() (frames, bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.frames[0] + p.frames[1], len(p.front) + len(p.back)
}

// translate applies new aliases to what Put compares with. The records keep
// their stored identity.
func (p *pending) translate(as aliases) {
	p.mu.Lock()
	for i := range p.last {
		p.last[i] = as.id(p.last[i])
	}
	p.mu.Unlock()
}

func (p *pending) close() {
	p.mu.Lock()
	p.off = true
	p.mu.Unlock()
}
