package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/robfig/cron/v3"
)

// Misfire says what becomes of firings that no scheduler was there for.
type Misfire string

// The policies. A firing is missed if the next one is due already, or if it is
// later than Recurring.Grace.
const (
	FireNone Misfire = "none" // they are left out
	FireOne  Misfire = "one"  // the last of them is made up for
	FireAll  Misfire = "all"  // all are made up for, one after the other
)

// Recurring is a task that is enqueued again and again, at most once a second.
// Each firing has the ID "name@due", due in RFC 3339 and UTC.
type Recurring struct {
	// Name tells it from others, in at most 100 bytes.
	Name string `json:"name"`
	// Cron is when it fires: minute, hour, day of month, month, day of week,
	// or six fields with the second first, or @hourly and the like.
	Cron string `json:"cron,omitempty"`
	// Every is the interval, in place of Cron; firings lie at whole multiples
	// of it since 1970, UTC, so that it does not matter who asks.
	Every time.Duration `json:"every,omitempty"`
	// Zone is the time zone of Cron, as in "Europe/Berlin"; empty: UTC.
	Zone string `json:"zone,omitempty"`
	// Misfire is what becomes of missed firings; empty: FireOne.
	Misfire Misfire `json:"misfire,omitempty"`
	// Grace is how late a firing may be without being missed; 0: 10 s.
	Grace time.Duration `json:"grace,omitempty"`
	// Task is what is enqueued; its ID, NotBefore and NotAfter must be zero.
	// With a unique key no firing begins while the last one waits or runs.
	Task Task `json:"task"`
	// Expires is how long after its due a firing is worth running; 0: for ever.
	Expires time.Duration `json:"expires,omitempty"`

	Last time.Time `json:"last,omitzero"` // the last firing, filled in by Queue.Recurring
	Next time.Time `json:"next,omitzero"` // the next one, likewise
}

const (
	maxRecurring = 100 // bytes of a name
	minEvery     = time.Second
	defaultGrace = 10 * time.Second
	// tickMost bounds the firings that one call makes up for.
	tickMost = 100
)

// cronParser takes five fields or six, the second first, and descriptors.
func cronParser() cron.Parser {
	return cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
}

// clock says when a recurring task fires.
type clock struct {
	cron  cron.Schedule
	hours bool // it fires in every hour, so that changes of the wall clock do not matter
	zone  *time.Location
	every time.Duration
}

// next returns the first firing after t, the zero time if there is none.
func (c *clock) next(t time.Time) time.Time {
	if c.cron == nil {
		ms := c.every.Milliseconds()
		return time.UnixMilli((t.UnixMilli()/ms + 1) * ms).UTC()
	}
	if c.hours {
		return toUTC(c.cron.Next(t.In(c.zone)))
	}
	// Wall clocks tell a time twice when they are put back, and leave some out
	// when they are put forward. Counted in wall time each firing comes once.
	for w := asUTC(t.In(c.zone)); ; {
		if w = c.cron.Next(w); w.IsZero() {
			return w
		}
		if first := firstAt(w, c.zone); first.After(t) {
			return first.UTC()
		}
	}
}

// firstAt returns when the clocks of a zone first show what UTC's show at w.
// For a time that they leave out it is one before or behind the gap.
func firstAt(w time.Time, zone *time.Location) time.Time {
	x := time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), 0, zone)
	for _, back := range [...]time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour} { // by which clocks are put back somewhere
		if y := x.Add(-back); asUTC(y).Equal(w) {
			return y
		}
	}
	return x
}

// asUTC is the time that UTC's clocks show as t's show t.
func asUTC(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

func toUTC(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

// allHours are the bits of 0 to 23.
const allHours = 1<<24 - 1

// check checks a recurring task and returns its clock.
func (r *Recurring) check(q *Queue) (*clock, error) {
	if err := checkText("name", r.Name, maxRecurring, true); err != nil {
		return nil, err
	}
	switch r.Misfire {
	case "", FireNone, FireOne, FireAll:
	default:
		return nil, invalid("misfire", shorten(string(r.Misfire)), "must be none, one or all")
	}
	if r.Grace < 0 || r.Grace > maxKeep {
		return nil, invalid("grace", r.Grace.String(), "must be from 0, which means 10 s, to "+maxKeep.String())
	}
	if r.Expires < 0 || r.Expires > maxKeep {
		return nil, invalid("expires", r.Expires.String(), "must be from 0, which means never, to "+maxKeep.String())
	}
	if r.Task.ID != "" || !r.Task.NotBefore.IsZero() || !r.Task.NotAfter.IsZero() {
		return nil, invalid("task", shorten(r.Task.ID), "must have no id, not_before or not_after: each firing gets its own")
	}
	if err := q.check(&r.Task, time.Now()); err != nil {
		return nil, err
	}
	return r.clock()
}

func (r *Recurring) clock() (*clock, error) {
	if r.Every != 0 {
		switch {
		case r.Cron != "":
			return nil, invalid("every", r.Every.String(), "stands beside cron; give one of them")
		case r.Every < minEvery || r.Every > maxKeep || r.Every%time.Millisecond != 0:
			return nil, invalid("every", r.Every.String(), fmt.Sprintf("must be from %v to %v in whole milliseconds", minEvery, maxKeep))
		}
		return &clock{every: r.Every}, nil
	}
	if strings.Contains(r.Cron, "TZ=") || strings.HasPrefix(r.Cron, "@every") {
		return nil, invalid("cron", shorten(r.Cron), "time zone and interval have fields of their own, zone and every")
	}
	s, err := cronParser().Parse(r.Cron)
	if err != nil {
		return nil, invalid("cron", shorten(r.Cron), err.Error()+`; as in "*/5 * * * *", minute hour day month weekday, or @hourly`)
	}
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		return nil, invalid("zone", shorten(r.Zone), err.Error()+`; as in "Europe/Berlin"`)
	}
	c := &clock{cron: s, zone: zone}
	if x, ok := s.(*cron.SpecSchedule); ok {
		c.hours = x.Hour&allHours == allHours
	}
	if c.next(time.Now()).IsZero() {
		return nil, invalid("cron", shorten(r.Cron), "names a day that never comes")
	}
	return c, nil
}

// shardOfRecurring is where a recurring task lies, and all of its firings: where
// other tasks of its unique key lie.
func (q *Queue) shardOfRecurring(r *Recurring) int { return q.ShardOf(r.Task.Unique, r.Name) }

// Schedule adds a recurring task, or changes the one of that name. Its first
// firing is the next one due; unless when it fires or its unique key has
// changed, an existing one goes on from its last firing, so that a program may
// call this at each start.
func (q *Queue) Schedule(ctx context.Context, r Recurring) error {
	r.Last, r.Next = time.Time{}, time.Time{}
	if _, err := r.check(q); err != nil {
		return fmt.Errorf("schedule %s: %w", shorten(r.Name), err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("schedule %s: %w", r.Name, err)
	}
	shard := q.shardOfRecurring(&r)
	// With another unique key it may lie elsewhere: it must not fire twice.
	if _, err := q.unschedule(ctx, r.Name, shard); err != nil {
		return fmt.Errorf("schedule %s: %w", r.Name, err)
	}
	timing := fmt.Sprintf("%s|%s|%d", r.Cron, r.Zone, r.Every.Milliseconds())
	_, err = q.runOnce(ctx, q.s.schedule, shard, []string{q.keys.shards[shard].cron}, "set", r.Name, string(text), timing)
	return err
}

// Unschedule removes a recurring task; firings that wait already stay.
func (q *Queue) Unschedule(ctx context.Context, name string) error {
	if err := checkText("name", name, maxRecurring, true); err != nil {
		return fmt.Errorf("unschedule: %w", err)
	}
	found, err := q.unschedule(ctx, name, -1)
	switch {
	case err != nil:
		return fmt.Errorf("unschedule %s: %w", name, err)
	case !found:
		return fmt.Errorf("unschedule: recurring task %s: %w", shorten(name), ErrNotFound)
	}
	return nil
}

// unschedule removes a recurring task in all shards but one.
func (q *Queue) unschedule(ctx context.Context, name string, but int) (bool, error) {
	var found atomic.Bool
	err := q.eachShard(ctx, func(ctx context.Context, shard int) error {
		if shard == but {
			return nil
		}
		v, err := q.runOnce(ctx, q.s.schedule, shard, []string{q.keys.shards[shard].cron}, "delete", name)
		if v == "1" {
			found.Store(true)
		}
		return err
	})
	return found.Load(), err
}

// definition is a recurring task as Redis has it.
type definition struct {
	r    Recurring
	text string // its JSON
	mark string // ms of the last firing or, before the first, of its beginning
	err  error  // the JSON is not understood
}

// definitions reads the recurring tasks of a shard.
func (q *Queue) definitions(ctx context.Context, shard int) ([]definition, time.Time, error) {
	v, err := q.run(ctx, q.s.schedules, []string{q.keys.shards[shard].cron, q.keys.shards[shard].canceled})
	if err != nil {
		return nil, time.Time{}, err
	}
	list, _ := v.([]any)
	if len(list) == 0 {
		return nil, time.Time{}, fmt.Errorf("schedules: the script answers %v", v)
	}
	ms, _ := list[0].(int64)
	fields := make(map[string]string)
	for i := 1; i+1 < len(list); i += 2 {
		name, _ := list[i].(string)
		fields[name], _ = list[i+1].(string)
	}
	var ds []definition
	for field, text := range fields {
		name, isDefinition := strings.CutPrefix(field, "d:")
		if !isDefinition {
			continue
		}
		d := definition{text: text, mark: fields["m:"+name]}
		if err := json.Unmarshal([]byte(text), &d.r); err != nil {
			d.err = fmt.Errorf("recurring task %s is not understood: %w; unschedule it", shorten(name), err)
		}
		ds = append(ds, d)
	}
	return ds, time.UnixMilli(ms), nil
}

// lastAndClock reads when a definition fired last, and its clock.
func (d *definition) lastAndClock() (time.Time, *clock, error) {
	if d.err != nil {
		return time.Time{}, nil, d.err
	}
	ms, err := strconv.ParseInt(d.mark, 10, 64)
	if err != nil {
		return time.Time{}, nil, fmt.Errorf("recurring task %s has the mark %s: schedule it anew", d.r.Name, shorten(d.mark))
	}
	c, err := d.r.clock()
	if err != nil {
		return time.Time{}, nil, fmt.Errorf("recurring task %s: %w", d.r.Name, err)
	}
	return time.UnixMilli(ms), c, nil
}
