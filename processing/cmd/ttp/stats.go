package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/telhub/telhub/internal/brief"
	"github.com/telhub/telhub/processing/queue"
)

// statsLine is what ttp stats prints as JSON; durations of classes are
// nanoseconds.
type statsLine struct {
	queue.Stats
	Undone int64 `json:"undone"` // waiting, running and delayed, of all queues
}

// cmdStats tells what waits, runs and failed.
func (e *env) cmdStats(args []string) error {
	f := e.flags()
	of := f.String("queue", "", "only the queue `NAME`")
	if err := parseNone(f, args); err != nil {
		return err
	}
	q, _, err := e.open()
	if err != nil {
		return err
	}
	defer q.Close()
	stats, err := q.Stats(e.ctx)
	if err != nil {
		return err
	}
	if *of != "" {
		stats.Queues = slices.DeleteFunc(stats.Queues, func(s queue.QueueStats) bool { return s.Name != *of })
	}
	if e.json {
		return e.print(statsLine{stats, undone(stats, nil)})
	}
	if len(stats.Queues) == 0 {
		e.say("no tasks yet: hand one in with ttp enqueue echo hello")
		return nil
	}
	return table(e.stdout, stats, nil)
}

// undone counts the tasks of some queues, nil for all, that are not over.
func undone(s queue.Stats, queues []string) (n int64) {
	for i := range s.Queues {
		if q := &s.Queues[i]; queues == nil || slices.Contains(queues, q.Name) {
			n += q.Waiting() + q.Running() + q.Delayed
		}
	}
	return n
}

// table writes the numbers for people: a line for each queue, and one for each
// of its classes that ever had a task. rates, by queue, may be nil.
func table(w io.Writer, s queue.Stats, rates map[string]float64) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := "QUEUE\tCLASS\tWAITING\tRUNNING\tOLDEST\tDELAYED\tDEAD\tDONE\tRETRIED"
	if rates != nil {
		head += "\tDONE/S"
	}
	fmt.Fprintln(t, head)
	for i := range s.Queues {
		q := &s.Queues[i]
		var oldest time.Duration
		used := 0
		for j := range q.Classes {
			oldest = max(oldest, q.Classes[j].Oldest)
			if q.Classes[j].Added > 0 {
				used++
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t%d\t%d\t%d\t%d", q.Name, marks(q), q.Waiting(), q.Running(), age(oldest), q.Delayed, q.Dead, q.Done, q.Retried)
		if rates != nil {
			fmt.Fprintf(t, "\t%.0f", rates[q.Name])
		}
		fmt.Fprintln(t)
		for j := range q.Classes {
			if c := &q.Classes[j]; c.Added > 0 && used > 1 {
				fmt.Fprintf(t, "\t%s\t%d\t%d\t%s\n", c.Class, c.Waiting, c.Running, age(c.Oldest))
			}
		}
	}
	return t.Flush()
}

// marks tells what holds a queue up.
func marks(q *queue.QueueStats) string {
	var list []string
	if !q.Paused.IsZero() {
		list = append(list, "paused")
	}
	if q.Rate > 0 {
		list = append(list, "≤"+strconv.FormatFloat(q.Rate, 'g', 4, 64)+"/s")
	}
	if list == nil {
		return "all"
	}
	return strings.Join(list, " ")
}

// age writes a duration with as much of it as matters.
func age(d time.Duration) string {
	switch {
	case d == 0:
		return "-"
	case d < time.Second:
		return brief.Duration(d.Round(time.Millisecond))
	case d < time.Minute:
		return brief.Duration(d.Round(100 * time.Millisecond))
	}
	return brief.Duration(d.Round(time.Second))
}
