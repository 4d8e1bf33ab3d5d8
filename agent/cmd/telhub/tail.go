package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis"
)

// cmdTail decodes what arrives in this device's streams.
func (e *env) cmdTail(args []string) error {
	f := e.flags("tail")
	f.BoolVar(&e.json, "json", false, "print one JSON object a line")
	all := f.Bool("all", false, "from the streams' beginning; end when all is shown")
	device := f.String("device", "", "another `DEVICE` than the configuration's")
	if rest, err := parse(f, args); err != nil {
		return err
	} else if len(rest) > 0 {
		return usagef("tail takes no argument %q; name a configuration with --config FILE", rest[0])
	}
	cfg, err := e.load()
	if err != nil {
		return err
	}
	if *device != "" {
		cfg.Device = *device
	}
	r := redis.NewReader(agent.RedisOptions(cfg), !*all)
	defer r.Close()
	t := &tail{env: e}
	wait := time.Second
	if *all {
		wait = -1
	}
	for e.ctx.Err() == nil {
		some, err := r.Next(e.ctx, wait, t.show)
		if e.ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, redis.ErrEntry) { // somebody else's entry; go on behind it
			for line := range strings.Lines(err.Error()) {
				fmt.Fprintln(e.stderr, "telhub: passed over:", strings.TrimSpace(line))
			}
			err = nil
		}
		if err != nil {
			return err
		}
		if *all && !some {
			return nil
		}
	}
	return nil
}

// tail prints entries.
type tail struct {
	*env
	dec frame.Decoder
}

// shown is one line of `telhub tail --json`.
type shown struct {
	ID    string          `json:"id"` // correlation ID: device/lane/epoch/seq#index
	Time  string          `json:"time"`
	Name  string          `json:"name,omitempty"`
	Unit  string          `json:"unit,omitempty"`
	Value *float64        `json:"value,omitempty"`
	Text  string          `json:"text,omitempty"`
	Gap   json.RawMessage `json:"gap,omitempty"`
	Q     string          `json:"q"`
}

func (t *tail) show(lane frame.Lane, _ string, e redis.Entry) error {
	id := fmt.Sprintf("%s/%s/%v", e.Device, lane, e.ID)
	if e.Encoding == "gap" {
		return t.print(shown{ID: id, Time: when(e.T1, e.Quality), Gap: json.RawMessage(e.Data), Q: e.Quality})
	}
	samples, err := e.Samples(&t.dec)
	if err != nil {
		fmt.Fprintf(t.stderr, "telhub: %s: %v\n", id, err)
		return nil
	}
	for i, s := range samples {
		line := shown{
			ID: fmt.Sprintf("%s#%d", id, i), Time: when(s.Millis, e.Quality), Name: s.Name, Unit: s.Unit, Text: s.Text, Q: e.Quality,
		}
		if s.Text == "" {
			line.Value = &s.Value
		}
		if err := t.print(line); err != nil {
			return err
		}
	}
	return nil
}

func (t *tail) print(l shown) error {
	if t.json {
		return json.NewEncoder(t.stdout).Encode(l)
	}
	value := l.Text
	switch {
	case l.Gap != nil:
		value = "GAP " + string(l.Gap)
	case l.Value != nil:
		value = fmt.Sprintf("%v %s", *l.Value, l.Unit)
	}
	_, err := fmt.Fprintf(t.stdout, "%s %-8s %-32s %-24s %s\n", l.Time, l.Q, l.Name, value, l.ID)
	return err
}

// when prints a stamp: a date, or time since boot where none is known.
func when(millis int64, quality string) string {
	if quality == "unset" {
		return fmt.Sprintf("boot+%s", time.Duration(millis)*time.Millisecond)
	}
	return time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05.000Z")
}
