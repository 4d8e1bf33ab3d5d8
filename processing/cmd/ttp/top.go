package main

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/telhub/telhub/processing/queue"
)

// clearScreen is of ECMA-48: cursor home, erase below.
const clearScreen = "\x1b[H\x1b[J"

// cmdTop shows the numbers again and again, with rates.
func (e *env) cmdTop(args []string) error {
	f := e.flags()
	every := span(time.Second)
	f.Var(&every, "every", "look again after `SPAN`")
	times := f.Int("n", 0, "end after `N` looks; 0: Ctrl-C ends it")
	if err := parseNone(f, args); err != nil {
		return err
	}
	if every <= 0 {
		return usagef("--every must be more than nothing")
	}
	q, _, err := e.open()
	if err != nil {
		return err
	}
	defer q.Close()
	tick := time.NewTicker(time.Duration(every))
	defer tick.Stop()
	var last queue.Stats
	for n := 1; ; n++ {
		stats, err := q.Stats(e.ctx)
		switch {
		case e.ctx.Err() != nil:
			return nil // Ctrl-C
		case errors.Is(err, queue.ErrUnavailable) || errors.Is(err, queue.ErrUnknown):
			e.complain(err) // and look again
		case err != nil:
			return err
		default:
			if err := e.show(stats, last); err != nil {
				return err
			}
			last = stats
		}
		if n == *times {
			return nil
		}
		select {
		case <-tick.C:
		case <-e.ctx.Done():
			return nil
		}
	}
}

// show prints one look, and the rates since the last one.
func (e *env) show(stats, last queue.Stats) error {
	if e.json {
		return e.print(statsLine{stats, undone(stats, nil)})
	}
	rates := make(map[string]float64)
	if passed := stats.At.Sub(last.At).Seconds(); !last.At.IsZero() && passed > 0 {
		for i := range stats.Queues {
			for j := range last.Queues {
				if now, old := &stats.Queues[i], &last.Queues[j]; now.Name == old.Name {
					rates[now.Name] = float64(max(now.Done-old.Done, 0)) / passed
				}
			}
		}
	}
	var b bytes.Buffer
	if terminal(e.stdout) {
		b.WriteString(clearScreen)
	}
	fmt.Fprintf(&b, "%s  %d to do\n\n", stats.At.Format(time.TimeOnly), undone(stats, nil))
	if err := table(&b, stats, rates); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := e.stdout.Write(b.Bytes())
	return err
}
