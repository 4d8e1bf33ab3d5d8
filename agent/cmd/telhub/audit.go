package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/agent/audit"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis"
)

// auditOptions are the command line of `telhub audit`.
type auditOptions struct {
	file   string // "" = Redis
	device string // "" = the configuration's, or of a file all
	all    bool
	whole  bool
}

// cmdAudit reads streams or an export and prints the balance.
func (e *env) cmdAudit(args []string) error {
	o, err := e.auditOptions(args)
	if err != nil {
		return err
	}
	a := audit.New(audit.Options{Whole: o.whole})
	if o.file != "" {
		err = e.auditFile(a, &o)
	} else {
		err = e.auditRedis(a, &o)
	}
	if err != nil {
		return err
	}
	r := a.Finish()
	if err := o.seen(r); err != nil {
		return err
	}
	if e.json {
		err = json.NewEncoder(e.stdout).Encode(r)
	} else {
		err = r.Print(e.stdout)
	}
	if err == nil && !r.Balanced {
		err = fmt.Errorf("the audit found what nothing explains: %d", r.Unexplained)
	}
	return err
}

func (e *env) auditOptions(args []string) (o auditOptions, err error) {
	f := e.flags("audit")
	f.BoolVar(&e.json, "json", false, "print JSON")
	f.BoolVar(&o.all, "all", false, "all devices of all shards, not one")
	f.BoolVar(&o.whole, "whole", false, "the streams were never trimmed: a missing beginning is unexplained, too")
	f.StringVar(&o.device, "device", "", "another `DEVICE` than the configuration's; of a file, only that one")
	rest, err := parse(f, args)
	switch {
	case err != nil:
		return o, err
	case len(rest) > 1:
		return o, usagef("audit takes one FILE, got %q", rest)
	case o.all && o.device != "":
		return o, usagef("audit: --all and --device exclude each other")
	case o.all && len(rest) > 0:
		return o, usagef("audit: --all reads Redis; of a FILE all devices are read anyway")
	}
	if len(rest) == 1 {
		o.file = rest[0]
	}
	return o, nil
}

// seen is an error where nothing was there to audit: no evidence is no proof.
func (o *auditOptions) seen(r *audit.Report) error {
	switch {
	case len(r.Devices) > 0 || len(r.Foreign) > 0:
		return nil
	case o.file != "":
		return fmt.Errorf("%s holds no frame of what was asked for: check --device, and that the export was complete", o.file)
	case o.device != "":
		return fmt.Errorf("redis holds nothing of device %q: check --device, redis.stream and redis.shards", o.device)
	}
	return errors.New("redis holds no telhub stream: check redis.url, redis.stream and redis.shards")
}

// auditFile reads an export; "-" is the standard input.
func (e *env) auditFile(a *audit.Auditor, o *auditOptions) error {
	in := os.Stdin
	if o.file != "-" {
		f, err := os.Open(o.file)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	if err := a.Lines(in, o.device); err != nil {
		return fmt.Errorf("%s: %w", o.file, err)
	}
	return nil
}

// auditRedis reads the streams of a device's shard, or of all.
func (e *env) auditRedis(a *audit.Auditor, o *auditOptions) error {
	cfg, err := e.load()
	if err != nil {
		return err
	}
	ro := agent.RedisOptions(cfg)
	if o.device != "" {
		ro.Device = o.device
	}
	o.device = ro.Device
	shards := []int{redis.Shard(ro.Device, ro.Shards)}
	if o.all {
		o.device, shards = "", nil
		for i := range max(ro.Shards, 1) {
			shards = append(shards, i)
		}
	}
	h := redis.NewHistory(ro)
	defer h.Close()
	for _, shard := range shards {
		s := shardAudit{a: a, h: h, stream: ro.Stream, shard: shard, device: o.device}
		if err := s.run(e.ctx); err != nil {
			return err
		}
	}
	return nil
}

// shardAudit brings what a shard holds to the auditor.
type shardAudit struct {
	a      *audit.Auditor
	h      *redis.History
	stream string
	shard  int
	device string // "" = all
	e      audit.Entry
}

// run reads the streams up to where they ended when it began, so that an agent
// that goes on writing does not matter.
func (s *shardAudit) run(ctx context.Context) error {
	m, err := s.h.Moment(ctx, s.shard, s.device)
	if err != nil {
		return err
	}
	for l := range frame.Lane(frame.Lanes) {
		first, err := s.h.Entries(ctx, s.shard, l, m.Ends[l], func(id string, values map[string]any) error {
			s.take(l, id, values)
			return ctx.Err()
		})
		if err != nil {
			return err
		}
		s.a.Trimmed(s.shard, l, first)
	}
	s.marks(m)
	return nil
}

func (s *shardAudit) take(l frame.Lane, id string, values map[string]any) {
	s.e.Shard, s.e.Lane, s.e.At = s.shard, l, id
	if err := s.e.Parse(values); err != nil {
		if s.device == "" || s.e.Device == "" || s.e.Device == s.device {
			s.a.Foreign(redis.StreamKey(s.stream, s.shard, l.String()), id, err)
		}
		return
	}
	if s.device == "" || s.e.Device == s.device {
		s.a.Add(&s.e)
	}
}

// marks tells the auditor what the state hash holds.
func (s *shardAudit) marks(m *redis.Moment) {
	for field := range m.Before {
		if _, still := m.After[field]; !still {
			m.After[field] = "" // deleted in between
		}
	}
	for field, after := range m.After {
		k := strings.LastIndexByte(field, '|')
		for l := range frame.Lane(frame.Lanes) {
			if k >= 0 && field[k+1:] == l.String() {
				mark := audit.ParseMark(m.Before[field], after)
				mark.Bare = m.Ends[l] == ""
				s.a.Mark(s.shard, field[:k], l, mark)
			}
		}
	}
	s.a.Unmarked(s.shard)
}
