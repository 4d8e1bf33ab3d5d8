package uplink

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/telhub/telhub/uplink/frame"
)

// Another agent may have used this device's name while this one was away. What
// the store holds below the lanes' marks then looks as if Redis had it, and may
// be another's under the same numbers: nobody can tell, and the store forgets
// it. So the record of that is on flash before it is forgotten, before the store
// notes that Redis has heard of this run, and before this run sends anything
// that a later start would take for proof that all was well.

// contest is how far that has come.
type contest uint8

const (
	uncontested   contest = iota
	contestBegun          // the store is to take the record …
	contestStored         // … and has it in memory, or on flash
	contestOver           // the store does not take it: it goes with other losses
)

// suspects reports whether another agent may have had the lanes: a fence is
// none that Redis is known to have of this store's runs.
func (s *sender) suspects(j *job) bool {
	highest := uint64(0)
	for i := range j.marks {
		highest = max(highest, j.marks[i].Fence)
	}
	return j.suspect || highest > s.o.Store.Opened()
}

// ours reports whether Redis says that a lane's mark is a frame of this board. Then
// it has all that the store holds up to there: a run of this board that found
// another's frames in their place declared that before it sent its own. The
// fence does not tell: an open without an answer leaves one, too.
func (s *sender) ours(ctx context.Context, lane frame.Lane, mark frame.ID) (bool, error) {
	_, ok, err := s.lastOfOurs(ctx, lane, mark)
	if err != nil {
		return false, fmt.Errorf("whose frames the streams end with: %w", err)
	}
	return ok, nil
}

// lastOfOurs asks the sink for the frame that a lane ends with; ok is false
// where that cannot be found, or is not of a run of this board.
func (s *sender) lastOfOurs(ctx context.Context, lane frame.Lane, mark frame.ID) (seen Seen, ok bool, err error) {
	w, can := s.o.Sink.(Witness)
	if !can {
		return seen, false, nil
	}
	seen, ok, err = w.LastSeen(ctx, lane, mark)
	if !ok || err != nil || s.o.Store == nil {
		return seen, ok, err
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(seen.Boot, "-", ""))
	return seen, err == nil && len(raw) == len(frame.BootID{}) && s.o.Store.Ran(frame.BootID(raw), mark.Epoch), nil
}

// beginContest lets the lanes be opened anew when the record is safe.
func (k *keeper) beginContest() {
	k.contest = contestBegun
	k.breaker.Success()
	k.storeContest()
}

// storeContest stores the record, if that is due.
func (k *keeper) storeContest() {
	if k.contest != contestBegun {
		return
	}
	var lost losses
	lost.unknown(k.nowMilli(), frame.Conflict)
	err := k.cutFirst(nil)
	if err == nil {
		info := lost.info()
		err = k.storeGap(&info, nil)
	}
	switch {
	case err == nil:
		k.contest, k.contested = contestStored, k.record.ID
	case !errors.Is(err, ErrPending):
		k.storeFailed(err)
		k.contest, k.loss = contestOver, lost
	}
}

// contesting reports whether the lanes wait for the record. A store that fails
// is not waited for.
func (k *keeper) contesting() bool {
	if k.committer.failed > 0 {
		return false
	}
	return k.contest == contestBegun || k.contest == contestStored && k.flushed.Less(k.contested)
}
