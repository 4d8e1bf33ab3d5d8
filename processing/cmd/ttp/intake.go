package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/telhub/telhub/processing/queue"
)

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
