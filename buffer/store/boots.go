package store

import (
	"encoding/binary"
	"slices"

	"github.com/telhub/telhub/uplink/frame"
)

// runsKept is how many runs the state remembers: with more than that, and what
// else is in it, a state would no longer fit into one page.
const runsKept = 20

// runLen is what one takes: a boot's identifier and an epoch.
const runLen = len(frame.BootID{}) + 8

// Ran reports whether a run of this store, one of the last few before this one,
// was in a boot and had an epoch. The boot alone does not tell: two agents on one
// machine are in the same.
func (s *Store) Ran(boot frame.BootID, epoch uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	want := runOf(boot, epoch)
	earlier := s.st.Runs[:max(0, len(s.st.Runs)-runLen)]
	for r := range slices.Chunk(earlier, runLen) {
		if string(r) == string(want) {
			return true
		}
	}
	return false
}

func runOf(boot frame.BootID, epoch uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(nil), boot[:]...), epoch)
}

// rememberRun returns the list with a run as its last one.
func rememberRun(list []byte, boot frame.BootID, epoch uint64) []byte {
	next := append(append([]byte(nil), list...), runOf(boot, epoch)...)
	return next[max(0, len(next)-runsKept*runLen):]
}

// renameRun gives the last run, which is this one, another epoch.
func renameRun(list []byte, epoch uint64) []byte {
	if len(list) < runLen {
		return list
	}
	next := append([]byte(nil), list...)
	binary.BigEndian.PutUint64(next[len(next)-8:], epoch)
	return next
}
