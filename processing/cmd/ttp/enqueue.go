package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/telhub/telhub/processing/queue"
)

// enqueueBatch is how many tasks of a file go into one call.
const enqueueBatch = 256

// taskFlags are the options that say how a task is treated.
type taskFlags struct {
	task          queue.Task
	class         string
	timeout, keep span
}

func (o *taskFlags) define(f *flag.FlagSet) {
	f.StringVar(&o.task.Queue, "queue", queue.DefaultQueue, "`NAME` of the queue")
	f.StringVar(&o.class, "class", "normal", "`CLASS`: critical, high, normal or bulk")
	f.Var(&o.timeout, "timeout", "longest `SPAN` of one attempt; as configured without")
	f.IntVar(&o.task.MaxAttempts, "attempts", 0, "`N` attempts before it is a dead letter; 0: as configured")
	f.StringVar(&o.task.Unique, "unique", "", "`KEY` of which at most one task waits or runs")
	f.Var(&o.keep, "keep", "keep state and result for so long after the end `SPAN`")
}

// settle turns the options into a task.
func (o *taskFlags) settle() (queue.Task, error) {
	class, err := queue.ParseClass(o.class)
	if err != nil {
		return o.task, usagef("--class: %v", err)
	}
	o.task.Class, o.task.Timeout, o.task.Keep = class, time.Duration(o.timeout), time.Duration(o.keep)
	return o.task, nil
}

// enqueueFlags are the options of ttp enqueue.
type enqueueFlags struct {
	taskFlags
	at, expires moment
	wait        span
	file        string
	count       int
}

func (e *env) enqueueFlags() (*flag.FlagSet, *enqueueFlags) {
	f, o := e.flags(), &enqueueFlags{}
	o.define(f)
	f.StringVar(&o.file, "file", "", "read tasks from `FILE`, one JSON object a line; - is standard input")
	f.IntVar(&o.count, "count", 1, "hand in the task `N` times")
	f.StringVar(&o.task.ID, "id", "", "`ID` of the task; the same again gives the first receipt")
	f.Var(&o.at, "at", "not before `TIME`, as in 2026-11-21T14:30:00Z, or 10m from now")
	f.Var(&o.expires, "expires", "not after `TIME`, or a span from now")
	f.Var(&o.wait, "wait", "wait for the result for at most `SPAN`, print it, exit with 1 if it failed")
	f.StringVar(&o.task.Correlation, "correlation", "", "correlation `ID` of the sample that it is about")
	f.StringVar(&o.task.Trace, "trace", "", "W3C `TRACEPARENT`")
	return f, o
}

// settle turns the options into the task's fields and reports contradictions.
func (o *enqueueFlags) settle(rest []string) error {
	if _, err := o.taskFlags.settle(); err != nil {
		return err
	}
	o.task.NotBefore, o.task.NotAfter = time.Time(o.at), time.Time(o.expires)
	if o.wait > 0 && o.keep == 0 {
		o.task.Keep = max(time.Duration(o.wait), time.Minute)
	}
	one := o.task.ID != "" || o.task.Unique != "" || o.wait > 0
	switch {
	case o.file != "" && (one || o.count != 1 || len(rest) > 1):
		return usagef("--file takes neither --id, --unique, --count, --wait nor a payload: the lines say those")
	case o.file == "" && len(rest) == 0:
		return usagef("name a type, as in ttp enqueue echo '{\"n\":1}', or a file with --file")
	case len(rest) > 2:
		return usagef("too many arguments: put the payload into quotes")
	case o.count < 1:
		return usagef("--count must be at least 1")
	case o.count > 1 && one:
		return usagef("--count above 1 takes neither --id, --unique nor --wait: they are of one task")
	}
	if len(rest) > 0 {
		o.task.Type = rest[0]
	}
	return nil
}

// cmdEnqueue hands in tasks.
func (e *env) cmdEnqueue(args []string) error {
	f, o := e.enqueueFlags()
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	if err := o.settle(rest); err != nil {
		return err
	}
	if len(rest) == 2 {
		if o.task.Payload, err = e.payload(rest[1]); err != nil {
			return err
		}
	}
	q, cfg, err := e.open()
	if err != nil {
		return err
	}
	defer q.Close()
	in := &intake{env: e, q: q, began: time.Now()}
	switch {
	case o.file != "":
		err = in.file(o.file, o.task, int(cfg.Queue.MaxPayload))
	case o.count > 1:
		err = in.many(o.task, o.count)
	default:
		return e.one(q, &o.task, time.Duration(o.wait))
	}
	return in.end(err)
}

// payload reads what an argument stands for: itself, @FILE or - for stdin.
func (e *env) payload(arg string) ([]byte, error) {
	if arg == "-" {
		return io.ReadAll(e.stdin)
	}
	if len(arg) > 1 && arg[0] == '@' {
		return os.ReadFile(arg[1:])
	}
	return []byte(arg), nil
}

// receiptLine is a receipt as JSON.
type receiptLine struct {
	ID       string `json:"id,omitempty"`
	Existing bool   `json:"existing"`
	Line     int    `json:"line,omitempty"`
	Error    string `json:"error,omitempty"`
}

// intake counts what became of many tasks.
type intake struct {
	*env
	q     *queue.Queue
	began time.Time

	tasks []*queue.Task
	lines []int // where the tasks stand in the file; empty without one

	taken, existing, refused int
}

// many hands in the same task n times.
func (in *intake) many(t queue.Task, n int) error {
	for range n {
		if err := in.add(&t, 0); err != nil {
			return err
		}
	}
	return in.flush()
}

// file hands in the tasks of a file. A line that is no task is told and
// counted; the others go on.
func (in *intake) file(name string, defaults queue.Task, maxPayload int) error {
	r := in.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		r = file
	}
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), 2*maxPayload+64<<10) // base64 and escapes take up to twice
	for line := 1; s.Scan(); line++ {
		text := bytes.TrimSpace(s.Bytes())
		if len(text) == 0 {
			continue
		}
		t, err := parseTask(text, defaults)
		if err != nil {
			in.refuse(line, "", err)
			continue
		}
		if err := in.add(t, line); err != nil {
			return err
		}
	}
	if err := s.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("%s: a line is longer than queue.max_payload allows", name)
		}
		return errors.Join(in.flush(), err)
	}
	return in.flush()
}

// add keeps a task and hands in a full batch.
func (in *intake) add(t *queue.Task, line int) error {
	in.tasks, in.lines = append(in.tasks, t), append(in.lines, line)
	if len(in.tasks) < enqueueBatch {
		return nil
	}
	return in.flush()
}

// flush hands in what was kept. An error means that Redis took nothing more;
// tasks that it refuses for what they are, are told and counted.
func (in *intake) flush() error {
	if len(in.tasks) == 0 {
		return nil
	}
	if err := in.ctx.Err(); err != nil {
		return fmt.Errorf("interrupted: %w", err)
	}
	receipts, err := in.q.Enqueue(in.ctx, in.tasks...)
	fatal := err
	for i, r := range receipts {
		switch {
		case r.Err == nil && r.Existing:
			in.existing++
		case r.Err == nil:
			in.taken++
		default:
			in.refuse(in.lines[i], r.ID, r.Err)
			if errors.Is(r.Err, queue.ErrInvalid) {
				fatal = nil
			}
			continue
		}
		if in.json {
			if err := in.print(receiptLine{ID: r.ID, Existing: r.Existing, Line: in.lines[i]}); err != nil {
				return err
			}
		}
	}
	in.tasks, in.lines = in.tasks[:0], in.lines[:0]
	return fatal
}

// mostComplaints bounds what one run prints about single tasks.
const mostComplaints = 20

func (in *intake) refuse(line int, id string, err error) {
	in.refused++
	if in.json {
		in.print(receiptLine{ID: id, Line: line, Error: err.Error()})
	}
	if in.refused > mostComplaints {
		return
	}
	where := ""
	if line > 0 {
		where = fmt.Sprintf("line %d: ", line)
	}
	in.complain(fmt.Errorf("%s%w", where, err))
	if in.refused == mostComplaints {
		in.complain(errors.New("further tasks that are not taken are only counted"))
	}
}

// end tells the sum.
func (in *intake) end(err error) error {
	if !in.json {
		took := time.Since(in.began)
		in.say("%d enqueued, %d there before, %d not taken, in %.2f s (%.0f/s)",
			in.taken, in.existing, in.refused, took.Seconds(), float64(in.taken)/max(took.Seconds(), 1e-6))
	}
	if err != nil {
		return err
	}
	if in.refused > 0 {
		return fmt.Errorf("%d tasks were not taken: mend them and hand them in again; those with an id of their own are not taken twice", in.refused)
	}
	return nil
}

// one hands in a single task, and waits for its result if that is wanted.
func (e *env) one(q *queue.Queue, t *queue.Task, wait time.Duration) error {
	receipts, err := q.Enqueue(e.ctx, t)
	if err != nil {
		if len(receipts) == 1 && receipts[0].Err != nil {
			return receipts[0].Err
		}
		return err
	}
	r := receipts[0]
	if wait > 0 {
		return e.await(q, r.ID, wait)
	}
	if e.json {
		return e.print(receiptLine{ID: r.ID, Existing: r.Existing})
	}
	if r.Existing {
		e.say("%s (was there before)", r.ID)
		return nil
	}
	e.say("%s", r.ID)
	return nil
}
