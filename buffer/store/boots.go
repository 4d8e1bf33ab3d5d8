package store

import (
	"encoding/binary"

	"github.com/telhub/telhub/uplink/frame"
)

// runsKept is how many runs the state remembers: with more than that, and what
// else is in it, a state would no longer fit into one page.
const runsKept = 20

// runLen is what one takes: a boot's identifier and an epoch.
const runLen = len(frame.BootID{}) + 8

// Ran reports whether runs of this store, among the last few, were in a boot, and
// whether one before this one had an epoch. They need not be the same run: the
// record of what an earlier run lost has that run's number and a later boot. The
// boot alone does not tell: two agents on one machine are in the same.
func (s *Store) Ran(boot frame.BootID, epoch uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in, had bool
	for n := len(s.st.Runs); n >= runLen; n -= runLen {
		r := s.st.Runs[n-runLen : n]
		in = in || string(r[:len(boot)]) == string(boot[:])
		had = had || n < len(s.st.Runs) && binary.BigEndian.Uint64(r[len(boot):]) == epoch
	}
	return in && had
}

func runOf(boot frame.BootID, epoch uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(nil), boot[:]...), epoch)
}

// rememberRun returns the list with a run as its last one.
func rememberRun(list []byte, boot frame.BootID, epoch uint64) []byte {
	next := append(append([]byte(nil), list...), runOf(boot, epoch)...)
	return next[max(0, len(next)-runsKept*runLen):]
}

// renameRun gives the last run, which is this one, another epoch. One that Redis
// has heard of stays in the list: it may have frames of it.
func renameRun(list []byte, epoch uint64, heard bool) []byte {
	if len(list) < runLen {
		return list
	}
	last := list[len(list)-runLen:]
	if !heard {
		list = list[:len(list)-runLen]
	}
	return rememberRun(list, frame.BootID(last[:len(frame.BootID{})]), epoch)
}
