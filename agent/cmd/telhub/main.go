// Command telhub is the telemetry agent for ARM Linux boards; see README.md.
// Each subcommand has a file of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/telhub/telhub/agent/config"
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

// defaultConfig is where packages put the configuration.
const defaultConfig = "/etc/telhub.toml"

// command is a subcommand.
type command struct {
	name, args, about string
	run               func(e *env, args []string) error
}

func commands() []command {
	return []command{
		{"run", "", "run the agent", (*env).cmdRun},
		{"check", "", "check the configuration; print what it can cost", (*env).cmdCheck},
		{"doctor", "", "say what is wrong with devices, Redis, store and clock, and what to do", (*env).cmdDoctor},
		{"health", "", "ask the running agent whether it is ready", (*env).cmdHealth},
		{"scan", "", "look for sensors and print a configuration of them", (*env).cmdScan},
		{"read", "NAME", "take one reading of a sensor now", (*env).cmdRead},
		{"profiles", "[show NAME]", "list the chips and meters that are described; print one", (*env).cmdProfiles},
		{"tail", "", "show what arrives in Redis", (*env).cmdTail},
		{"audit", "[FILE]", "prove that the streams, or an export, lack nothing undeclared", (*env).cmdAudit},
		{"init", "[FILE]", "write a commented configuration", (*env).cmdInit},
		{"spool", "status|verify|repair|export", "look after the spool", (*env).cmdSpool},
		{"bench", "", "measure the way to Redis beside redis-benchmark", (*env).cmdBench},
		{"version", "", "print the version", (*env).cmdVersion},
	}
}

// env is what a subcommand runs in.
type env struct {
	ctx            context.Context
	stdout, stderr io.Writer
	environ        []string
	command        *command
	config         string // --config
	json           bool   // --json
}

// usageError is wrong usage of the command line; it ends with exit code 2.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// helpError: a command's options were asked for.
type helpError struct{ flags *flag.FlagSet }

func (e *helpError) Error() string { return "help for " + e.flags.Name() }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

func main() {
	smallPages(os.Args)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, os.Environ()))
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, environ []string) int {
	if len(args) == 0 {
		usage(stderr)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "--help":
		usage(stdout)
		return exitOK
	case "--version":
		args[0] = "version"
	}
	e := &env{ctx: ctx, stdout: stdout, stderr: stderr, environ: environ}
	list := commands()
	for i := range list {
		if list[i].name == args[0] {
			e.command = &list[i]
			return e.exit(list[i].run(e, args[1:]))
		}
	}
	return e.exit(unknownCommand(args[0], list))
}

// unknownCommand says what may have been meant.
func unknownCommand(name string, list []command) error {
	if strings.HasPrefix(name, "-") {
		return usagef("options stand behind the command, as in telhub check %s", name)
	}
	hint := ""
	for _, c := range list {
		if nearly(name, c.name) {
			hint = fmt.Sprintf("; did you mean %s?", c.name)
		}
	}
	return usagef("unknown command %q%s", name, hint)
}

// nearly reports whether one letter too many, too few or wrong, or two that
// have changed places, make a into b.
func nearly(a, b string) bool {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	a, b = a[n:], b[n:]
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

// exit prints an error with what to do about it and returns the exit code.
func (e *env) exit(err error) int {
	var usageErr *usageError
	var help *helpError
	var problems config.Problems
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &help):
		e.help(help.flags)
		return exitOK
	case errors.As(err, &problems):
		for _, p := range problems {
			fmt.Fprintln(e.stderr, "telhub:", p.Error())
		}
		return exitUsage
	case errors.As(err, &usageErr):
		hint := "`telhub help` lists the commands"
		if e.command != nil {
			hint = fmt.Sprintf("`telhub %s --help` tells its options", e.command.name)
		}
		fmt.Fprintf(e.stderr, "telhub: %v\ntelhub: %s\n", err, hint)
		return exitUsage
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(e.stderr, "telhub: %s\n", strings.TrimSuffix(line, "\n"))
	}
	return exitFailed
}

func usage(w io.Writer) {
	fmt.Fprint(w, "telhub reads sensors and forwards them to Redis, through outages.\n\nUsage: telhub COMMAND [--config FILE] …\n\n")
	for _, c := range commands() {
		name := c.name
		if c.args != "" {
			name += " " + c.args
		}
		fmt.Fprintf(w, "  %-36s %s\n", name, c.about)
	}
	fmt.Fprintf(w, "\nThe configuration is %s unless --config or TELHUB_CONFIG names another.\n`telhub COMMAND --help` tells a command's options.\n\nExit codes: 0 fine, 1 failed, 2 wrong usage or configuration.\n", defaultConfig)
}

// flags returns a flag set with the options that all commands share.
func (e *env) flags(name string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // errors are printed as all others are
	f.Usage = func() {}     // called for errors, too
	def := defaultConfig
	for _, v := range e.environ {
		if rest, ok := strings.CutPrefix(v, "TELHUB_CONFIG="); ok && rest != "" {
			def = rest
		}
	}
	f.StringVar(&e.config, "config", def, "configuration `FILE`")
	return f
}

// help prints a command's options, on stdout because it was asked for.
func (e *env) help(f *flag.FlagSet) {
	fmt.Fprintln(e.stdout, strings.TrimRight("Usage: telhub "+e.command.name+" [OPTIONS] "+e.command.args, " "))
	fmt.Fprintf(e.stdout, "\n%s\n\n", e.command.about)
	f.VisitAll(func(o *flag.Flag) {
		value, about := flag.UnquoteUsage(o)
		if o.DefValue != "" && o.DefValue != "false" {
			about += " (default " + o.DefValue + ")"
		}
		fmt.Fprintf(e.stdout, "  --%-18s %s\n", strings.TrimRight(o.Name+" "+value, " "), about)
	})
}

// parse parses a command's arguments; options may stand behind them.
func parse(f *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := f.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, &helpError{f}
			}
			// the flag package names options with one dash
			text := strings.Replace(err.Error(), ": -", ": --", 1)
			return nil, usagef("%s: %s", f.Name(), strings.Replace(text, "for flag -", "for --", 1))
		}
		if f.NArg() == 0 {
			return rest, nil
		}
		rest, args = append(rest, f.Arg(0)), f.Args()[1:]
	}
}

// load reads the configuration.
func (e *env) load() (*config.Config, error) { return config.Load(e.config, e.environ) }

// builtTime is the commit's date: no board's clock can be right before it.
func builtTime() time.Time {
	n, err := strconv.ParseInt(built, 10, 64)
	if err != nil {
		return time.Unix(0, 0)
	}
	return time.Unix(n, 0)
}
