package queue

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// callTasks and callBytes bound one call: Redis does nothing else while a
	// script runs, and 256 tasks take it about a millisecond.
	callTasks = 256
	callBytes = 1 << 20
	// callsAtOnce bounds the calls that one Enqueue has under way.
	callsAtOnce = 8
	// laneTime is how long the server remembers a lane; it must be longer than
	// any call is repeated.
	laneTime = 10 * time.Minute
	// noteEvery is how often a queue is written into its shard's set of
	// queues anew, in case that somebody has emptied the database.
	noteEvery = 10 * time.Second
)

// Enqueue hands tasks to the queue, any number at once: a batch of a hundred
// costs little more than a single task. There is one receipt for each task.
// The error is nil if all were taken or there before; otherwise it is that of
// the first task that was not, and the receipts tell for each.
//
// Tasks without ID and unique key of one batch lie in one shard, as long as
// it is no larger than 256. Tasks of one shard, queue and class that are ready
// lie there in their order here, in any number; after an error some may be missing.
//
// A call is repeated after a lost reply and then gives the original receipts.
// After ErrUnknown a task of a caller's ID may be enqueued again without harm
// for as long as Options.Dedup remembers it.
func (q *Queue) Enqueue(ctx context.Context, tasks ...*Task) ([]Receipt, error) {
	receipts := make([]Receipt, len(tasks))
	now := time.Now()
	calls := q.divide(tasks, receipts, now)
	q.callAll(ctx, calls)
	bad, first := 0, -1
	for i := range receipts {
		if receipts[i].Err != nil {
			if bad++; first < 0 {
				first = i
			}
		}
	}
	if bad == 0 {
		return receipts, nil
	}
	return receipts, fmt.Errorf("enqueue: %d of %d tasks not taken, the first is number %d: %w", bad, len(tasks), first+1, receipts[first].Err)
}

// call is one run of the script: tasks of one shard.
type call struct {
	shard    int
	now      time.Time
	tasks    []*Task // all of the Enqueue
	receipts []Receipt
	members  []int // indexes into both
	bytes    int
}

// fits reports whether the call takes one more task.
func (c *call) fits(t *Task) bool {
	return len(c.members) == 0 || len(c.members) < callTasks && c.bytes+len(t.Payload) <= callBytes
}

// divide checks tasks, gives them IDs and deals them out to calls.
func (q *Queue) divide(tasks []*Task, receipts []Receipt, now time.Time) []*call {
	var calls []*call
	open := make(map[int]*call, 2) // by shard; -1: that of tasks for any shard
	for i, t := range tasks {
		if err := q.check(t, now); err != nil {
			receipts[i].Err = err
			if t != nil {
				receipts[i].ID = t.ID
			}
			continue
		}
		at := -1
		if t.ID != "" || t.Unique != "" {
			at = q.ShardOf(t.Unique, t.ID)
		}
		c := open[at]
		// One that another call of its shard has followed is closed, or a task would overtake.
		if c == nil || !c.fits(t) || open[c.shard] != c {
			shard := at
			if at < 0 {
				shard = int(q.turn.Add(1) % uint64(q.o.Shards))
			}
			if c = open[shard]; c == nil || !c.fits(t) {
				c = &call{shard: shard, now: now, tasks: tasks, receipts: receipts}
				calls = append(calls, c)
				open[shard] = c
			}
			open[at] = c
		}
		receipts[i].ID = t.ID
		if t.ID == "" {
			receipts[i].ID = q.ids.make(now.UnixMilli(), c.shard)
		}
		c.members = append(c.members, i)
		c.bytes += len(t.Payload)
	}
	return calls
}

// callAll makes the calls, those of a shard one after the other so that their
// order is kept, a few shards at once, and waits for them.
func (q *Queue) callAll(ctx context.Context, calls []*call) {
	if len(calls) == 1 {
		q.call(ctx, calls[0])
		return
	}
	byShard := make(map[int][]*call)
	for _, c := range calls {
		byShard[c.shard] = append(byShard[c.shard], c)
	}
	var wg sync.WaitGroup
	turn := make(chan struct{}, callsAtOnce)
	for _, list := range byShard {
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			for _, c := range list {
				q.call(ctx, c)
			}
		})
	}
	wg.Wait()
}

// call runs the script for c and writes its receipts.
func (q *Queue) call(ctx context.Context, c *call) {
	b, free := q.newBatch()
	defer free()
	l := q.lane(c.shard)
	defer q.giveBack(c.shard, l)
	b.begin(q, c.shard, l, len(c.members))
	for _, i := range c.members {
		b.add(c.tasks[i], c.receipts[i].ID, c.now)
	}
	answer, err := q.runArgs(ctx, q.s.enqueue, b.command(q.s.enqueue))
	if err == nil {
		text, _ := answer.(string)
		err = b.answer(text, c)
	}
	if err != nil {
		for _, i := range c.members {
			c.receipts[i].Err = err
		}
		return
	}
	b.noted(c.now)
}

// answer reads what put.lua says of runs and writes it into the
// call's receipts.
func (b *batch) answer(text string, c *call) error {
	for line := range strings.Lines(text) {
		kind, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		number, id, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || n > len(b.runs) {
			return fmt.Errorf("enqueue: the script answers %s", shorten(text))
		}
		r := &b.runs[n-1]
		switch kind {
		case "F":
			err := b.full(r)
			for _, i := range c.members[r.from:r.to] {
				c.receipts[i].Err = err
			}
		case "E":
			receipt := &c.receipts[c.members[r.from]]
			receipt.Existing, receipt.ID = true, id
		default:
			return fmt.Errorf("enqueue: the script answers %s", shorten(text))
		}
	}
	return nil
}

func (b *batch) full(r *run) error {
	what := "tasks"
	if strings.HasSuffix(b.keys[r.key-1], ":delay") {
		what = "delayed tasks"
	}
	return fmt.Errorf("%w: %s has %d %s, or would have; wait until workers catch up, start more, or raise MaxLen",
		ErrFull, b.keys[r.key-1], b.q.o.MaxLen, what)
}
