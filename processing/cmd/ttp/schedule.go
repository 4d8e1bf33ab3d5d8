package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/telhub/telhub/internal/brief"
	"github.com/telhub/telhub/processing/queue"
)

// cmdSchedule looks after recurring tasks.
func (e *env) cmdSchedule(args []string) error {
	f, task := e.flags(), &taskFlags{}
	var r queue.Recurring
	var every, grace, expires span
	f.StringVar(&r.Cron, "cron", "", "add: fire at `TIMES`: minute hour day month weekday, or @hourly, @daily …")
	f.Var(&every, "every", "add: fire each `SPAN`, as in 5m, in place of --cron")
	f.StringVar(&r.Zone, "zone", "", "add: time `ZONE` of --cron, as in Europe/Berlin; UTC without")
	misfire := f.String("misfire", string(queue.FireOne), "add: missed firings: none, one (the last) or all are made up for `POLICY`")
	f.Var(&grace, "grace", "add: how late a firing may be without being missed; 10s without `SPAN`")
	f.Var(&expires, "expires", "add: how long after its due a firing is worth running `SPAN`")
	task.define(f)
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		rest = []string{"list"}
	}
	switch verb := rest[0]; {
	case verb == "list" && len(rest) == 1:
		return e.scheduleList()
	case verb == "remove" && len(rest) == 2:
		return e.scheduleRemove(rest[1])
	case verb == "add" && (len(rest) == 3 || len(rest) == 4):
		r.Name, r.Misfire, r.Every, r.Grace, r.Expires = rest[1], queue.Misfire(*misfire), time.Duration(every), time.Duration(grace), time.Duration(expires)
		return e.scheduleAdd(r, task, rest[2:])
	case verb == "add" || verb == "remove" || verb == "list":
		return usagef("write schedule list, schedule add NAME TYPE [PAYLOAD] --every 5m, or schedule remove NAME")
	default:
		return usagef("unknown: schedule %s; there are list, add and remove", verb)
	}
}

func (e *env) scheduleAdd(r queue.Recurring, task *taskFlags, rest []string) error {
	if r.Cron == "" && r.Every == 0 {
		return usagef(`say when: --cron "*/5 * * * *" or --every 5m`)
	}
	t, err := task.settle()
	if err != nil {
		return err
	}
	t.Type = rest[0]
	if len(rest) == 2 {
		if t.Payload, err = e.payload(rest[1]); err != nil {
			return err
		}
	}
	r.Task = t
	q, _, err := e.open()
	if err != nil {
		return err
	}
	defer q.Close()
	if err := q.Schedule(e.ctx, r); err != nil {
		if errors.Is(err, queue.ErrInvalid) {
			return usagef("%v", err)
		}
		return err
	}
	if e.json {
		return e.print(map[string]string{"name": r.Name, "state": "scheduled"})
	}
	e.say("%s is scheduled; workers of any queue fire it", r.Name)
	return nil
}

func (e *env) scheduleRemove(name string) error {
	q, _, err := e.open()
	if err != nil {
		return err
	}
	defer q.Close()
	err = q.Unschedule(e.ctx, name)
	switch {
	case errors.Is(err, queue.ErrNotFound):
		return fmt.Errorf("no recurring task is called %q; ttp schedule list shows them", name)
	case err != nil:
		return err
	case e.json:
		return e.print(map[string]string{"name": name, "state": "removed"})
	}
	e.say("%s is removed; firings that wait already stay", name)
	return nil
}

// recurringLine is a recurring task as JSON.
type recurringLine struct {
	Name    string          `json:"name"`
	Cron    string          `json:"cron,omitempty"`
	Every   string          `json:"every,omitempty"`
	Zone    string          `json:"zone,omitempty"`
	Misfire string          `json:"misfire"`
	Type    string          `json:"type"`
	Queue   string          `json:"queue"`
	Class   string          `json:"class"`
	Payload json.RawMessage `json:"payload,omitempty"` // where it is JSON
	Last    time.Time       `json:"last,omitzero"`
	Next    time.Time       `json:"next,omitzero"`
}

func (e *env) scheduleList() error {
	q, _, err := e.open()
	if err != nil {
		return err
	}
	defer q.Close()
	list, err := q.Recurring(e.ctx)
	if err != nil {
		return err
	}
	if !e.json && len(list) == 0 {
		e.say("no recurring tasks")
		return nil
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	if !e.json {
		fmt.Fprintln(w, "NAME\tWHEN\tTYPE\tQUEUE\tCLASS\tLAST\tNEXT")
	}
	for _, r := range list {
		line := recurringLine{
			Name: r.Name, Cron: r.Cron, Zone: r.Zone, Misfire: string(r.Misfire), Type: r.Task.Type, Queue: r.Task.Queue,
			Class: r.Task.Class.String(), Last: r.Last, Next: r.Next,
		}
		if r.Every > 0 {
			line.Every = brief.Duration(r.Every)
		}
		if line.Queue == "" {
			line.Queue = queue.DefaultQueue
		}
		if line.Misfire == "" {
			line.Misfire = string(queue.FireOne)
		}
		if json.Valid(r.Task.Payload) {
			line.Payload = r.Task.Payload
		}
		if e.json {
			if err := e.print(line); err != nil {
				return err
			}
			continue
		}
		when := line.Cron
		if when == "" {
			when = "every " + line.Every
		}
		if line.Zone != "" {
			when += " " + line.Zone
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", line.Name, when, line.Type, line.Queue, line.Class, dateOr(r.Last, "never"), dateOr(r.Next, "-"))
	}
	return w.Flush()
}

// dateOr writes a time for people, in their zone.
func dateOr(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.Local().Format(time.DateTime)
}
