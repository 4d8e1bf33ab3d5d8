package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/agent/flash"
	"github.com/telhub/telhub/uplink/frame"
)

// Name is the file's name in the spool's directory.
const Name = "checkpoint.json"

// Alarm is the state of one channel's alarm.
type Alarm struct {
	State string       `json:"state"`          // "high", "low", "stale"; cleared ones are left out
	Stamp int64        `json:"stamp"`          // of the event, milliseconds of CLOCK_BOOTTIME …
	Boot  frame.BootID `json:"boot,omitempty"` // … of this boot

	id frame.ID // frame that told it; zero: read from the file
}

// Counter is the state of one derived channel's integrals and totals.
type Counter struct {
	Expression string    `json:"expression"` // canonical; State belongs to it
	State      []float64 `json:"state"`
}

// state is what the file holds.
type state struct {
	Version  int                `json:"version"`
	Alarms   map[string]Alarm   `json:"alarms,omitempty"` // by channel
	UpTo     frame.ID           `json:"alarms_up_to"`     // last frame of lane alarm that is in Alarms
	Counters map[string]Counter `json:"counters,omitempty"`
	Boots    []clock.Boot       `json:"boots,omitempty"` // oldest first
	Flash    *flash.State       `json:"flash,omitempty"` // never changed once it is here
}

const (
	version = 1
	// maxSize is what a file can take in bytes: many times what thousands of
	// channels need, and little enough to be read on any board.
	maxSize = 1 << 20
)

// load reads a state. A file that is not one is set aside, never deleted, and
// damage says so; err means that it could not even be read.
func load(path string) (st state, damage, err error) {
	b, err := read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return state{Version: version}, nil, nil
	case err != nil:
		return st, nil, fmt.Errorf("checkpoint: %w", err)
	}
	if damage = errSize; len(b) <= maxSize {
		damage = json.Unmarshal(b, &st)
	}
	if damage == nil && st.Version != version {
		damage = fmt.Errorf("is of version %d, not %d", st.Version, version)
	}
	if damage == nil {
		return st, nil, nil
	}
	bad := path + ".bad-" + time.Now().UTC().Format("20060102T150405")
	if err := os.Rename(path, bad); err != nil {
		return st, nil, fmt.Errorf("checkpoint: set the damaged file aside: %w", err)
	}
	return state{Version: version}, fmt.Errorf("checkpoint: %s: %w; it was set aside as %s", path, damage, bad), nil
}

var errSize = fmt.Errorf("holds more than %d bytes", maxSize)

// read reads a file, of one that is too large no more than shows that it is.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSize+1))
}

// write replaces the file at path by st. After a power cut the file is the old
// one or the new one.
func (st *state) write(path string) (err error) {
	b, err := json.Marshal(st)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if len(b) > maxSize {
		return fmt.Errorf("checkpoint: %d bytes are more than the %d that are read back", len(b), maxSize)
	}
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}
