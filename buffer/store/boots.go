package store

import (
	"slices"

	"github.com/telhub/telhub/uplink/frame"
)

// bootsKept is how many boots the state remembers: with more than that, and
// what else is in it, a state would no longer fit into one page.
const bootsKept = 32

// Ran reports whether a run of this store was in a boot: this one, or one of the
// last few.
func (s *Store) Ran(boot frame.BootID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for b := range slices.Chunk(s.st.Boots, len(boot)) {
		if string(b) == string(boot[:]) {
			return true
		}
	}
	return false
}

// rememberBoot returns the list with a boot as its last one.
func rememberBoot(list []byte, boot frame.BootID) []byte {
	var next []byte
	for b := range slices.Chunk(list, len(boot)) {
		if string(b) != string(boot[:]) {
			next = append(next, b...)
		}
	}
	next = append(next, boot[:]...)
	return next[max(0, len(next)-bootsKept*len(boot)):]
}
