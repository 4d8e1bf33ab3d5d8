package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"text/tabwriter"

	"github.com/telhub/telhub/processing/queue"
)

// dlqFlags are the filters of dead letters.
type dlqFlags struct {
	filter       queue.Filter
	reason       string
	since, until past
	limit        int
	cursor       string
	all          bool
}

func (o *dlqFlags) define(f *flag.FlagSet) {
	f.StringVar(&o.filter.Queue, "queue", "", "only of the queue `NAME`")
	f.StringVar(&o.filter.Type, "type", "", "only of the type `TYPE`")
	f.StringVar(&o.reason, "reason", "", "only of the `REASON` failed, fatal, expired, canceled, poison, unhandled or malformed")
	f.StringVar(&o.filter.Err, "error", "", "only with `TEXT` in the last error")
	f.Var(&o.since, "since", "only those that died at `TIME` or later, or within the last 1h")
	f.Var(&o.until, "until", "only those that died before `TIME`, or longer than 1h ago")
	f.BoolVar(&o.all, "all", false, "replay, purge: all of them, where no filter is given")
}

// set reports whether anything is filtered.
func (o *dlqFlags) set() bool { return o.filter != queue.Filter{} }

func (o *dlqFlags) settle() {
	o.filter.Reason, o.filter.Since, o.filter.Until = queue.Reason(o.reason), o.since.Time, o.until.Time
}

// cmdDLQ looks after dead letters.
func (e *env) cmdDLQ(args []string) error {
	f, o := e.flags(), &dlqFlags{}
	o.define(f)
	f.IntVar(&o.limit, "limit", 50, "list: at most `N`")
	f.StringVar(&o.cursor, "cursor", "", "list: go on from `CURSOR`, which the page before has told")
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	o.settle()
	if len(rest) == 0 {
		rest = []string{"list"}
	}
	verb, ids := rest[0], rest[1:]
	switch {
	case verb == "list" && len(ids) == 0:
		return e.withQueue(func(q *queue.Queue) error { return e.dlqList(q, o) })
	case verb == "show" && len(ids) == 1:
		return e.withQueue(func(q *queue.Queue) error { return e.dlqShow(q, ids[0]) })
	case verb == "replay":
		return e.dlqEach(o, ids, "replayed", (*queue.Queue).Replay)
	case verb == "purge":
		return e.dlqEach(o, ids, "purged", (*queue.Queue).Purge)
	case verb == "list" || verb == "show":
		return usagef("write dlq list [filters], or dlq show ID")
	}
	return usagef("unknown: dlq %s; there are list, show ID, replay [ID]… and purge [ID]…", verb)
}

// cmdReplay is dlq replay.
func (e *env) cmdReplay(args []string) error {
	f, o := e.flags(), &dlqFlags{}
	o.define(f)
	ids, err := parse(f, args)
	if err != nil {
		return err
	}
	o.settle()
	return e.dlqEach(o, ids, "replayed", (*queue.Queue).Replay)
}

// withQueue opens the queue for the length of do.
func (e *env) withQueue(do func(q *queue.Queue) error) error {
	q, _, err := e.open()
	if err != nil {
		return err
	}
	defer q.Close()
	if err = do(q); errors.Is(err, queue.ErrInvalid) {
		return usagef("%v", err)
	}
	return err
}

func (e *env) dlqList(q *queue.Queue, o *dlqFlags) error {
	list, next, err := q.DeadLetters(e.ctx, o.filter, queue.Page{Limit: o.limit, Cursor: o.cursor})
	if err != nil {
		return err
	}
	if e.json {
		for i := range list {
			if err := e.print(deadInfo(&list[i])); err != nil {
				return err
			}
		}
	} else if err := e.deadTable(list); err != nil {
		return err
	}
	if next.Cursor != "" {
		fmt.Fprintf(e.stderr, "ttp: there are more: --cursor %s\n", next.Cursor)
	}
	return nil
}

const mostError = 60 // of an error in a table

func (e *env) deadTable(list []queue.DeadLetter) error {
	if len(list) == 0 {
		e.say("no dead letters")
		return nil
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tDIED\tQUEUE\tTYPE\tREASON\tATTEMPTS\tERROR")
	for i := range list {
		d := &list[i]
		text := []rune(printable(d.Err))
		if len(text) > mostError {
			text = append(text[:mostError], '…')
		}
		id := d.ID
		if id == "" {
			id = "-" // no task: its fields tell
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", printable(id), dateOr(d.Died, "-"), d.Queue, printable(d.Type), printable(string(d.Reason)), d.Attempt, string(text))
	}
	return w.Flush()
}

func (e *env) dlqShow(q *queue.Queue, id string) error {
	list, _, err := q.DeadLetters(e.ctx, queue.Filter{ID: id}, queue.Page{Limit: 1})
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fmt.Errorf("no dead letter has the ID %q; ttp inspect tells whether the task is elsewhere", id)
	}
	return e.tell(deadInfo(&list[0]))
}

// dlqEach replays or purges those of the IDs, or all that the filter selects.
func (e *env) dlqEach(o *dlqFlags, ids []string, what string, do func(*queue.Queue, context.Context, queue.Filter) (int, error)) error {
	switch {
	case len(ids) == 0 && !o.set() && !o.all:
		return usagef("say which: IDs, a filter such as --reason failed or --type invoice, or --all")
	case len(ids) > 0 && o.all:
		return usagef("--all stands beside IDs; keep one of them")
	}
	filters := []queue.Filter{o.filter}
	if len(ids) > 0 {
		filters = nil
		for _, id := range ids {
			one := o.filter
			one.ID = id
			filters = append(filters, one)
		}
	}
	return e.withQueue(func(q *queue.Queue) error {
		total := 0
		var errs []error
		for _, f := range filters {
			n, err := do(q, e.ctx, f)
			total += n
			if err == nil && n == 0 && f.ID != "" {
				err = fmt.Errorf("no dead letter has the ID %q", f.ID)
			}
			if errors.Is(err, queue.ErrHeld) {
				err = fmt.Errorf("%w; try again when it has ended", err)
			}
			errs = append(errs, err)
		}
		if e.json {
			errs = append(errs, e.print(map[string]int{what: total}))
		} else {
			e.say("%d dead letters %s", total, what)
		}
		return errors.Join(errs...)
	})
}
