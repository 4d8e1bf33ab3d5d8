package agent

import (
	"fmt"
	"strings"
	"time"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/agent/flash"
	"github.com/telhub/telhub/agent/httpapi"
	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/internal/brief"
	"github.com/telhub/telhub/uplink"
)

// troubles says what is wrong in plain words, worst first, and what to do.
func (a *Agent) troubles(up *uplink.Status, s *httpapi.Status, clockTrouble string) []httpapi.Trouble {
	list := []httpapi.Trouble{}
	add := func(what, do string) { list = append(list, httpapi.Trouble{What: what, Do: do}) }
	switch {
	case up.Fenced:
		add("another agent runs under the name "+a.cfg.Device+"; nothing is sent from here any more",
			"give one of the two another device name, save this one's spool with telhub spool export, and restart it")
	case !up.Connected && up.LastError != nil:
		add("Redis does not take frames: "+up.LastError.Error(), uplinkCure(up))
	}
	if u := &s.Uplink; up.Connected && u.UnconfirmedSeconds > unconfirmedFor.Seconds() {
		add(fmt.Sprintf("Redis takes frames but has confirmed none as safe for %s: %d frames wait in memory for it",
			time.Duration(u.UnconfirmedSeconds*1e9).Round(time.Second), u.Unconfirmed), confirmCure(up.Level))
	}
	switch {
	case a.storeErr != nil:
		add("there is no spool: "+a.storeErr.Error(), "make "+a.cfg.Spool.Path+" writable for this user and restart; until then an outage can lose samples")
	case refuses(up.StoreErr):
		add("the spool is full: what it holds is kept, and new samples are lost and declared (spool.drop)", "give it more with spool.max_size, or bring Redis back")
	case up.StoreErr != nil:
		add("the spool does not take frames: "+up.StoreErr.Error(), "look for a full or failing disk under "+a.cfg.Spool.Path)
	case s.Spool.State == "full":
		add(fmt.Sprintf("the spool is full: %d samples were dropped and declared", s.Spool.Dropped), "give it more with spool.max_size, or bring Redis back")
	}
	if err := a.unreadable(); err != nil {
		add("frames in the spool cannot be read back: "+err.Error()+"; they wait, and are tried again",
			"look at dmesg and the disk under "+a.cfg.Spool.Path+"; new samples go on")
	}
	if s.Spool.Salvaged > 0 {
		add(fmt.Sprintf("%d damaged spool files were set aside", s.Spool.Salvaged), "look at "+a.cfg.Spool.Path+"/*.bad-*; delete them when they are no longer wanted")
	}
	if a.cfg.Redis.Durability != "auto" && up.Connected && up.Level.String() != a.cfg.Redis.Durability {
		add(fmt.Sprintf("durability is %s, not %s as configured", up.Level, a.cfg.Redis.Durability), durabilityCure(up.Level))
	}
	switch {
	case up.AwaitingTime:
		add("nothing is sent, because clock.require_sync waits for the time; samples go to the spool", "bring NTP or a satellite receiver up, or set clock.require_sync = false")
	case clockTrouble != "":
		what, do, _ := strings.Cut(clockTrouble, "; ")
		add(what, do)
	}
	a.flashTroubles(s, add)
	a.busTroubles(add)
	a.sensorTroubles(add)
	if s.Queue.Overruns > 0 {
		add(fmt.Sprintf("%d samples were overwritten in the queue and declared", s.Queue.Overruns), "raise queue.capacity or sample less often")
	}
	return list
}

// unreadable is why the spool cannot be read now.
func (a *Agent) unreadable() error {
	switch {
	case a.store == nil:
		return nil
	case a.reader != nil && a.reader.hangs():
		return errReadHangs
	}
	return a.store.Stats().ReadErr
}

func uplinkCure(up *uplink.Status) string {
	const kept = "samples are kept meanwhile"
	if up.Breaker == uplink.Open {
		return fmt.Sprintf("check the server and redis.url; next try in %s, %s", max(time.Until(up.NextTry), 0).Round(time.Second), kept)
	}
	return "check the server and redis.url; it is tried again at once, " + kept
}

func durabilityCure(level uplink.Durability) string {
	if level == uplink.Age {
		return "the server writes a log and cannot be relied on to confirm it: that takes Redis 8, and the right to INFO and COMMAND INFO"
	}
	return "look at the server's appendonly setting and its replicas"
}

// unconfirmedFor is how long Redis may take to confirm frames before that is
// trouble: its log is synced each second, level age takes five, a failover a few.
const unconfirmedFor = 15 * time.Second

func confirmCure(level uplink.Durability) string {
	if level == uplink.Replica || level == uplink.AgedReplica {
		return "look at the server's replicas (INFO replication) and their links; without one for 30 s the level is lowered by itself"
	}
	return "look at the server's disk and log (INFO persistence: aof_last_write_status, aof_delayed_fsync)"
}

func (a *Agent) busTroubles(add func(what, do string)) {
	for _, b := range a.pipeline.AppendBuses(nil) {
		switch {
		case !b.Broken:
		case b.ReopenFailures > 0 && b.LastErrorAt > clock.Boottime()-int64(time.Minute):
			add(fmt.Sprintf("bus %s cannot be opened: %s", b.Name, b.LastError), "check that it is plugged in and what its configuration names; it is opened as soon as that can be done")
		default:
			add(fmt.Sprintf("no sensor of bus %s answers; the last step of recovery was: %s", b.Name, b.Step),
				"check its cable and supply; a chip may hold a line (docs/buses.md)")
		}
	}
}

func (a *Agent) sensorTroubles(add func(what, do string)) {
	now := clock.Boottime()
	for i, st := range a.pipeline.AppendSensors(nil) {
		if st.Up || st.LastError == "" {
			continue
		}
		conf := a.plan.sensors[i].conf
		what := fmt.Sprintf("sensor %s does not answer: %s", st.Name, st.LastError)
		if st.LastOK > 0 {
			what = fmt.Sprintf("sensor %s has not answered for %s: %s", st.Name,
				time.Duration(now-st.LastOK).Round(time.Second), st.LastError)
		}
		do := "check its wiring, power and " + engineKind(conf)
		switch conf.Engine.Kind {
		case catalog.Serial, catalog.Link:
			do = "check cable, speed and " + engineKind(conf)
		case catalog.Local:
			do = "check " + engineKind(conf)
		}
		add(what, do)
	}
}

// wornOut is from what part of its life on an eMMC counts as worn.
const wornOut = 0.9

func (a *Agent) flashTroubles(s *httpapi.Status, add func(what, do string)) {
	if limit := s.Spool.FlashBudget; limit > 0 && s.Spool.FlashDay > limit {
		add(fmt.Sprintf("flash was written %s in the last 24 hours, more than spool.flash_budget = %s allows", brief.Bytes(float64(s.Spool.FlashDay)), brief.Bytes(float64(limit))),
			"telhub check tells what this configuration needs; samples are not given up for it")
	}
	for _, l := range a.lives {
		used := max(l.Used[0], l.Used[1])
		switch {
		case l.PreEOL >= flash.EOLWarning:
			share := map[flash.PreEOL]int{flash.EOLWarning: 80, flash.EOLUrgent: 90}[l.PreEOL]
			add(fmt.Sprintf("%s has used %d %% of its spare blocks", l.Device, share), "replace it, or the board, before it becomes read-only; lower spool.flash_budget meanwhile")
		case used >= wornOut:
			add(fmt.Sprintf("%s has used %.0f %% of its life", l.Device, used*100), "plan to replace it, or the board; lower spool.flash_budget meanwhile")
		}
	}
}

// stuckAfter is how long samples may wait beyond their time before the agent
// counts as hung.
const stuckAfter = 30 * time.Second

// Health implements httpapi.Source. Live means that the process works, ready
// that samples are acquired and can be delivered or kept.
func (a *Agent) Health() httpapi.Health {
	up := a.uplink.Status()
	_, stuck := a.Moving()
	h := httpapi.Health{Version: a.opts.Version, Checks: []httpapi.Check{
		{Name: "pipeline", OK: stuck < stuckAfter, Detail: "samples move"},
		{Name: "uplink", OK: up.Connected && !up.Fenced, Detail: a.server()},
		{Name: "spool", OK: a.store != nil && up.StoreErr == nil, Detail: a.cfg.Spool.Path},
		{Name: "sensors", OK: true},
	}}
	if stuck >= stuckAfter {
		h.Checks[0].Detail = fmt.Sprintf("the oldest sample has waited %s", stuck.Round(time.Second))
	}
	n, ok := 0, 0
	for _, st := range a.pipeline.AppendSensors(nil) {
		n++
		if st.Up {
			ok++
		}
	}
	h.Checks[3].OK, h.Checks[3].Detail = n == 0 || ok > 0, fmt.Sprintf("%d of %d answer", ok, n)
	h.Live = h.Checks[0].OK
	h.Ready = h.Live && !up.Fenced && (h.Checks[1].OK || h.Checks[2].OK)
	return h
}
