package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"github.com/telhub/telhub/uplink/frame"
)

// state is what the store knows beside its segments. It stands in meta.db as
// one record, and is written at Open, Close, Reassign, when a segment is
// dropped and after SetOpened, never with data.
type state struct {
	Gen    uint64       `json:"gen"`    // grows with each write; the highest readable one counts
	Epoch  uint64       `json:"epoch"`  // of the last Open or Reassign
	Boot   frame.BootID `json:"boot"`   // in which that was
	Start  int64        `json:"start"`  // and when, milliseconds of its CLOCK_BOOTTIME; if Owed, how far the run before reached
	Dating frame.Dating `json:"dating"` // of Start, if Owed
	Owed   bool         `json:"owed"`   // the run before had no end, and this one is to declare what that lost
	Clean  bool         `json:"clean"`  // closed in order
	Runs   []byte       `json:"runs"`   // boot and epoch of the last runs, this one last: see Ran

	Opened   uint64                `json:"opened,omitempty"` // see SetOpened
	NextSeg  uint64                `json:"next_seg"`
	Last     [frame.Lanes]frame.ID `json:"last"`     // highest frame ever stored or released
	Released [frame.Lanes]frame.ID `json:"released"` // lags: written when the state is written anyway
	Notes    notes                 `json:"notes,omitempty"`
	Dropped  []uint64              `json:"dropped,omitempty"` // segments noted in Notes, to be unlinked
	Aliases  aliases               `json:"aliases,omitempty"`
}

// alias says that frames stored under epoch From count as frames of epoch To,
// since Reassign. Order is kept: no epoch between the two is ever in use.
type alias struct{ From, To uint64 }

type aliases []alias

// id returns the identity that a stored one has now.
func (as aliases) id(id frame.ID) frame.ID {
	for _, a := range as {
		if id.Epoch == a.From {
			return frame.ID{Epoch: a.To, Seq: id.Seq}
		}
	}
	return id
}

// prev returns the identity that the predecessor of a stored one has now. Only
// what was stored before a Reassign knows the epoch by its old name: in what was
// stored later, that epoch is another store's, whose frames Redis had then.
func (as aliases) prev(id, prev frame.ID) frame.ID {
	for _, a := range as {
		if prev.Epoch == a.From && id.Epoch <= a.From {
			return frame.ID{Epoch: a.To, Seq: prev.Seq}
		}
	}
	return prev
}

// stored returns the lowest stored identity after which a frame can lie that
// counts as one after id.
func (as aliases) stored(id frame.ID) frame.ID {
	low := id
	for _, a := range as {
		from := frame.ID{Epoch: a.From, Seq: id.Seq}
		if a.From <= id.Epoch && id.Epoch < a.To {
			from.Seq = 0 // all of them count as later: id is not of this store
		} else if a.To != id.Epoch {
			continue
		}
		if from.Less(low) {
			low = from
		}
	}
	return low
}

// reassign returns the aliases after epoch from became to.
func (as aliases) reassign(from, to uint64) aliases {
	next := make(aliases, 0, len(as)+1)
	for _, a := range as {
		if a.To == from {
			a.To = to
		}
		next = append(next, a)
	}
	return append(next, alias{from, to})
}

// stateKey is the key of the state's record.
func stateKey() key { return key{stateLane} }

// stateValue renders the state as a record's value.
func stateValue(st *state) ([]byte, error) {
	b, err := json.Marshal(st)
	if err != nil {
		return nil, fmt.Errorf("store: state: %w", err)
	}
	value := append(make([]byte, valueLen, valueLen+len(b)), b...)
	if len(b) > 0xFFFF {
		return nil, fmt.Errorf("store: state of %d bytes is too large", len(b))
	}
	k := stateKey()
	sealValue(k[:], value)
	return value, nil
}

// parseState reads a record's value as a state, if it is one.
func parseState(k, value []byte) (st state, ok bool) {
	want := stateKey()
	if string(k) != string(want[:]) {
		return st, false
	}
	data, err := openValue(k, value)
	if err != nil || json.Unmarshal(data, &st) != nil {
		return state{}, false
	}
	return st, true
}

// metaFile is meta.db. The committer owns it.
type metaFile struct {
	path   string
	size   int64
	noSync bool
}

// loadMeta reads the state at path. found says whether there was one; damage
// is set when the file did not hold it in order and had to be searched. It
// changes nothing.
func loadMeta(path string) (st state, found bool, damage error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return st, false, nil
	}
	_, damage = checkFile(path, func(k, v []byte) error {
		s, ok := parseState(k, v)
		if !ok {
			return errRecord
		}
		st, found = s, true
		return nil
	})
	if damage == nil {
		return st, found, nil
	}
	st, found = state{}, false
	err := scanRecords(path, stateLane, func(k, v []byte, _ int64) {
		if s, ok := parseState(k, v); ok && (!found || s.Gen > st.Gen) {
			st, found = s, true
		}
	})
	if err != nil {
		damage = fmt.Errorf("%w; %w", damage, err)
	}
	return st, found, damage
}

// write makes st durable, as a new file in the place of the old one.
func (m *metaFile) write(st *state) (written int64, err error) {
	st.Gen++
	value, err := stateValue(st)
	if err != nil {
		return 0, err
	}
	made := m.path + tmpSuffix
	os.Remove(made)
	if written, err = m.make(made, value); err == nil {
		err = os.Rename(made, m.path)
	}
	if err != nil {
		os.Remove(made)
		return written, fmt.Errorf("store: write %s: %w", m.path, err)
	}
	if !m.noSync {
		if err := syncDir(filepath.Dir(m.path)); err != nil {
			return written, fmt.Errorf("store: write %s: %w", m.path, err)
		}
	}
	m.size, err = diskSize(m.path)
	return written, err
}

func (m *metaFile) make(path string, value []byte) (written int64, err error) {
	db, err := openWriter(path, 0, m.noSync)
	if err != nil {
		return 0, err
	}
	k := stateKey()
	written, err = update(db, func(b *bolt.Bucket) error { return b.Put(k[:], value) })
	if errors.Is(err, errStuck) {
		return 0, err
	}
	return written + 4*pageSize, errors.Join(err, db.Close()) // a new file's first pages
}
