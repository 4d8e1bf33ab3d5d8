package main

import (
	"errors"
	"strconv"

	"github.com/telhub/telhub/processing/queue"
)

// cmdPause keeps workers from fetching.
func (e *env) cmdPause(args []string) error { return e.hold(args, true) }

// cmdResume ends a pause.
func (e *env) cmdResume(args []string) error { return e.hold(args, false) }

func (e *env) hold(args []string, paused bool) error {
	rest, err := parse(e.flags(), args)
	if err != nil {
		return err
	}
	if len(rest) > 1 {
		return usagef("%s takes one queue", e.command.name)
	}
	name := queue.DefaultQueue
	if len(rest) == 1 {
		name = rest[0]
	}
	if err := queue.CheckQueue(name); err != nil {
		return usagef("%v", err)
	}
	q, _, err := e.open()
	if err != nil {
		return err
	}
	defer q.Close()
	if paused {
		err = q.Pause(e.ctx, name)
	} else {
		err = q.Resume(e.ctx, name)
	}
	switch {
	case err != nil:
		return err
	case e.json:
		return e.print(map[string]any{"queue": name, "paused": paused})
	case paused:
		e.say("%s is paused: what runs goes on, nothing more begins; ttp resume %s ends it", name, name)
	default:
		e.say("%s goes on", name)
	}
	return nil
}

// cmdLimit sets the rate of a queue.
func (e *env) cmdLimit(args []string) error {
	f := e.flags()
	burst := f.Int("burst", 0, "begin `N` at once after a lull; 0: a second's worth")
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) != 2 {
		return usagef("name a queue and a rate, as in ttp limit default 100")
	}
	rate, err := strconv.ParseFloat(rest[1], 64)
	if err != nil {
		return usagef("%q is not a rate: write tasks a second, as in 100 or 0.5; 0 ends the limit", rest[1])
	}
	q, _, err := e.open()
	if err != nil {
		return err
	}
	defer q.Close()
	err = q.Limit(e.ctx, rest[0], rate, *burst)
	switch {
	case errors.Is(err, queue.ErrInvalid):
		return usagef("%v", err)
	case err != nil:
		return err
	case e.json:
		return e.print(map[string]any{"queue": rest[0], "per_second": rate, "burst": *burst})
	case rate == 0:
		e.say("%s has no limit any more", rest[0])
	default:
		e.say("%s begins at most %g tasks a second, over all workers", rest[0], rate)
	}
	return nil
}

// cmdCancel stops tasks.
func (e *env) cmdCancel(args []string) error {
	rest, err := parse(e.flags(), args)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return usagef("name the IDs of tasks")
	}
	q, _, err := e.open()
	if err != nil {
		return err
	}
	defer q.Close()
	var all error
	for _, id := range rest {
		state, err := q.Cancel(e.ctx, id)
		switch {
		case err != nil:
			all = errors.Join(all, err)
		case e.json:
			all = errors.Join(all, e.print(map[string]any{"id": id, "state": state}))
		default:
			e.say("%s: %s", id, cancelText(state))
		}
	}
	return all
}

// cancelText says for people what a cancellation found.
func cancelText(s queue.CancelState) string {
	switch s {
	case queue.Removed:
		return "was delayed, and is a dead letter now"
	case queue.Ended:
		return "is over already"
	}
	return "whoever has it or fetches it in the next 24 h ends it"
}
