package bench

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options say what Run measures.
type Options struct {
	URL     string // an empty database; "": a redis-server of our own for each run
	Rounds  int
	Warmup  bool
	Quick   bool
	Tasks   int
	Workers int
	Pin     string // auto, share, off

	Payloads []int
	Handlers []time.Duration
	AOFs     []AOF
	Parts    []string
	Systems  []string

	Fractions    []float64     // of the maximum, for open loops
	Rate         float64       // of the open loop that the goals name
	For          time.Duration // of an open loop
	Backlog      int
	CriticalRate float64
	Masters      []int
	RTTs         []time.Duration
	Servers      int // asynq.Server processes of the tuned one

	JSON bool
	Plot string // directory
}

// The parts, in the order in which they run.
var (
	allParts   = []string{"ceilings", "flood", "split", "open", "far", "workers", "backlog", "late", "shards"}
	allSystems = []string{"ttp", "asynq", "asynq-tuned", "raw"}
)

// Defaults is the full protocol.
func Defaults() Options {
	return Options{
		Rounds: 5, Warmup: true, Tasks: 100_000, Workers: 64, Pin: "auto",
		Payloads: []int{200, 1024, 16384}, Handlers: []time.Duration{0, time.Millisecond, 10 * time.Millisecond},
		AOFs: []AOF{AOFOff, AOFEverySec, AOFAlways}, Parts: allParts, Systems: allSystems,
		Fractions: []float64{50, 80}, Rate: 10_000, For: 10 * time.Second,
		Backlog: 1_000_000, CriticalRate: 100, Masters: []int{1, 2, 4}, RTTs: []time.Duration{time.Millisecond, 20 * time.Millisecond}, Servers: 4,
	}
}

// Quick shortens everything to a few seconds: what it says of speed is worth little.
func (o *Options) quick() {
	o.Rounds, o.Warmup, o.Tasks, o.For, o.Backlog, o.Rate = 1, false, 5000, time.Second, 10_000, 2000
}

const usage = `Usage: ttp bench [flags]

Measures ttp beside asynq, a bare loop of Redis commands and redis-benchmark, each run on a redis-server of
its own, each run audited. Needs redis-server and redis-benchmark (Debian: apt-get install redis-server).

  --quick             a few seconds for everything; see that it works
  --rounds N          runs of each subject after one to warm up (5)
  --tasks N           tasks of a run (100000)
  --workers N         handlers at a time (64)
  --parts LIST        of ceilings,flood,split,open,far,workers,backlog,late,shards (all)
  --systems LIST      of ttp,asynq,asynq-tuned,raw (all)
  --payloads LIST     bytes (200,1024,16384); the first is what all other parts use
  --handlers LIST     how long a handler takes (0s,1ms,10ms)
  --aof LIST          of off,everysec,always (all)
  --open LIST         rates of open loops, % of a system's own maximum (50,80)
  --rate N            rate of one more open loop, tasks/s (10000)
  --for D             length of an open loop (10s)
  --backlog N         bulk tasks that critical ones overtake (1000000)
  --critical-rate N   critical tasks/s meanwhile (100)
  --rtt LIST          round trips of a network before Redis (1ms,20ms)
  --masters LIST      sizes of a Redis Cluster (1,2,4)
  --asynq-servers N   servers of the tuned asynq (4)
  --pin auto|share|off
                      auto: the last processor is Redis' alone where there are two or more
                      share: Redis stays there, the clients run on all
  --url URL           an empty database instead of servers of our own: no AOF cases, no shards
  --json              everything measured, as JSON
  --plot DIR          write plots, SVG
`

// Parse reads flags.
func Parse(args []string, help io.Writer) (Options, error) {
	o := Defaults()
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.BoolVar(&o.Quick, "quick", false, "")
	// Quick changes the defaults of what is not named.
	if slices.Contains(args, "--quick") || slices.Contains(args, "-quick") {
		o.quick()
	}
	f.IntVar(&o.Rounds, "rounds", o.Rounds, "")
	f.IntVar(&o.Tasks, "tasks", o.Tasks, "")
	f.IntVar(&o.Workers, "workers", o.Workers, "")
	f.Float64Var(&o.Rate, "rate", o.Rate, "")
	f.DurationVar(&o.For, "for", o.For, "")
	f.IntVar(&o.Backlog, "backlog", o.Backlog, "")
	f.Float64Var(&o.CriticalRate, "critical-rate", o.CriticalRate, "")
	f.IntVar(&o.Servers, "asynq-servers", o.Servers, "")
	f.StringVar(&o.Pin, "pin", o.Pin, "")
	f.StringVar(&o.URL, "url", "", "")
	f.BoolVar(&o.JSON, "json", false, "")
	f.StringVar(&o.Plot, "plot", "", "")
	list(f, "payloads", &o.Payloads, strconv.Atoi)
	list(f, "handlers", &o.Handlers, time.ParseDuration)
	list(f, "aof", &o.AOFs, func(s string) (AOF, error) {
		return AOF(s), oneOf(s, string(AOFOff), string(AOFEverySec), string(AOFAlways))
	})
	list(f, "parts", &o.Parts, func(s string) (string, error) { return s, oneOf(s, allParts...) })
	list(f, "systems", &o.Systems, func(s string) (string, error) { return s, oneOf(s, allSystems...) })
	list(f, "open", &o.Fractions, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	list(f, "rtt", &o.RTTs, time.ParseDuration)
	list(f, "masters", &o.Masters, strconv.Atoi)
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(help, usage)
		return o, err
	}
	if err != nil {
		return o, fmt.Errorf("bench: %w; `ttp bench --help` lists the flags", err)
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("bench: %q is no flag; `ttp bench --help` lists them", f.Arg(0))
	}
	return o, o.validate()
}

// list is a flag that takes values between commas.
func list[T any](f *flag.FlagSet, name string, to *[]T, parse func(string) (T, error)) {
	f.Func(name, "", func(text string) error {
		*to = nil
		for part := range strings.SplitSeq(text, ",") {
			v, err := parse(strings.TrimSpace(part))
			if err != nil {
				return err
			}
			*to = append(*to, v)
		}
		return nil
	})
}

func oneOf(s string, all ...string) error {
	if slices.Contains(all, s) {
		return nil
	}
	return fmt.Errorf("%q: choose from %s", s, strings.Join(all, ", "))
}

// validate names all that cannot be.
func (o *Options) validate() error {
	var errs []error
	wrong := func(bad bool, name string, got any, want string) {
		if bad {
			errs = append(errs, fmt.Errorf("bench: --%s %v: want %s", name, got, want))
		}
	}
	wrong(o.Rounds < 1 || o.Rounds > 100, "rounds", o.Rounds, "1 to 100")
	wrong(o.Tasks < 1 || o.Tasks > 1e8, "tasks", o.Tasks, "1 to 100000000")
	wrong(o.Workers < 1 || o.Workers > 10_000, "workers", o.Workers, "1 to 10000")
	wrong(!(o.Rate > 0 && o.Rate <= 1e6), "rate", o.Rate, "more than 0, at most 1000000")
	wrong(o.For <= 0 || o.For > time.Hour, "for", o.For, "more than 0s, at most 1h")
	wrong(o.Backlog < 0 || o.Backlog > 1e8, "backlog", o.Backlog, "0 to 100000000")
	wrong(!(o.CriticalRate > 0 && o.CriticalRate <= 1e6), "critical-rate", o.CriticalRate, "more than 0, at most 1000000")
	wrong(o.Servers < 1 || o.Servers > 64, "asynq-servers", o.Servers, "1 to 64")
	if err := oneOf(o.Pin, "auto", "share", "off"); err != nil {
		errs = append(errs, fmt.Errorf("bench: --pin %w", err))
	}
	for _, p := range o.Payloads {
		wrong(p < headBytes || p > 1<<20, "payloads", p, fmt.Sprintf("%d to %d bytes each", headBytes, 1<<20))
	}
	for _, h := range o.Handlers {
		wrong(h < 0 || h > time.Minute, "handlers", h, "0s to 1m each")
	}
	for _, x := range o.Fractions {
		wrong(!(x > 0 && x <= 100), "open", x, "more than 0, at most 100 each")
	}
	for _, d := range o.RTTs {
		wrong(d < 100*time.Microsecond || d > time.Second, "rtt", d, "100µs to 1s each")
	}
	for _, m := range o.Masters {
		wrong(m < 1 || m > 16, "masters", m, "1 to 16 each")
	}
	return errors.Join(errs...)
}

func (o *Options) has(part string) bool { return slices.Contains(o.Parts, part) }
