package checkpoint

import (
	"maps"
	"strings"
	"sync"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/agent/flash"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

// event is a change of one alarm, in a frame of the store.
type event struct {
	id      frame.ID
	channel string
	Alarm
}

// File is a checkpoint and what has happened since it was saved.
type File struct {
	path string
	dec  frame.Decoder // Put's and Replay's; the keeper calls one, the start the other

	saving sync.Mutex // one Save at a time

	mu      sync.Mutex // guards all below
	st      state      // Alarms and UpTo as they are committed
	changed bool       // … and not saved
	put     []event    // in the store's memory
	commit  []event    // being committed
	saved   frame.ID   // UpTo of the file
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
	return &File{path: path, st: st, saved: st.UpTo}, damage, nil
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
	Next(lane frame.Lane, after frame.ID, dst *frame.Frame) (ok bool, err error)
}

// Replay takes in the alarm frames that were committed after the file was
// saved. Call it once, before anything is Put.
func (c *File) Replay(s Store, dst *frame.Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for after := c.st.UpTo; ; after = dst.ID {
		ok, err := s.Next(frame.Alarm, after, dst)
		if err != nil || !ok {
			return err
		}
		for _, e := range c.events(dst) {
			c.apply(e)
		}
		c.st.UpTo, c.changed = dst.ID, true
	}
}

// Put notes the alarms of a frame that the store has taken into its memory.
// Other frames say nothing.
func (c *File) Put(f *frame.Frame) {
	if f.Lane != frame.Alarm {
		return
	}
	events := c.events(f)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put = append(c.put, events...)
}

// events decodes an alarm frame. A gap record, or one that does not decode,
// says nothing but its number.
func (c *File) events(f *frame.Frame) []event {
	list := []event{{id: f.ID}}
	if f.Kind != frame.Data || c.dec.Decode(f.Payload, f.N, f.T0) != nil {
		return list
	}
	for i := range c.dec.Len() {
		r := c.dec.At(i)
		if r.Kind != drivers.KindAlarm {
			continue
		}
		name, _ := c.dec.Channel(r.Channel)
		list = append(list, event{f.ID, string(name), Alarm{r.Alarm.String(), r.Stamp, f.Boot}})
	}
	return list
}

// Begin is called before the store commits, End after it. What is Put in
// between counts for the next commit.
func (c *File) Begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commit, c.put = append(c.commit, c.put...), c.put[:0]
}

// End says whether the commit succeeded.
func (c *File) End(ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !ok {
		return // the next one takes it, too
	}
	for _, e := range c.commit {
		c.apply(e)
		if c.st.UpTo.Less(e.id) {
			c.st.UpTo = e.id
		}
		c.changed = true
	}
	c.commit = c.commit[:0]
}

func (c *File) apply(e event) {
	switch {
	case e.channel == "":
	case e.State == drivers.AlarmClear.String():
		delete(c.st.Alarms, e.channel)
	default:
		e.channel = strings.Clone(e.channel)
		c.st.Alarms[e.channel] = e.Alarm
	}
}

// Saved returns up to where lane alarm is on the record: what the store holds
// behind it must stay there.
func (c *File) Saved() frame.ID {
	c.mu.Lock()
	defer c.mu.Unlock()
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
	for _, list := range [][]event{c.put, c.commit} {
		for i := range list {
			move(&list[i].id)
		}
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
		return err
	}
	if c.saved.Less(st.UpTo) {
		c.saved = st.UpTo
	}
	return nil
}
