package queue

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"
)

// State is what has become of a task.
type State string

// The states.
const (
	StateDelayed  State = "delayed"  // until Info.Due
	StateWaiting  State = "waiting"  // for a worker
	StateRunning  State = "running"  // fetched by Info.Consumer
	StateRetrying State = "retrying" // delayed after a failure
	StateDone     State = "done"
	StateDead     State = "dead"
	StateCanceled State = "canceled"
	StateEnded    State = "ended" // it was there, and its end was not kept
)

// Ended reports whether a task of this state is over.
func (s State) Ended() bool {
	return s == StateDone || s == StateDead || s == StateCanceled || s == StateEnded
}

// Info is what is known of a task. Result, Progress and Note are of tasks with
// Keep only.
type Info struct {
	Task
	State           State     `json:"state"`
	Shard           int       `json:"shard"`
	Attempt         int       `json:"attempt,omitempty"`
	Enqueued        time.Time `json:"enqueued,omitzero"`
	Due             time.Time `json:"due,omitzero"`
	Consumer        string    `json:"consumer,omitempty"`
	Result          []byte    `json:"result,omitempty"`
	Err             string    `json:"error,omitempty"`
	Ended           time.Time `json:"ended,omitzero"`
	Progress        float64   `json:"progress,omitempty"` // 0 to 1
	Note            string    `json:"note,omitempty"`
	CancelRequested bool      `json:"cancel_requested,omitempty"`
	History         []Failure `json:"history,omitempty"`
}

// Inspect finds out what has become of a task: from its state if it was
// enqueued with Keep, else by looking for it among the delayed, in the streams
// and in the dead letters, which takes about a millisecond for a thousand
// tasks that wait (ULIDs are looked for from their own time on). It returns
// ErrNotFound for one that is done and has left nothing.
func (q *Queue) Inspect(ctx context.Context, id string) (Info, error) {
	if err := checkText("id", id, maxID, true); err != nil {
		return Info{}, fmt.Errorf("inspect: %w", err)
	}
	home := q.ShardOf("", id)
	for i := range q.o.Shards {
		info, found, err := q.inspectIn(ctx, (home+i)%q.o.Shards, id)
		if err != nil {
			return Info{}, fmt.Errorf("inspect %s: %w", id, err)
		}
		if found {
			return info, nil
		}
	}
	return Info{}, fmt.Errorf("inspect: task %s: %w: it was never taken, or has ended and was not enqueued with Keep", id, ErrNotFound)
}

// inspectIn looks for a task in one shard.
func (q *Queue) inspectIn(ctx context.Context, shard int, id string) (info Info, found bool, err error) {
	names, err := q.queues(ctx, shard)
	if err != nil {
		return info, false, err
	}
	var state *redis.MapStringStringCmd
	var receipt *redis.IntCmd
	var canceled *redis.FloatCmd
	scores := make([]*redis.FloatCmd, len(names))
	err = q.pipe(ctx, func(p redis.Pipeliner) {
		state = p.HGetAll(ctx, q.keys.result(shard, id))
		receipt = p.Exists(ctx, q.keys.receipt(shard, id))
		canceled = p.ZScore(ctx, q.keys.shards[shard].canceled, id)
		for i, name := range names {
			scores[i] = p.ZScore(ctx, q.keys.of(shard, name).delay, id)
		}
	})
	if err != nil {
		return info, false, err
	}
	info = Info{Task: Task{ID: id}, Shard: shard, CancelRequested: canceled.Err() == nil}
	info.fromState(state.Val())
	if info.State.Ended() {
		return info, true, nil
	}
	if where := scored(scores); where >= 0 {
		return q.inspectDelayed(ctx, info, names, time.UnixMilli(int64(scores[where].Val())))
	}
	if err := q.search(ctx, &info, names); err != nil || info.Attempt > 0 {
		return info, err == nil, err
	}
	switch {
	case info.State != "": // between two streams this moment
		return info, true, nil
	case receipt.Val() > 0:
		info.State = StateEnded
		return info, true, nil
	}
	return info, false, nil
}

// scored returns the first that has a score, -1 if none has.
func scored(scores []*redis.FloatCmd) int {
	for i, s := range scores {
		if s.Err() == nil {
			return i
		}
	}
	return -1
}

// fromState reads the hash of a task with Keep.
func (info *Info) fromState(m map[string]string) {
	if len(m) == 0 {
		return
	}
	info.State, info.Queue, info.Err, info.Note = State(m["s"]), m["q"], m["e"], m["n"]
	info.Progress, _ = strconv.ParseFloat(m["p"], 64)
	if ms, err := strconv.ParseInt(m["at"], 10, 64); err == nil {
		info.Ended = time.UnixMilli(ms)
	}
	if r, has := m["v"]; has {
		info.Result = []byte(r)
	}
}

// fill takes over what a header says.
func (info *Info) fill(d *Delivery, queue string) {
	info.Task = d.Task
	info.Queue = queue
	info.Attempt, info.Enqueued, info.History = d.Attempt, d.Enqueued, d.History
}

func (q *Queue) inspectDelayed(ctx context.Context, info Info, names []string, due time.Time) (Info, bool, error) {
	d, err := q.delayed(ctx, info.Shard, names, info.ID)
	if err != nil || d.ID == "" { // promoted this moment
		info.State = StateWaiting
		return info, err == nil, err
	}
	info.fill(&d, d.Queue)
	info.State, info.Due = StateDelayed, due
	if len(d.History) > 0 {
		info.State = StateRetrying
	}
	return info, true, nil
}

// findMost is how many entries one call looks at.
const findMost = 500

// search looks for a task in the streams of a shard, dead letters last.
func (q *Queue) search(ctx context.Context, info *Info, names []string) error {
	for _, name := range names {
		k := q.keys.of(info.Shard, name)
		for _, c := range Classes() {
			if found, err := q.find(ctx, info, k.stream[c], name); found || err != nil {
				return err
			}
		}
	}
	for _, name := range names {
		if found, err := q.find(ctx, info, q.keys.of(info.Shard, name).dlq, name); found || err != nil {
			return err
		}
	}
	return nil
}

// find looks for a task in one stream.
func (q *Queue) find(ctx context.Context, info *Info, stream, queue string) (bool, error) {
	want := string(binary.AppendUvarint(nil, uint64(len(info.ID)))) + info.ID
	from := since(info.ID)
	for {
		v, err := q.run(ctx, q.s.find, []string{stream}, want, from, findMost)
		if err != nil {
			return false, err
		}
		switch v := v.(type) {
		case string:
			if v == "" {
				return false, nil
			}
			from = "(" + v
		case []any:
			return q.found(ctx, info, stream, queue, v)
		default:
			return false, fmt.Errorf("find: the script answers %v", v)
		}
	}
}

// skew is how far a producer's clock may be ahead of the server's for a ULID
// to be found by its time.
const skew = time.Minute

// since is from what entry on a task of this ID can be.
func since(id string) string {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return "-"
	}
	return strconv.FormatUint(max(u.Time(), uint64(skew.Milliseconds()))-uint64(skew.Milliseconds()), 10)
}

// found reads the entry that the script has found.
func (q *Queue) found(ctx context.Context, info *Info, stream, queue string, v []any) (bool, error) {
	if len(v) != 2 {
		return false, fmt.Errorf("find: the script answers %v", v)
	}
	entry, _ := v[0].(string)
	list, _ := v[1].([]any)
	m := redis.XMessage{ID: entry, Values: make(map[string]any)}
	for i := 0; i+1 < len(list); i += 2 {
		name, _ := list[i].(string)
		m.Values[name] = list[i+1]
	}
	header, _ := m.Values["t"].(string)
	var d Delivery
	if err := parseHeader(header, &d); err != nil {
		return false, fmt.Errorf("entry %s of %s: %w", entry, stream, err)
	}
	if d.Enqueued.IsZero() {
		d.Enqueued = entryTime(entry)
	}
	payload, _ := m.Values["d"].(string)
	d.Payload = []byte(payload)
	info.fill(&d, queue)
	if why, isDead := m.Values["why"].(string); isDead {
		info.State, info.Ended = StateDead, entryTime(entry)
		if Reason(why) == Canceled {
			info.State = StateCanceled
		}
		info.Err, _ = m.Values["err"].(string)
		return true, nil
	}
	return true, q.owner(ctx, info, stream, entry)
}

// owner finds out who has fetched an entry.
func (q *Queue) owner(ctx context.Context, info *Info, stream, entry string) error {
	info.State = StateWaiting
	var list []redis.XPendingExt
	err := q.again(ctx, func(ctx context.Context) (err error) {
		list, err = q.client.XPendingExt(ctx, &redis.XPendingExtArgs{Stream: stream, Group: group, Start: entry, End: entry, Count: 1}).Result()
		if isNoGroup(err) {
			err = nil
		}
		return err
	})
	if err == nil && len(list) > 0 && list[0].Consumer != shelf { // what was given back waits
		info.State, info.Consumer = StateRunning, list[0].Consumer
	}
	return err
}
