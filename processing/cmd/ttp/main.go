// Command ttp runs, feeds and looks after the TelemetryTaskProcessor; see
// processing/README.md. Each subcommand has a file of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/telhub/telhub/internal/spell"
	"github.com/telhub/telhub/processing/config"
)

// Set by the linker: the version, and the commit's date in Unix seconds.
var (
	version = "dev"
	built   = "0"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // wrong usage or configuration
)

// defaultConfig is where packages put the configuration. It need not be there.
const defaultConfig = "/etc/ttp.toml"

// command is a subcommand.
type command struct {
	name, args, about string
	run               func(e *env, args []string) error
}

func commands() []command {
	return []command{
		{"run", "", "work on tasks until SIGTERM", (*env).cmdRun},
		{"enqueue", "TYPE [PAYLOAD]", "hand in one task, or many from a file", (*env).cmdEnqueue},
		{"stats", "", "what waits, runs and failed, once", (*env).cmdStats},
		{"top", "", "the same, again and again", (*env).cmdTop},
		{"inspect", "ID", "what became of a task", (*env).cmdInspect},
		{"dlq", "list|show ID|replay|purge", "look after dead letters", (*env).cmdDLQ},
		{"replay", "[ID]…", "run dead letters again", (*env).cmdReplay},
		{"schedule", "list|add NAME TYPE [PAYLOAD]|remove NAME", "look after recurring tasks", (*env).cmdSchedule},
		{"pause", "[QUEUE]", "keep workers from fetching from a queue", (*env).cmdPause},
		{"resume", "[QUEUE]", "end a pause", (*env).cmdResume},
		{"limit", "QUEUE RATE", "begin at most RATE tasks a second; 0 ends the limit", (*env).cmdLimit},
		{"cancel", "ID…", "stop tasks", (*env).cmdCancel},
		{"telemetry", "audit|dead|replay [ID]…", "look after what came from telhub's streams", (*env).cmdTelemetry},
		{"bench", "", "measure, beside the ceilings and asynq", (*env).cmdBench},
		{"check", "", "check the configuration and the servers that it names", (*env).cmdCheck},
		{"health", "", "ask the running ttp whether it is ready", (*env).cmdHealth},
		{"version", "", "print the version", (*env).cmdVersion},
	}
}

const usageText = `ttp is a task queue and worker pool on Redis Streams.

Usage: ttp COMMAND [--config FILE] …

  run                     work on tasks until SIGTERM
  enqueue TYPE [PAYLOAD]  hand in one task, or many from a file

  stats                   what waits, runs and failed, once
  top                     the same, again and again
  inspect ID              what became of a task
  dlq list|show|replay|purge
                          look after dead letters
  replay [ID]…            run dead letters again: short for dlq replay
  schedule list|add|remove
                          recurring tasks
  pause [QUEUE]           keep workers from fetching from a queue
  resume [QUEUE]          end a pause
  limit QUEUE RATE        begin at most RATE tasks a second; 0 ends the limit
  cancel ID…              stop tasks

  telemetry audit|dead|replay
                          what came from telhub's streams into the database
  bench                   measure, beside the ceilings and asynq
  check                   check the configuration and the servers that it names
  health                  ask the running ttp whether it is ready
  version                 print the version

The configuration is /etc/ttp.toml, if it is there, unless --config or TTP_CONFIG
names another; variables such as TTP_REDIS_URL go before it. ` + "`ttp check --example`" + `
prints one to begin with. ` + "`ttp COMMAND --help`" + ` tells a command's options; --json
makes any of them print JSON, one value a line.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
`

// env is what a subcommand runs in.
type env struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string
	command        *command
	config         string // --config; empty: none
	json           bool   // --json
}

// usageError is wrong usage of the command line; it ends with exit code 2.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// helpError: a command's options were asked for.
type helpError struct{ flags *flag.FlagSet }

func (e *helpError) Error() string { return "help for " + e.flags.Name() }

// exitCode ends with that code; what there is to say was said.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string) int {
	if len(args) == 0 {
		io.WriteString(stderr, usageText)
		return exitUsage
	}
	name := args[0]
	switch name {
	case "help", "-h", "--help":
		io.WriteString(stdout, usageText)
		return exitOK
	case "--version":
		name = "version"
	}
	e := &env{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr, environ: environ}
	list := commands()
	for i := range list {
		if list[i].name == name {
			e.command = &list[i]
			return e.exit(list[i].run(e, args[1:]))
		}
	}
	return e.exit(unknownCommand(name, list))
}

// unknownCommand says what may have been meant.
func unknownCommand(name string, list []command) error {
	if strings.HasPrefix(name, "-") {
		return usagef("options stand behind the command, as in ttp run %s", name)
	}
	var names []string
	for _, c := range list {
		names = append(names, c.name)
	}
	if near := spell.Nearest(name, names); near != "" {
		return usagef("unknown command %q; did you mean %s?", name, near)
	}
	return usagef("unknown command %q", name)
}

// exit prints an error with what to do about it and returns the exit code.
func (e *env) exit(err error) int {
	var usageErr *usageError
	var help *helpError
	var problems config.Problems
	var code exitCode
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &help):
		e.help(help.flags)
		return exitOK
	case errors.As(err, &problems):
		e.complain(problems)
		return exitUsage
	case errors.As(err, &usageErr):
		hint := "`ttp help` lists the commands"
		if e.command != nil {
			hint = fmt.Sprintf("`ttp %s --help` tells its options", e.command.name)
		}
		fmt.Fprintf(e.stderr, "ttp: %v\nttp: %s\n", err, hint)
		return exitUsage
	}
	e.complain(err)
	return exitFailed
}

// complain prints an error, of several lines each with the prefix.
func (e *env) complain(err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(e.stderr, "ttp: %s\n", strings.TrimSuffix(line, "\n"))
	}
}

// help prints a command's options, on stdout because it was asked for.
func (e *env) help(f *flag.FlagSet) {
	fmt.Fprintln(e.stdout, strings.TrimRight("Usage: ttp "+e.command.name+" [OPTIONS] "+e.command.args, " "))
	fmt.Fprintf(e.stdout, "\n%s\n\n", e.command.about)
	f.VisitAll(func(o *flag.Flag) {
		value, about := flag.UnquoteUsage(o)
		if o.DefValue != "" && o.DefValue != "false" && o.DefValue != "0" {
			about += " (default " + o.DefValue + ")"
		}
		fmt.Fprintf(e.stdout, "  --%-22s %s\n", strings.TrimRight(o.Name+" "+value, " "), about)
	})
}
