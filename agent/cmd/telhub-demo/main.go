// Command telhub-demo shows telhub without hardware and without a server: a
// simulated board, through the same code as a real one, and an in-process
// server that speaks Redis' protocol. With REDIS_URL set, frames go there
// instead. The variables TELEMETRY_ of telhub go before the demo's own
// configuration, so that in a container it can be a board of any name with the
// password in a file.
//
//	o + Enter   starts or ends an outage
//	Ctrl-C      ends the demo with a summary
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/board"
	"github.com/telhub/telhub/internal/health"
)

// Set by the linker, as in telhub.
var (
	version = "dev"
	built   = "0"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "telhub-demo:", err)
		os.Exit(1)
	}
}

// options are the command line's.
type options struct {
	listen   string
	dir      string
	outage   time.Duration
	outageAt time.Duration
	config   bool
	health   bool
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("telhub-demo", flag.ContinueOnError)
	f.StringVar(&o.listen, "listen", "127.0.0.1:9155", "`ADDRESS` of the page")
	f.StringVar(&o.dir, "dir", "", "keep the spool in `DIR` instead of a temporary directory")
	f.DurationVar(&o.outage, "outage", 0, "play an outage of this length")
	f.DurationVar(&o.outageAt, "outage-after", 10*time.Second, "when the outage begins")
	f.BoolVar(&o.config, "print-config", false, "print the demo's configuration and end")
	f.BoolVar(&o.health, "health", false, "ask the demo that runs at -listen whether it lives, and end")
	return o, f.Parse(args)
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.health {
		// The variable goes before -listen, as it does for the demo that is asked.
		where := cmp.Or(os.Getenv("TELEMETRY_HTTP_LISTEN"), o.listen)
		return health.Ask(ctx, health.Question{Where: where, Program: "telhub-demo", Live: true, Timeout: 3 * time.Second}, stdout)
	}
	dir, err := os.MkdirTemp("", "telhub-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b, err := newBoard(dir)
	if err != nil {
		return err
	}
	defer b.close()
	srv, err := newServer(cmp.Or(os.Getenv("TELEMETRY_REDIS_URL"), os.Getenv("REDIS_URL")))
	if err != nil {
		return err
	}
	defer srv.close()
	if o.dir == "" {
		o.dir = filepath.Join(dir, "spool")
	}
	text := b.config(srv.url, o.dir, o.listen)
	if o.config {
		_, err := io.WriteString(stdout, text)
		return err
	}
	cfg, err := config.Parse("demo", []byte(text), os.Environ())
	if err != nil {
		return err
	}
	return play(ctx, o, cfg, b, srv, stdin, stdout, stderr)
}

// play runs board and agent until ctx ends.
func play(ctx context.Context, o options, cfg *config.Config, b *simBoard, srv *server, stdin io.Reader, stdout, stderr io.Writer) error {
	seconds, _ := strconv.ParseInt(built, 10, 64)
	a, err := agent.New(cfg, agent.Options{
		Version: version, Built: time.Unix(seconds, 0),
		Board: &board.Board{Name: "simulated board", Known: true}, Openers: b.openers(), Log: agent.NewLog(cfg.Log, stderr),
	})
	if err != nil {
		return err
	}
	boardCtx, stopBoard := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { b.run(boardCtx) })
	wg.Go(func() { srv.script(ctx, o, stdout) })
	go srv.keys(stdin, stdout) // ends with the process: nothing interrupts a read of a terminal

	intro(stdout, a.URL(), srv)
	err = a.Run(ctx)
	stopBoard()
	wg.Wait()
	fmt.Fprintf(stdout, "\n%s\n", a.Summary())
	return err
}

func intro(w io.Writer, page string, srv *server) {
	fmt.Fprintf(w, "\ntelhub demo: a simulated board with four I2C chips, a GNSS receiver and a serial device\n")
	fmt.Fprintf(w, "  page     %s\n", page)
	fmt.Fprintf(w, "  stream   %s\n", srv.describe())
	if srv.own() {
		fmt.Fprintf(w, "  press    o + Enter for an outage of the server, again to end it\n")
	}
	fmt.Fprintf(w, "           Ctrl-C to end\n\n")
}

// keys plays outages on request until stdin ends.
func (s *server) keys(stdin io.Reader, stdout io.Writer) {
	in := bufio.NewScanner(stdin)
	for in.Scan() {
		if strings.TrimSpace(in.Text()) == "o" && s.own() {
			s.toggle(stdout)
		}
	}
}
