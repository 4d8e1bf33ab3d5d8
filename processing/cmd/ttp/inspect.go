package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/telhub/telhub/processing/queue"
)

// taskInfo is what is known of a task, as JSON. payload_… and result_… are as
// in the lines that ttp enqueue takes.
type taskInfo struct {
	ID          string          `json:"id"`
	State       string          `json:"state"`
	Type        string          `json:"type,omitempty"`
	Queue       string          `json:"queue,omitempty"`
	Class       string          `json:"class,omitempty"`
	Reason      string          `json:"reason,omitempty"`
	Error       string          `json:"error,omitempty"`
	Attempt     int             `json:"attempt,omitempty"`
	MaxAttempts int             `json:"max_attempts,omitempty"`
	Enqueued    time.Time       `json:"enqueued,omitzero"`
	Due         time.Time       `json:"due,omitzero"`
	NotAfter    time.Time       `json:"not_after,omitzero"`
	Ended       time.Time       `json:"ended,omitzero"`
	Consumer    string          `json:"consumer,omitempty"`
	Progress    float64         `json:"progress,omitempty"`
	Note        string          `json:"note,omitempty"`
	Canceling   bool            `json:"cancel_requested,omitempty"`
	Unique      string          `json:"unique,omitempty"`
	Correlation string          `json:"correlation,omitempty"`
	Trace       string          `json:"trace,omitempty"`
	Shard       int             `json:"shard"`
	Payload     json.RawMessage `json:"payload,omitempty"`
	PayloadText string          `json:"payload_text,omitempty"`
	PayloadB64  []byte          `json:"payload_base64,omitempty"`
	Result      json.RawMessage `json:"result,omitempty"`
	ResultText  string          `json:"result_text,omitempty"`
	ResultB64   []byte          `json:"result_base64,omitempty"`
	History     []queue.Failure `json:"history,omitempty"`

	Fields map[string]string `json:"fields,omitempty"` // of an entry that is no task
}

// bytesAs puts bytes where they are shown best.
func bytesAs(b []byte, asJSON *json.RawMessage, asText *string, asBytes *[]byte) {
	switch {
	case len(b) == 0:
	case json.Valid(b):
		*asJSON = b
	case utf8.Valid(b) && !bytes.ContainsFunc(b, odd):
		*asText = string(b)
	default:
		*asBytes = b
	}
}

// odd characters do not stand in text.
func odd(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }

func (t *taskInfo) task(x *queue.Task) {
	t.ID, t.Type, t.Queue, t.MaxAttempts, t.NotAfter = x.ID, x.Type, x.Queue, x.MaxAttempts, x.NotAfter
	t.Unique, t.Correlation, t.Trace = x.Unique, x.Correlation, x.Trace
	if x.Type != "" {
		t.Class = x.Class.String()
	}
	bytesAs(x.Payload, &t.Payload, &t.PayloadText, &t.PayloadB64)
}

func infoOf(i *queue.Info) *taskInfo {
	t := &taskInfo{
		State: string(i.State), Error: i.Err, Attempt: i.Attempt, Enqueued: i.Enqueued, Due: i.Due, Ended: i.Ended, Consumer: i.Consumer,
		Progress: i.Progress, Note: i.Note, Canceling: i.CancelRequested, Shard: i.Shard, History: i.History,
	}
	t.task(&i.Task)
	bytesAs(i.Result, &t.Result, &t.ResultText, &t.ResultB64)
	return t
}

func deadInfo(d *queue.DeadLetter) *taskInfo {
	t := &taskInfo{
		State: string(queue.StateDead), Reason: string(d.Reason), Error: d.Err, Attempt: d.Attempt, Enqueued: d.Enqueued, Ended: d.Died,
		Shard: d.Shard, History: d.History, Fields: d.Fields,
	}
	t.task(&d.Task)
	return t
}

// cmdInspect tells what became of a task.
func (e *env) cmdInspect(args []string) error {
	rest, err := parse(e.flags(), args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return usagef("name the ID of one task")
	}
	q, _, err := e.open()
	if err != nil {
		return err
	}
	defer q.Close()
	info, err := q.Inspect(e.ctx, rest[0])
	if err != nil {
		return err
	}
	return e.tell(infoOf(&info))
}

// tell prints a task.
func (e *env) tell(t *taskInfo) error {
	if e.json {
		return e.print(t)
	}
	line := func(name, value string) {
		if value != "" {
			e.say("%-12s %s", name, printable(value))
		}
	}
	count := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	line("id", t.ID)
	line("state", t.State)
	line("reason", t.Reason)
	line("error", t.Error)
	line("type", t.Type)
	line("queue", t.Queue)
	line("class", t.Class)
	line("attempt", count(t.Attempt))
	line("enqueued", dateOr(t.Enqueued, ""))
	line("due", dateOr(t.Due, ""))
	line("not after", dateOr(t.NotAfter, ""))
	line("ended", dateOr(t.Ended, ""))
	line("consumer", t.Consumer)
	if t.Progress > 0 || t.Note != "" {
		line("progress", fmt.Sprintf("%.0f %% %s", t.Progress*100, t.Note))
	}
	if t.Canceling {
		line("cancel", "requested")
	}
	line("unique", t.Unique)
	line("correlation", t.Correlation)
	line("trace", t.Trace)
	line("payload", shown(t.Payload, t.PayloadText, t.PayloadB64))
	line("result", shown(t.Result, t.ResultText, t.ResultB64))
	for _, f := range t.History {
		line("attempt "+strconv.Itoa(f.Attempt), dateOr(f.At, "")+"  "+f.Err)
	}
	for name, value := range t.Fields {
		line("field "+printable(name), value)
	}
	return nil
}

const mostShown = 1000 // of a payload or result, for people

func shown(j json.RawMessage, text string, b []byte) string {
	switch {
	case len(j) > 0:
		text = string(j)
	case len(b) > 0:
		text = fmt.Sprintf("%d bytes: %x", len(b), b[:min(len(b), mostShown/2)])
	}
	text = strings.TrimRight(text, "\n")
	if len(text) > mostShown {
		return fmt.Sprintf("%s… (%d bytes; --json shows all)", text[:mostShown], len(text))
	}
	return text
}

// printable keeps what others wrote from moving the cursor.
func printable(s string) string {
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if !unicode.IsPrint(r) && r != ' ' {
			r = '·'
		}
		out = append(out, r)
	}
	return string(out)
}

// await waits for a task's end and tells its result; one that failed ends with
// exit code 1.
func (e *env) await(q *queue.Queue, id string, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(e.ctx, wait)
	defer cancel()
	info, err := q.Wait(ctx, id)
	switch {
	case e.ctx.Err() != nil:
		return fmt.Errorf("interrupted; the task goes on: ttp inspect %s", id)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("task %s has not ended within %v (state %s); does a worker run? ttp stats; ttp inspect %s", id, wait, info.State, id)
	case err != nil:
		return err
	}
	t := infoOf(&info)
	if e.json {
		err = e.print(t)
	} else if len(info.Result) > 0 {
		_, err = fmt.Fprintf(e.stdout, "%s\n", info.Result)
	}
	if err == nil && info.State != queue.StateDone {
		err = fmt.Errorf("task %s is %s: %s", id, info.State, printable(info.Err))
	}
	return err
}
