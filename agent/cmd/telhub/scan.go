package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/scan"
)

// cmdScan looks for sensors and prints a configuration of them.
func (e *env) cmdScan(args []string) error {
	f := e.flags("scan")
	f.BoolVar(&e.json, "json", false, "print JSON, the configuration in it")
	var o scan.Options
	f.StringVar(&o.Root, "root", "/", "look below `DIR` instead of /")
	buses := f.String("bus", "", "probe only these I2C buses, `PATH`,PATH or all; without it those that sensors can be connected to")
	f.BoolVar(&o.ReadOnly, "read-only", false, "write nothing on I2C buses, not even the number of a register: chips are found, not identified")
	f.BoolVar(&o.Listen, "listen", false, "open the free serial ports, which resets many a device, and listen: up to 40 s a port")
	f.StringVar(&o.Modbus, "modbus", "", "ask for Modbus devices on `PORT` or HOST:PORT, minutes if nobody answers")
	modes := f.String("mode", "", "with --modbus: `MODES` to try, as in \"9600 8N1,19200 8E1\"")
	units := f.String("units", "", "with --modbus: the numbers to ask, `FIRST-LAST` (default 1-247)")
	f.DurationVar(&o.Timeout, "timeout", 200*time.Millisecond, "with --modbus: how long a device has for an answer")
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return usagef("scan takes no argument %q; --modbus %s asks on a line", rest[0], rest[0])
	}
	if err := scanLists(&o, *buses, *modes, *units); err != nil {
		return err
	}
	o.Config, o.Progress = e.known(), e.stderrLines()
	r, err := scan.Run(e.ctx, o)
	if err != nil {
		return usagef("%v", err)
	}
	return e.printScan(r)
}

// scanLists takes the options that are lists.
func scanLists(o *scan.Options, buses, modes, units string) (err error) {
	if o.Modbus == "" && (modes != "" || units != "") {
		return usagef("scan: --mode and --units belong to --modbus PORT")
	}
	if buses != "" {
		o.Buses = strings.Split(buses, ",")
	}
	if modes != "" {
		for m := range strings.SplitSeq(modes, ",") {
			o.Modes = append(o.Modes, strings.TrimSpace(m))
		}
	}
	if units == "" {
		return nil
	}
	first, last, isRange := strings.Cut(units, "-")
	if !isRange {
		last = first
	}
	for i, s := range []string{first, last} {
		n, err := strconv.ParseUint(s, 10, 8)
		if err != nil || n == 0 {
			return usagef("scan: --units %s: want numbers from 1 to 247, as in 1-32", units)
		}
		o.Units[i] = uint8(n)
	}
	return nil
}

// known is the configuration, if there is one: scanning comes before it is written.
func (e *env) known() *config.Config {
	file, err := os.Open(e.config)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintf(e.stderr, "telhub: its profiles are not tried: %v\n", err)
		}
		return nil
	}
	_ = file.Close()
	cfg, err := e.load()
	if err != nil {
		fmt.Fprintf(e.stderr, "telhub: %s has mistakes, so its profiles are not tried; telhub check tells them\n", e.config)
		return nil
	}
	return cfg
}

// stderrLines says what goes on, as all lines on stderr begin.
func (e *env) stderrLines() io.Writer { return prefixed{e.stderr} }

// prefixed puts the program's name before each line; each Write is one.
type prefixed struct{ w io.Writer }

func (p prefixed) Write(b []byte) (int, error) {
	if _, err := fmt.Fprintf(p.w, "telhub: %s", b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// printScan prints the configuration on stdout, and what could not be looked
// at on stderr.
func (e *env) printScan(r *scan.Report) error {
	if e.json {
		enc := json.NewEncoder(e.stdout)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(r); err != nil {
			return err
		}
	} else if _, err := io.WriteString(e.stdout, r.TOML); err != nil {
		return err
	}
	for i := range r.Problems {
		fmt.Fprintln(e.stderr, "telhub:", r.Problems[i].String())
	}
	if n := r.Failures(); n > 0 {
		return fmt.Errorf("not everything could be looked at: %d; %d devices were found", n, r.Found())
	}
	return nil
}
