package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/processing/config"
	"github.com/telhub/telhub/processing/postgres"
	"github.com/telhub/telhub/processing/queue"
	consumer "github.com/telhub/telhub/processing/telemetry"
)

// telemetryFlags are the options of ttp telemetry.
type telemetryFlags struct {
	audit   postgres.AuditOptions
	streams bool
	limit   int
}

// archive is the database and the streams, for a command that ends soon.
type archive struct {
	cfg   *config.Config
	db    *pgxpool.Pool
	redis redis.UniversalClient
}

// cmdTelemetry looks after what came from telhub's streams.
func (e *env) cmdTelemetry(args []string) error {
	f, o := e.flags(), &telemetryFlags{}
	f.StringVar(&o.audit.Device, "device", "", "audit: only `NAME`")
	f.BoolVar(&o.audit.Rows, "rows", false, "audit: count the rows themselves, which reads all of them")
	f.BoolVar(&o.audit.Whole, "whole", false, "audit: nothing was trimmed before it was read, so that a missing beginning is unexplained, too")
	f.BoolVar(&o.streams, "streams", false, "audit: compare with what the streams hold now")
	f.IntVar(&o.limit, "limit", 50, "dead: at most `N`")
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return usagef("telemetry needs a word: audit, dead or replay")
	}
	verb, ids := rest[0], rest[1:]
	switch {
	case verb == "audit" && len(ids) == 0:
		return e.withArchive(func(a *archive) error { return e.telemetryAudit(a, o) })
	case verb == "dead" && len(ids) == 0:
		return e.withArchive(func(a *archive) error { return e.telemetryDead(a, o.limit) })
	case verb == "replay":
		return e.withArchive(func(a *archive) error { return e.telemetryReplay(a, ids) })
	case verb == "audit" || verb == "dead":
		return usagef("telemetry %s takes no argument %q", verb, ids[0])
	}
	return usagef("unknown: telemetry %s; there are audit, dead and replay [ID]…", verb)
}

func (e *env) withArchive(f func(*archive) error) error {
	cfg, err := e.load()
	if err != nil {
		return err
	}
	if cfg.Telemetry.Stream == "" {
		return usagef("telemetry.stream is not set: this ttp reads no telemetry")
	}
	o, err := queueOptions(cfg)
	if err != nil {
		return err
	}
	a := &archive{cfg: cfg}
	if a.redis, err = queue.Dial(o); err != nil {
		return err
	}
	defer a.redis.Close()
	if a.db, err = openPostgres(e.ctx, cfg); err != nil {
		return err
	}
	defer a.db.Close()
	return f(a)
}

// telemetryAudit prints the balance of the database. What is unexplained makes
// it fail.
func (e *env) telemetryAudit(a *archive, o *telemetryFlags) error {
	r, err := postgres.Audit(e.ctx, a.db, o.audit)
	if err != nil {
		return err
	}
	var diff []postgres.Difference
	if o.streams {
		streams, err := postgres.AuditStreams(e.ctx, a.redis, a.cfg.Telemetry.Stream, a.cfg.Telemetry.Shards)
		if err != nil {
			return err
		}
		diff = r.Compare(streams)
		if o.audit.Device != "" {
			diff = slices.DeleteFunc(diff, func(d postgres.Difference) bool { return d.Device != o.audit.Device })
		}
	}
	if e.json {
		err = e.print(struct {
			*postgres.Report
			Differences []postgres.Difference `json:"differences,omitempty"`
		}{r, diff})
	} else {
		err = e.sayBalance(r, diff)
	}
	if n := r.Unexplained + len(diff); err == nil && n > 0 {
		return fmt.Errorf("UNEXPLAINED %d", n)
	}
	return err
}

func (e *env) sayBalance(r *postgres.Report, diff []postgres.Difference) error {
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "device\tlane\tepochs\tframes\tfirst\tlast\tacquired\t= rows\t+ declared lost\tnumber unknown\tunexplained\t")
	for i := range r.Lanes {
		l := &r.Lanes[i]
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t\n", printable(l.Device), printable(l.Lane), l.Epochs, l.Frames, l.First, l.Last,
			l.Acquired, l.Samples, l.Lost, l.Unknown, len(l.Findings)+l.More)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i := range r.Lanes {
		l := &r.Lanes[i]
		for _, f := range l.Findings {
			e.say("%s", printable(fmt.Sprintf("%s %s/%s/%s to %s: %s", f.Kind, l.Device, l.Lane, f.ID, f.Until, f.Text)))
		}
		if l.More > 0 {
			e.say("and %d more of %s/%s", l.More, printable(l.Device), printable(l.Lane))
		}
	}
	for _, d := range diff {
		e.say("%s", printable(fmt.Sprintf("streams %s/%s: %s", d.Device, d.Lane, d.Text)))
	}
	if r.Balanced && len(diff) == 0 {
		e.say("balanced, nothing is unexplained")
	}
	return nil
}

// letters calls f for each dead letter of the streams, or for those of ids.
func (a *archive) letters(ctx context.Context, ids []string, f func(shard int, l consumer.Letter) error) error {
	for shard := range a.cfg.Telemetry.Shards {
		after := ""
		for {
			page, err := consumer.DeadLetters(ctx, a.redis, a.cfg.Telemetry.Stream, shard, after, 100)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			for _, l := range page {
				after = l.ID
				if len(ids) > 0 && !slices.Contains(ids, l.ID) {
					continue
				}
				if err := f(shard, l); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// errEnough ends a listing.
var errEnough = errors.New("enough")

// telemetryDead lists stream entries that could not be stored.
func (e *env) telemetryDead(a *archive, limit int) error {
	n := 0
	err := a.letters(e.ctx, nil, func(_ int, l consumer.Letter) error {
		if n++; n > limit {
			return errEnough
		}
		if e.json {
			return e.print(l)
		}
		e.say("%s", printable(fmt.Sprintf("%s  %s %s  group %s: %s", l.ID, l.Stream, l.Entry, l.Group, l.Why)))
		return nil
	})
	switch {
	case errors.Is(err, errEnough):
		if !e.json {
			e.say("and more: --limit %d shows them", 10*limit)
		}
		return nil
	case err == nil && n == 0 && !e.json:
		e.say("no dead letters")
	}
	return err
}

// telemetryReplay stores them, if that can be done now.
func (e *env) telemetryReplay(a *archive, ids []string) error {
	sinks := map[string]consumer.Sink{
		groupStorage: postgres.NewStorage(a.db, postgres.StorageOptions{}), groupAlarms: postgres.NewAlarms(a.db, 0, nil),
	}
	stored, failed := 0, 0
	err := a.letters(e.ctx, ids, func(shard int, l consumer.Letter) error {
		sink := sinks[l.Group]
		if sink == nil {
			failed++
			fmt.Fprintf(e.stderr, "ttp: dead letter %s is of group %q, which is not ttp's\n", l.ID, l.Group)
			return nil
		}
		if err := consumer.Replay(e.ctx, a.redis, a.cfg.Telemetry.Stream, shard, l, sink); err != nil {
			failed++
			fmt.Fprintln(e.stderr, "ttp:", err)
			return e.ctx.Err()
		}
		stored++
		return nil
	})
	if err != nil {
		return err
	}
	if e.json {
		err = e.print(map[string]int{"stored": stored, "failed": failed})
	} else {
		e.say("%d stored, %d left", stored, failed)
	}
	if err == nil && failed > 0 {
		return fmt.Errorf("%d dead letters cannot be stored", failed)
	}
	return err
}
