package checkpoint

import (
	"maps"
	"sync"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/agent/flash"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// batch is what a run of alarm frames comes to: of each channel its last event
// counts, so that a batch is bounded however long the store fails.
type batch struct {
	upTo   frame.ID
	alarms map[string]Alarm // cleared ones, too
}

func newBatch() batch { return batch{alarms: make(map[string]Alarm)} }

// moveTo adds b to a batch before it, and empties it.
func (b *batch) moveTo(before *batch) {
	if before.upTo.Less(b.upTo) {
		before.upTo = b.upTo
	}
	maps.Copy(before.alarms, b.alarms)
	b.upTo = frame.ID{}
	clear(b.alarms)
}

// File is a checkpoint and what has happened since it was saved.
type File struct {
	path string
	dec  frame.Decoder // Put's and Replay's; the keeper calls one, the start the other

	saving sync.Mutex // one Save at a time

	mu      sync.Mutex          // guards all below
	st      state               // Alarms and UpTo as they are committed
	changed bool                // … and not saved
	put     batch               // in the store's memory
	commit  batch               // being committed
	taken   batch               // scratch
	latest  map[string]frame.ID // of each channel, the frame that Alarms follows
	saved   frame.ID            // UpTo of the file
	failed  int                 // saves in a row
}

// Open reads the checkpoint at path. damage says that there was one that could
// not be understood; it begins anew then. With err nothing can be kept.
func Open(path string) (c *File, damage, err error) {
	st, damage, err := load(path)
	if err != nil {
		return nil, nil, err
	}
	if st.Alarms == nil {
		st.Alarms = make(map[string]Alarm)
	}
	return &File{
		path: path, st: st, saved: st.UpTo,
		put: newBatch(), commit: newBatch(), taken: newBatch(), latest: make(map[string]frame.ID),
	}, damage, nil
}

// Alarms returns the alarms that are raised.
func (c *File) Alarms() map[string]Alarm {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.st.Alarms)
}

// Counters returns the saved counters by channel.
func (c *File) Counters() map[string]Counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.st.Counters)
}

// Boots returns the saved boots, oldest first.
func (c *File) Boots() []clock.Boot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]clock.Boot(nil), c.st.Boots...)
}

// Flash returns what is saved of flash's budget; nil without.
func (c *File) Flash() *flash.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.st.Flash
}

// SetFlash is what the next Save saves of it.
func (c *File) SetFlash(s flash.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.st.Flash = &s
}

// Store is where alarm frames are; buffer/store satisfies it.
type Store interface {
	// Epoch is that of this run: all frames there are of earlier ones.
	Epoch() uint64
	Peek(lane frame.Lane, after frame.ID, dst *frame.Frame) (ok bool, err error)
}

// Replay takes in the alarm frames that were committed after the file was
// saved. Call it once, before anything is Put.
func (c *File) Replay(s Store, dst *frame.Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.st.UpTo.Epoch >= s.Epoch() {
		// The file is another store's, or this one has lost its count: the
		// number stands for no frame here. Events that are taken in again
		// change nothing.
		c.st.UpTo, c.saved, c.changed = frame.ID{}, frame.ID{}, true
	}
	for after := c.st.UpTo; ; after = dst.ID {
		ok, err := s.Peek(frame.Alarm, after, dst)
		if err != nil || !ok {
			return err
		}
		c.events(dst, &c.put)
		c.put.moveTo(&c.commit)
		c.applyLocked()
	}
}

// Put notes the alarms of a frame that the store has taken into its memory.
// Other frames say nothing.
func (c *File) Put(f *frame.Frame) {
	if f.Lane != frame.Alarm {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events(f, &c.put)
}

// events decodes an alarm frame and adds it to a batch. A gap record, or one
// that does not decode, says nothing but its number.
func (c *File) events(f *frame.Frame, to *batch) {
	to.upTo = f.ID
	if f.Kind != frame.Data || c.dec.Decode(f.Payload, f.N, f.T0) != nil {
		return
	}
	for i := range c.dec.Len() {
		r := c.dec.At(i)
		if r.Kind != drivers.KindAlarm {
			continue
		}
		name, _ := c.dec.Channel(r.Channel)
		to.alarms[string(name)] = Alarm{State: r.Alarm.String(), Stamp: r.Stamp, Boot: f.Boot, id: f.ID}
	}
}

// Begin is called before the store commits, End after it. What is Put in
// between counts for the next commit.
func (c *File) Begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put.moveTo(&c.commit)
}

// End says whether the commit succeeded.
func (c *File) End(ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ok { // else the next one takes it, too
		c.applyLocked()
	}
}

// applyLocked makes what was committed the state.
func (c *File) applyLocked() {
	if !c.st.UpTo.Less(c.commit.upTo) {
		return // nothing was
	}
	c.st.UpTo, c.changed = c.commit.upTo, true
	c.followLocked(&c.commit)
}

// followLocked lets Alarms follow the events of a batch, as far as they are
// news, and empties it.
func (c *File) followLocked(b *batch) {
	for channel, a := range b.alarms {
		if !c.latest[channel].Less(a.id) {
			continue
		}
		c.latest[channel] = a.id
		if a.State == drivers.AlarmClear.String() {
			delete(c.st.Alarms, channel)
		} else {
			c.st.Alarms[channel] = a
		}
	}
	b.upTo = frame.ID{}
	clear(b.alarms)
}

// Taken notes the alarms of a frame that Redis has, whether or not the store
// could take it: they were told, so they are not to be told again.
func (c *File) Taken(f *frame.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events(f, &c.taken)
	c.followLocked(&c.taken)
	c.changed = true
}

// failuresBorne is how many saves in a row may fail, at one a minute, until the
// store need not keep alarms for the record any more: it would never forget what
// lies beside them, and a full one would refuse samples for ever. A power cut
// then may tell alarms again.
const failuresBorne = 60

// Saved returns up to where lane alarm is on the record: what the store holds
// behind it must stay there.
func (c *File) Saved() frame.ID {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed >= failuresBorne {
		return c.st.UpTo
	}
	return c.saved
}

// Reassign renames an epoch, as the store did.
func (c *File) Reassign(from, to uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	move := func(id *frame.ID) {
		if id.Epoch == from {
			id.Epoch = to
		}
	}
	move(&c.st.UpTo)
	move(&c.saved)
	move(&c.put.upTo)
	move(&c.commit.upTo)
	for _, b := range []*batch{&c.put, &c.commit} {
		for channel, a := range b.alarms {
			move(&a.id)
			b.alarms[channel] = a
		}
	}
	for channel, id := range c.latest {
		move(&id)
		c.latest[channel] = id
	}
}

// Changed reports whether alarms have changed since the last Save.
func (c *File) Changed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// Save writes the alarms as committed, the counters and the boots.
func (c *File) Save(counters map[string]Counter, boots []clock.Boot) error {
	c.saving.Lock()
	defer c.saving.Unlock()
	c.mu.Lock()
	st := c.st
	st.Alarms, st.Counters, st.Boots = maps.Clone(c.st.Alarms), counters, boots
	c.changed = false
	c.mu.Unlock()

	err := st.write(c.path)

	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.changed = true
		c.failed++
		return err
	}
	c.failed = 0
	if c.saved.Less(st.UpTo) {
		c.saved = st.UpTo
	}
	return nil
}
