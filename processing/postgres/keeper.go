package postgres

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Keeper does what is to be done from time to time. Any number of them may run:
// each step is safe beside the others, and one that another does is left to it.
// A zero value stands for the default.
type Keeper struct {
	Pool *pgxpool.Pool

	Every    time.Duration // 10 s
	Settle   time.Duration // how long a boot's dates must not have changed until frames without get theirs; 30 s
	Keep     time.Duration // of samples and events; 0: for ever
	KeepSent time.Duration // of alarms that are in the queue; 7 days
	KeepOnce time.Duration // of the IDs of tasks; 30 days
	Log      *slog.Logger  // none
}

// Kept is what a round of a Keeper did.
type Kept struct {
	Dated   int64    // samples and events that got a date
	Dropped []string // partitions
	Sent    int64    // alarms forgotten
	Once    int64    // tasks forgotten
}

func (k *Keeper) settle() {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&k.Every, 10*time.Second)
	set(&k.Settle, 30*time.Second)
	set(&k.KeepSent, 7*day)
	set(&k.KeepOnce, 30*day)
	if k.Log == nil {
		k.Log = slog.New(slog.DiscardHandler)
	}
}

// Run keeps until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	k.settle()
	tick := time.NewTicker(k.Every)
	defer tick.Stop()
	sick := false
	for {
		did, err := k.Once(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !sick:
			k.Log.Warn("cannot keep the database in order; trying again", "error", err)
		case err == nil && sick:
			k.Log.Info("can keep the database in order again")
		}
		sick = err != nil
		if did.Dated > 0 || len(did.Dropped) > 0 {
			k.Log.Info("kept the database in order", "dated", did.Dated, "dropped", did.Dropped)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Once does one round.
func (k *Keeper) Once(ctx context.Context) (did Kept, err error) {
	k.settle()
	var errs [4]error
	did.Dated, errs[0] = Date(ctx, k.Pool, k.Settle)
	if k.Keep > 0 {
		did.Dropped, errs[1] = DropBefore(ctx, k.Pool, time.Now().Add(-k.Keep))
	}
	did.Sent, errs[2] = clean(ctx, k.Pool, "telhub.outbox", "sent < now() - $1::interval", k.KeepSent)
	did.Once, errs[3] = CleanOnce(ctx, k.Pool, k.KeepOnce)
	return did, errors.Join(errs[:]...)
}
