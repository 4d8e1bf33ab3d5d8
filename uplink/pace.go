package uplink

import "time"

const (
	// leastRest is the shortest rest that is worth a timer; shorter ones are
	// saved up.
	leastRest = time.Millisecond
	// mostCredit bounds what is made up for: rests that took longer than they
	// should have, because a timer was late or another lane had the link.
	mostCredit = 100 * time.Millisecond
)

// pacer shapes the backlog: at a configured rate in bytes/s, or, with none, so
// that it takes four fifths of the time that other lanes leave. A pure state
// machine, owned by the keeper.
type pacer struct {
	rate  int64
	ended time.Time     // of the last batch, moved on by what other lanes took since
	owed  time.Duration // rest that is due after it; negative: more was taken than was due
}

// shared notes that another lane had the link for so long: that was no rest.
func (p *pacer) shared(d time.Duration) {
	if p.rate == 0 && !p.ended.IsZero() {
		p.ended = p.ended.Add(d)
	}
}

// after notes a batch of backlog of so many bytes on the wire and returns when
// the next one may go.
func (p *pacer) after(started, now time.Time, bytes int) time.Time {
	if !p.ended.IsZero() {
		p.owed -= started.Sub(p.ended)
	}
	p.owed = max(p.owed, -mostCredit)
	took := now.Sub(started)
	if p.rate > 0 {
		p.owed += time.Duration(float64(bytes)/float64(p.rate)*float64(time.Second)) - took
	} else {
		p.owed += took / 4
	}
	p.ended = now
	if p.owed < leastRest {
		return now
	}
	return now.Add(p.owed)
}

// drainBytes is how large a batch of backlog may grow: at a slow rate a quarter
// of a second's worth, so that it comes in portions and what is more urgent
// does not wait longer behind one.
func drainBytes(rate int64) int {
	if rate == 0 {
		return batchBytes
	}
	return int(min(batchBytes, max(rate/4, 1)))
}
