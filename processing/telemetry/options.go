package telemetry

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/frame"
)

// Options configure a Consumer. Client, Stream, Group and Sink are required; a
// zero value of the others stands for their default.
type Options struct {
	// Client belongs to the caller, who closes it after Run. It must not try
	// again by itself (MaxRetries -1) and needs a connection for each shard and
	// one for each worker.
	Client redis.UniversalClient
	Stream string // first part of the keys: the agents' redis.stream
	Shards int    // as the agents' redis.shards; 1
	Only   []int  // shards that are read here; all

	Group string       // the purpose: "storage", "alarms"
	Name  string       // of this consumer, another in each process; a generated one
	Lanes []frame.Lane // all

	Sink    Sink
	Workers int // batches under way at once; 4. Of two or more, one takes alarms only
	Batch   int // most frames of one Store, 1 to 10,000; 500
	// Flush is how long a frame may wait for others to share a Store with;
	// 100 ms. Alarms do not wait.
	Flush      time.Duration
	Queue      int           // most entries that wait, of each lane; twice Batch
	QueueBytes int           // most bytes that wait, about; 64 MiB
	Lease      time.Duration // after which a consumer that does not stir loses what it holds; 30 s
	Grace      time.Duration // how long Run goes on storing after its context has ended; 10 s
	RetryMax   time.Duration // longest wait before a batch is tried again; 10 s

	Log *slog.Logger // none
}

const (
	maxBatch = 10000
	block    = time.Second // XREADGROUP waits that long: bounded, so that upkeep comes round
)

// settle checks o and fills in its defaults.
func (o *Options) settle() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("telemetry: "+format, args...)) }
	if o.Client == nil {
		bad("Options.Client is missing")
	}
	if o.Sink == nil {
		bad("Options.Sink is missing")
	}
	if o.Stream == "" || strings.ContainsAny(o.Stream, "{}") {
		bad("Options.Stream is %q: give the agents' redis.stream, without braces", o.Stream)
	}
	if o.Group == "" {
		bad("Options.Group is empty: name the purpose, as in %q", "storage")
	}
	whole := func(name string, v *int, def, most int) {
		if *v == 0 {
			*v = def
		}
		if *v < 1 || *v > most {
			bad("Options.%s is %d, not 1 to %d", name, *v, most)
		}
	}
	whole("Shards", &o.Shards, 1, 16384)
	whole("Workers", &o.Workers, 4, 1024)
	whole("Batch", &o.Batch, 500, maxBatch)
	whole("Queue", &o.Queue, 2*o.Batch, 1<<20)
	whole("QueueBytes", &o.QueueBytes, 64<<20, math.MaxInt)
	span := func(name string, v *time.Duration, def, least time.Duration) {
		if *v == 0 {
			*v = def
		}
		if *v < least {
			bad("Options.%s is %v, less than %v", name, *v, least)
		}
	}
	span("Flush", &o.Flush, 100*time.Millisecond, time.Microsecond)
	span("Lease", &o.Lease, 30*time.Second, 100*time.Millisecond)
	span("Grace", &o.Grace, 10*time.Second, time.Millisecond)
	span("RetryMax", &o.RetryMax, 10*time.Second, time.Millisecond)
	errs = append(errs, o.settleLists()...)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return errors.Join(errs...)
}

func (o *Options) settleLists() (errs []error) {
	if len(o.Only) == 0 {
		for i := range o.Shards {
			o.Only = append(o.Only, i)
		}
	}
	for _, s := range o.Only {
		if s < 0 || s >= o.Shards {
			errs = append(errs, fmt.Errorf("telemetry: Options.Only names shard %d of %d", s, o.Shards))
		}
	}
	if len(o.Lanes) == 0 {
		o.Lanes = []frame.Lane{frame.Alarm, frame.Live, frame.Backfill}
	}
	o.Lanes = slices.Compact(slices.Sorted(slices.Values(o.Lanes)))
	if last := o.Lanes[len(o.Lanes)-1]; last >= frame.Lanes {
		errs = append(errs, fmt.Errorf("telemetry: Options.Lanes names %v", last))
	}
	if o.Name == "" {
		host, _ := os.Hostname()
		o.Name = host + "-" + ulid.Make().String()
	}
	return errs
}
