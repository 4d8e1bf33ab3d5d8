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
	outputs, r, err := agent.Read(e.ctx, cfg, rest[0], *wait, agent.Openers{})
	switch {
	case errors.Is(err, agent.ErrNoSensor):
		return usagef("no sensor %q; %s", rest[0], sensorNames(cfg))
	case errors.Is(err, drivers.ErrBusy):
		return fmt.Errorf("%w; if the agent runs, its /api/sensors shows the latest values", err)
	case err != nil:
		return err
	}
	return e.printReading(rest[0], outputs, r)
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

func (e *env) printReading(name string, outputs []drivers.Output, r *drivers.Reading) error {
	type value struct {
		Name   string   `json:"n"`
		Unit   string   `json:"u,omitempty"`
		Value  *float64 `json:"v"`
		Status string   `json:"status"`

		resolution float64
	}
	values := []value{}
	for i, o := range outputs {
		v := value{Name: name + "/" + o.Name, Unit: o.Unit, Status: "ok", resolution: o.Resolution}
		switch {
		case r.Has(i):
			v.Value = &r.Values[i]
		case r.IsBad(i):
			v.Status = "bad"
		default:
			continue
		}
		values = append(values, v)
	}
	if e.json {
		return json.NewEncoder(e.stdout).Encode(values)
	}
	for _, v := range values {
		if v.Value == nil {
			fmt.Fprintf(e.stdout, "%-32s %s\n", v.Name, v.Status)
			continue
		}
		fmt.Fprintf(e.stdout, "%-32s %s %s\n", v.Name, number(*v.Value, v.resolution), v.Unit)
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
