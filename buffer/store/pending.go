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
	room   [2]int64 // what DropNewest still takes, as records: of Normal frames, of others
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
	case s.o.Drop == DropNewest && int64(size) > p.room[kind(f.Class)]:
		return ErrFull
	case size > cap(p.front)-len(p.front):
		return ErrPendingFull
	}
	p.front = appendRecords(p.front, f)
	p.frames[0]++
	p.last[f.Lane] = f.ID
	p.room[0] -= int64(size)
	p.room[1] -= int64(size)
	return nil
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

// setRoom sets how much may wait for a commit or come, as records. The last of
// it is not for Normal frames.
func (p *pending) setRoom(records, reserve int64) {
	p.mu.Lock()
	p.room[1] = records - int64(len(p.front)+len(p.back))
	p.room[0] = p.room[1] - reserve
	p.mu.Unlock()
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
