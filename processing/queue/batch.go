package queue

import (
	"strconv"
	"time"
)

// batch is the arguments of one call of a script that puts tasks. It is used
// again: what it holds of a call is cleared by free.
type batch struct {
	q     *Queue
	shard int
	keys  []string
	args  []any  // behind the keys
	all   []any  // the whole command
	head  []byte // headers, one behind the other
	blobs []blob // headers and payloads; never grows once begun, since args point into it
	runs  []run
	notes []*queueKeys // queues to note
}

// run is a run of tasks in put.lua's sense.
type run struct {
	kind     string // "s", "d" or "x"
	key      int    // number of the stream or set among the keys
	at       int    // where its head stands in args
	from, to int    // the call's members
}

// blob passes bytes to go-redis without boxing them anew.
type blob []byte

// MarshalBinary implements encoding.BinaryMarshaler; it copies nothing.
func (b *blob) MarshalBinary() ([]byte, error) { return *b, nil }

// keptBytes bounds what a batch keeps for the next call.
const keptBytes = 256 << 10

// newBatch returns a batch, and what clears it and keeps it for another call.
func (q *Queue) newBatch() (b *batch, free func()) {
	b, _ = q.batches.Get().(*batch)
	if b == nil {
		b = new(batch)
	}
	return b, b.free
}

func (b *batch) free() {
	q := b.q
	b.q = nil
	clear(b.args)
	clear(b.all)
	clear(b.blobs)
	clear(b.keys)
	clear(b.notes)
	if q != nil && cap(b.head) <= keptBytes {
		q.batches.Put(b)
	}
}

// heads are what stands before the runs: lane's number and time, maxlen, notes.
const heads = 4

// begin starts a call of n tasks. first is the second of its keys.
func (b *batch) begin(q *Queue, shard int, l *lane, n int) {
	b.q, b.shard = q, shard
	b.keys = append(b.keys[:0], l.key, q.keys.shards[shard].queues)
	b.args = append(b.args[:0], strconv.FormatUint(l.number, 10), laneMillis, strconv.FormatInt(q.o.MaxLen, 10), "")
	b.head, b.runs, b.notes = b.head[:0], b.runs[:0], b.notes[:0]
	if cap(b.blobs) < 2*n {
		b.blobs = make([]blob, 0, 2*n)
	}
	b.blobs = b.blobs[:0]
}

var laneMillis = strconv.FormatInt(laneTime.Milliseconds(), 10)

// key returns the number of a key, which it adds if it is new.
func (b *batch) key(name string) int {
	for i, k := range b.keys {
		if k == name {
			return i + 1
		}
	}
	b.keys = append(b.keys, name)
	return len(b.keys)
}

// blob adds bytes to the arguments.
func (b *batch) blob(p []byte) {
	b.blobs = append(b.blobs, p)
	b.args = append(b.args, &b.blobs[len(b.blobs)-1])
}

func (b *batch) ints(vs ...int64) {
	for _, v := range vs {
		b.args = append(b.args, strconv.FormatInt(v, 10))
	}
}

// add adds a task, which is the call's next member.
func (b *batch) add(t *Task, id string, now time.Time) {
	k := b.q.keys.of(b.shard, orDefault(t.Queue))
	delayed := t.NotBefore.After(now)
	enqueued := int64(0)
	if delayed { // the entry's own time will be that of the promotion
		enqueued = now.UnixMilli()
	}
	start := len(b.head)
	b.head = appendHeader(b.head, t, id, 1, enqueued, nil)
	header := b.head[start:len(b.head):len(b.head)]
	switch {
	case t.ID != "" || t.Unique != "" || t.Keep > 0:
		b.addSpecial(t, id, k, delayed, header, now)
	case delayed:
		b.extend("d", k.delay, k.body)
		b.args = append(b.args, id)
		b.ints(t.NotBefore.UnixMilli())
		b.blob(header)
		b.blob(t.Payload)
	default:
		b.extend("s", k.stream[t.Class], "")
		b.blob(header)
		b.blob(t.Payload)
	}
	b.note(k, now)
}

// addSpecial adds a run of one task that needs keys of its own.
func (b *batch) addSpecial(t *Task, id string, k *queueKeys, delayed bool, header []byte, now time.Time) {
	wait, due := int64(0), ""
	if delayed {
		wait = t.NotBefore.Sub(now).Milliseconds()
		due = strconv.FormatInt(t.NotBefore.UnixMilli(), 10)
		b.extend("x", k.delay, k.body)
	} else {
		b.extend("x", k.stream[t.Class], "")
	}
	b.args = append(b.args, id, due)
	b.blob(header)
	b.blob(t.Payload)
	o := &b.q.o
	b.own(t.ID != "", b.q.keys.receipt, id, wait+o.Dedup.Milliseconds())
	b.own(t.Unique != "", b.q.keys.unique, t.Unique, wait+o.UniqueFor.Milliseconds())
	b.own(t.Keep > 0, b.q.keys.result, id, wait+(o.KeepWaiting+t.Keep).Milliseconds())
	b.args = append(b.args, k.name)
}

// own adds a key of the task's own and for how many ms it is kept, or zeros.
func (b *batch) own(has bool, key func(shard int, id string) string, id string, ms int64) {
	if !has {
		b.ints(0, 0)
		return
	}
	b.keys = append(b.keys, key(b.shard, id)) // hardly ever there already, and twice does no harm
	b.ints(int64(len(b.keys)), ms)
}

// extend makes sure that the last run is of this kind and key, and counts one
// task more.
func (b *batch) extend(kind, key, body string) {
	if n := len(b.runs); n > 0 && kind != "x" {
		if r := &b.runs[n-1]; r.kind == kind && b.keys[r.key-1] == key {
			r.to++
			return
		}
	}
	from := 0
	if n := len(b.runs); n > 0 {
		from = b.runs[n-1].to
	}
	r := run{kind: kind, key: b.key(key), at: len(b.args), from: from, to: from + 1}
	second := 0
	if body != "" {
		second = b.key(body)
	}
	b.runs = append(b.runs, r)
	b.args = append(b.args, kind)
	b.ints(int64(r.key), int64(second), 1)
}

// note has the script write the queue's name into the set of queues if this
// Queue has not done so lately.
func (b *batch) note(k *queueKeys, now time.Time) {
	if now.UnixMilli()-k.noted.Load() < noteEvery.Milliseconds() {
		return
	}
	for _, n := range b.notes {
		if n == k {
			return
		}
	}
	b.notes = append(b.notes, k)
}

// noted is called after the script has run.
func (b *batch) noted(now time.Time) {
	for _, k := range b.notes {
		k.noted.Store(now.UnixMilli())
	}
}

// command completes the arguments and returns the whole command.
func (b *batch) command(s *script) []any {
	for _, r := range b.runs {
		b.args[r.at+3] = strconv.Itoa(r.to - r.from)
	}
	if len(b.notes) > 0 {
		names := b.notes[0].name
		for _, k := range b.notes[1:] {
			names += " " + k.name
		}
		b.args[heads-1] = names
	}
	b.all = append(b.all[:0], "evalsha", s.hash, strconv.Itoa(len(b.keys)))
	for _, k := range b.keys {
		b.all = append(b.all, k)
	}
	b.all = append(b.all, b.args...)
	return b.all
}
