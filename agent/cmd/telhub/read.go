package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/drivers"
)

// cmdRead takes one reading of a sensor, with the agent stopped or beside it.
func (e *env) cmdRead(args []string) error {
	f := e.flags("read")
	f.BoolVar(&e.json, "json", false, "print JSON")
	raw := f.Bool("raw", false, "show the bytes, and every step of the arithmetic")
	wait := f.Duration("wait", 10*time.Second, "how long to wait for a device that speaks by itself")
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	cfg, err := e.load()
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return usagef("read needs the NAME of one sensor; %s", sensorNames(cfg))
	}
	var values []agent.ReadValue
	var trace *agent.Trace
	if *raw {
		values, trace, err = agent.ReadTraced(e.ctx, cfg, rest[0], *wait, agent.Openers{})
	} else {
		values, err = agent.Read(e.ctx, cfg, rest[0], *wait, agent.Openers{})
	}
	if trace != nil && err != nil {
		if err := e.printTrace(rest[0], nil, trace); err != nil {
			return err
		}
	}
	switch {
	case errors.Is(err, agent.ErrNoSensor):
		return usagef("no sensor %q; %s", rest[0], sensorNames(cfg))
	case errors.Is(err, drivers.ErrBusy):
		return fmt.Errorf("%w; if the agent runs, its /api/sensors shows the latest values", err)
	case err != nil:
		return err
	}
	if trace != nil {
		return e.printTrace(rest[0], values, trace)
	}
	return e.printReading(rest[0], values)
}

// sensorNames lists what can be read.
func sensorNames(cfg *config.Config) string {
	if len(cfg.Sensors) == 0 {
		return "the configuration has no sensors yet: each is a [[sensor]]"
	}
	names := make([]string, len(cfg.Sensors))
	for i := range cfg.Sensors {
		names[i] = cfg.Sensors[i].Name
	}
	return "there are: " + strings.Join(names, ", ")
}

// readValue is a value as JSON has it.
type readValue struct {
	Name   string   `json:"n"`
	Unit   string   `json:"u,omitempty"`
	Value  *float64 `json:"v"`
	Raw    *float64 `json:"raw,omitempty"`
	Status string   `json:"status"`

	Steps []string `json:"steps,omitempty"` // of --raw
}

// printReading prints a line for each output: its value as the configuration's
// steps leave it and, where there are any, the raw one.
func (e *env) printReading(name string, values []agent.ReadValue) error {
	list := []readValue{}
	for i := range values {
		v := &values[i]
		x := readValue{Name: name + "/" + v.Output, Unit: v.Unit, Status: v.Status}
		text := fmt.Sprintf("%-32s %s", x.Name, v.Status)
		if v.Status == agent.ReadOK {
			x.Value = &v.Value
			text = strings.TrimRight(fmt.Sprintf("%-32s %s %s", x.Name, number(v.Value, v.Resolution), v.Unit), " ")
		}
		if v.Stepped {
			x.Raw = &v.Raw
			text += "  (raw " + number(v.Raw, v.RawResolution)
			if v.RawUnit != v.Unit {
				text += " " + v.RawUnit
			}
			text += ")"
		}
		list = append(list, x)
		if !e.json {
			fmt.Fprintln(e.stdout, text)
		}
	}
	if e.json {
		return json.NewEncoder(e.stdout).Encode(list)
	}
	return nil
}

// number prints a value with the decimals that its sensor resolves.
func number(v, resolution float64) string {
	if resolution <= 0 {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	decimals := math.Ceil(-math.Log10(resolution) - 1e-9)
	return strconv.FormatFloat(v, 'f', int(min(max(decimals, 0), 9)), 64)
}
