package main

import (
	"flag"
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
