package doctor

import (
	"context"
	"time"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/board"
)

// Options say what to examine.
type Options struct {
	Config *config.Config // required
	File   string         // where it was read from
	Root   string         // where /sys, /proc, /dev, /etc and /run are; "" is "/"
	User   string         // who is to run the agent; "" is the unit's user, or this process
	Built  time.Time      // no earlier date can be true
	// Openers open I2C adapters; the zero value opens the kernel's.
	Openers agent.Openers
}

// exam is one pass. Its methods are the checks.
type exam struct {
	o      Options
	cfg    *config.Config
	tree   tree
	board  *board.Board
	who    identity
	unit   *unit  // nil without one
	agent  *local // nil when no agent answers or holds the store
	costs  *agent.Costs
	report *Report
	area   string // of the findings that are added now
}

// check is a part of the examination.
type check struct {
	area string
	run  func(*exam, context.Context)
}

// checks are in the order in which they are printed. A check may rely on what
// those before it found.
func checks() []check {
	return []check{
		{"configuration", (*exam).configuration},
		{"agent", (*exam).agentProcess},
		{"user", (*exam).user},
		{"i2c", (*exam).i2c},
		{"serial", (*exam).serial},
		{"tcp", (*exam).tcp},
		{"kernel", (*exam).kernelSensors},
		{"redis", (*exam).redis},
		{"store", (*exam).store},
		{"clock", (*exam).clock},
		{"system", (*exam).system},
	}
}

// Run examines everything. It ends early when ctx does.
func Run(ctx context.Context, o Options) *Report {
	if o.Root == "" {
		o.Root = "/"
	}
	x := &exam{o: o, cfg: o.Config, tree: tree(o.Root), report: &Report{Device: o.Config.Device, File: o.File}}
	var err error
	if x.board, err = board.Detect(o.Root); err != nil {
		x.board = &board.Board{}
	}
	x.unit = x.tree.unit()
	x.who = x.identify()
	for _, c := range checks() {
		x.area = c.area
		c.run(x, ctx)
		if ctx.Err() != nil {
			x.fail("examination", "was cut short: "+ctx.Err().Error(), "run it again")
			break
		}
	}
	return x.report
}

func (x *exam) ok(subject, seen string)         { x.add(subject, OK, seen, "") }
func (x *exam) warn(subject, seen, cure string) { x.add(subject, Warn, seen, cure) }
func (x *exam) fail(subject, seen, cure string) { x.add(subject, Fail, seen, cure) }

func (x *exam) add(subject string, v Verdict, seen, cure string) {
	x.report.Findings = append(x.report.Findings, Finding{Area: x.area, Subject: subject, Verdict: v, Seen: seen, Cure: cure})
}
