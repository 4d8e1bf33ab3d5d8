package agent

import (
	"errors"
	"slices"
	"syscall"
	"time"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/agent/flash"
	"github.com/telhub/telhub/agent/httpapi"
	"github.com/telhub/telhub/agent/pipeline"
	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

var _ httpapi.Source = (*Agent)(nil)

// Status implements httpapi.Source.
func (a *Agent) Status() httpapi.Status {
	up := a.uplink.Status()
	q := a.pipeline.Stats()
	sum := a.Summary()
	clk := a.clock.Status()
	s := httpapi.Status{
		Device: a.cfg.Device, Version: a.opts.Version, Board: a.board.Name, Boot: a.boot.String(),
		Epoch: up.Epoch, Uptime: time.Since(a.started).Seconds(),
		Uplink: a.uplinkStatus(&up), Spool: a.spool(),
		Queue:   queue(&q),
		Workers: httpapi.Workers{Count: q.Workers, Busy: q.Busy},
		Clock: httpapi.Clock{
			Quality: clk.Quality.String(), Source: clk.Source, Offset: clk.Offset,
			Jumps: clk.Jumps, Redated: up.Counters.Redated, Awaited: up.AwaitingTime,
		},
		Alarms: a.raisedAlarms(clk.Dating),
		Counters: httpapi.Counters{
			Acquired: sum.Received, Derived: sum.Derived, Withheld: sum.Withheld,
			Delivered: sum.Delivered, Stored: sum.Stored, InFlight: sum.InFlight, DeclaredLost: sum.DeclaredLost,
		},
	}
	if clk.Quality != frame.Unset {
		s.Time = time.UnixMilli(clock.Boottime()/1e6 + clk.Offset).UTC().Format(time.RFC3339)
	}
	s.Problems = a.troubles(&up, &s, clk.Trouble)
	s.State = httpapi.StateOK
	if len(s.Problems) > 0 {
		s.State = httpapi.StateDegraded
	}
	return s
}

// queue describes the rings as one.
func queue(q *pipeline.Stats) httpapi.Queue {
	return httpapi.Queue{
		Size: q.RingLen + q.High.RingLen, Capacity: q.RingCap + q.High.RingCap,
		HighWater: q.RingHigh + q.High.RingHigh, Overruns: q.RingLost + q.High.RingLost,
	}
}

func (a *Agent) uplinkStatus(up *uplink.Status) httpapi.Uplink {
	u := httpapi.Uplink{
		State: "disconnected", Server: a.server(), Encoding: a.cfg.Uplink.Encoding, Durability: up.Level.String(),
		Breaker: up.Breaker.String(), Trips: up.Trips, Retries: up.Counters.Retries,
	}
	switch {
	case up.Fenced:
		u.State = "fenced"
	case up.Connected:
		u.State = "connected"
	}
	if up.LastError != nil {
		u.LastError = up.LastError.Error()
	}
	frames, since := unconfirmed(up)
	u.Unconfirmed, u.UnconfirmedSeconds = frames, since.Seconds()
	for i := range up.Lanes {
		l := &up.Lanes[i]
		u.Lanes = append(u.Lanes, httpapi.Lane{
			Name: frame.Lane(i).String(), Seq: seq(l.Last, up.Epoch), Accepted: seq(l.Accepted, up.Epoch),
			Durable: seq(l.Durable, up.Epoch), Queued: l.Queued, Delivered: up.Counters.Delivered[i],
		})
	}
	return u
}

// unconfirmed tells how many frames wait in memory for Redis to confirm what it
// has accepted, and for how long it has confirmed none.
func unconfirmed(up *uplink.Status) (frames int, since time.Duration) {
	for i := range up.Lanes {
		frames += up.Lanes[i].Retained - up.Lanes[i].Queued
	}
	if !up.Unconfirmed.IsZero() {
		since = max(time.Since(up.Unconfirmed), 0)
	}
	return frames, since
}

// seq is a number within this run's epoch; an earlier run's counts as none.
func seq(id frame.ID, epoch uint64) uint64 {
	if id.Epoch != epoch {
		return 0
	}
	return id.Seq
}

// server names the server without secrets.
func (a *Agent) server() string {
	if a.sink == nil {
		return "none"
	}
	return a.sink.Server()
}

// spool describes the store.
func (a *Agent) spool() httpapi.Spool {
	s := httpapi.Spool{State: "off", Path: a.cfg.Spool.Path, MaxBytes: uint64(a.cfg.Spool.MaxSize)}
	if a.store == nil {
		return s
	}
	window := a.wear.window()
	s.LossWindow, s.Commits = window.Seconds(), window.Seconds()*flash.CommitsApart
	s.FlashBudget, s.FlashDay = uint64(a.cfg.Spool.FlashBudget), uint64(a.wear.governor.LastDay(a.wear.now()))
	st := a.store.Stats()
	s.State, s.Bytes, s.Dropped, s.Salvaged = "ok", uint64(st.DiskBytes), st.Dropped, uint64(st.Damaged)
	now, here := clock.Boottime()/1e6, a.clock.Dating()
	for i := range st.Lanes {
		l := &st.Lanes[i]
		s.Frames += uint64(l.Frames)
		there := a.clock.Of(l.Boot, l.OldestT0)
		if there.Quality == frame.Unset {
			there = l.Dating
		}
		if l.Frames > 0 && l.Boot == a.boot {
			s.Oldest = max(s.Oldest, float64(now-l.OldestT0)/1e3)
		} else if l.Frames > 0 && there.Quality != frame.Unset && here.Quality != frame.Unset {
			s.Oldest = max(s.Oldest, float64(now+here.Offset-l.OldestT0-there.Offset)/1e3)
		}
	}
	up := a.uplink.Status()
	switch {
	case refuses(up.StoreErr):
		s.State = "full"
	case up.StoreErr != nil:
		s.State = "failed"
	case st.Dropped > 0 && up.Breaker != uplink.Closed:
		s.State = "full"
	}
	return s
}

// refuses reports whether all that is wrong with the store is that it is as large
// as it may be and takes nothing new, as spool.drop = "newest" has it.
func refuses(err error) bool {
	return (errors.Is(err, uplink.ErrFull) || errors.Is(err, store.ErrFull)) && !errors.Is(err, syscall.ENOSPC)
}

// Sensors implements httpapi.Source.
func (a *Agent) Sensors() []httpapi.Sensor {
	stats := a.pipeline.AppendSensors(nil)
	dating, now := a.clock.Dating(), clock.Boottime()
	out := make([]httpapi.Sensor, len(stats))
	var points []pipeline.Point
	for i := range stats {
		st, info := &stats[i], &a.plan.sensors[i]
		s := &out[i]
		*s = httpapi.Sensor{
			Name: st.Name, Use: st.Use, Bus: info.conf.Bus, Up: st.Up, LastError: st.LastError,
			Reads: st.Readings, Errors: errorCounts(st), Late: st.LateMax.Seconds(), Skipped: st.Skipped,
			Channels: []httpapi.Channel{},
		}
		for k := range info.shown {
			sh := &info.shown[k]
			v := a.plan.latest.Get(sh.channel)
			if !v.Known && info.conf.Speaks {
				continue // a receiver without a depth sounder has no depth
			}
			points = a.plan.latest.AppendHistory(points[:0], sh.channel)
			c := channel(&sh.Output, v, points, dating, now)
			if raw := a.plan.latest.Raw(sh.channel); sh.processed && raw.Stamp != 0 {
				c.Raw = &raw.Value
			}
			// The first reading is counted before the workers have it.
			c.Missing = st.Readings > 1 && slices.Contains(info.channels, sh.channel) && !v.Known && !a.plan.latest.Raw(sh.channel).Known
			s.Channels = append(s.Channels, c)
		}
	}
	return out
}

func errorCounts(st *pipeline.SensorStats) map[string]uint64 {
	m := make(map[string]uint64)
	for k, n := range st.Errors {
		if n > 0 {
			m[pipeline.ErrorKind(k).String()] = n
		}
	}
	if st.Corrupt > 0 {
		m["corrupt"] = st.Corrupt
	}
	return m
}

func channel(out *drivers.Output, v pipeline.Value, points []pipeline.Point, d frame.Dating, now int64) httpapi.Channel {
	c := httpapi.Channel{
		Name: out.Name, Unit: out.Unit, Resolution: out.Resolution,
		Status: v.Quality.String(), AgeMS: -1, Recent: make([]float64, len(points)),
	}
	if !v.Known {
		c.Status = drivers.Stale.String()
	}
	if v.Stamp != 0 {
		value := v.Value
		c.Value, c.StampMS, c.AgeMS = &value, v.Stamp/1e6+d.Offset, (now-v.Stamp)/1e6
		if d.Quality != frame.Unset {
			c.Stamp = rfc3339(c.StampMS)
		}
	}
	if v.Alarm != drivers.AlarmClear {
		c.Alarm = v.Alarm.String()
	}
	for i, p := range points {
		c.Recent[i] = p.Value
	}
	return c
}
