package agent

import (
	"sync"
	"time"

	"github.com/telhub/telhub/agent/clock"
	"github.com/telhub/telhub/agent/flash"
	"github.com/telhub/telhub/agent/metrics"
	"github.com/telhub/telhub/buffer/store"
)

// wear keeps the books of what flash is written, against spool.flash_budget.
// Store and checkpoint write; both tell it.
type wear struct {
	governor *flash.Governor
	device   *flash.Device // under the spool; nil when the kernel shows none
	store    *store.Store  // nil without one: nothing is written then
	now      func() int64  // CLOCK_BOOTTIME, ns
	longer   chan struct{} // capacity 1: a longer window is wanted than is saved

	mu    sync.Mutex // guards all below
	meter flash.Meter
	saves int64 // bytes, for checkpoints
}

// newWear opens the books. The run before may have had another max_loss.
func (a *Agent) newWear() {
	var before *flash.State
	if a.checkpoint != nil {
		before = a.checkpoint.Flash()
	}
	o := flash.Options{Budget: a.cfg.Spool.FlashBudget, MaxLoss: a.cfg.Spool.MaxLoss}
	a.wear = &wear{
		governor: flash.New(o, before, clock.Boottime()),
		store:    a.store, now: clock.Boottime, longer: make(chan struct{}, 1),
	}
	a.toldWindow = o.MaxLoss
	if before != nil {
		a.cutWindow = before.Window
	}
	if a.store == nil {
		return
	}
	d, err := flash.Find(a.opts.root(), a.cfg.Spool.Path)
	if err != nil {
		a.log.For("store").Debug().Err(err).Msg("what reaches flash is estimated from what the spool writes")
	}
	a.wear.device = d
	a.wear.note(false)
}

// note takes in what was written since the last time; commit says that the
// store has committed.
func (w *wear) note(commit bool) {
	if w.store == nil {
		return
	}
	now := w.now()
	w.mu.Lock()
	bytes := w.meter.Charge(now, w.store.Written()+w.saves, w.deviceBytes())
	w.mu.Unlock()
	w.governor.Spend(now, bytes, commit)
	if w.governor.Bounded(now) {
		select {
		case w.longer <- struct{}{}:
		default:
		}
	}
}

// saved takes in a save of the checkpoint.
func (w *wear) saved() {
	w.mu.Lock()
	w.saves += saveFlash
	w.mu.Unlock()
	w.note(false)
}

// deviceBytes is what the device was written since the start, -1 if not known.
func (w *wear) deviceBytes() int64 {
	if w.device == nil {
		return -1
	}
	return w.device.Written()
}

// window is the loss window in force.
func (w *wear) window() time.Duration { return w.governor.Window(w.now()) }

// logWindow tells of a bound on the loss window that has changed.
func (a *Agent) logWindow(s flash.State) {
	if s.Window == a.toldWindow {
		return
	}
	log := a.log.For("store").Info()
	if a.toldWindow = s.Window; s.Window > a.cfg.Spool.MaxLoss {
		log = a.log.For("store").Warn()
	}
	log.Stringer("at_most", s.Window).Stringer("max_loss", a.cfg.Spool.MaxLoss).Int64("flash_budget", a.cfg.Spool.FlashBudget).
		Msg("what a power cut may cost by spool.flash_budget")
}

// registerFlash registers what flash is written and how worn it is.
func (a *Agent) registerFlash(r *metrics.Registry) {
	w := a.wear
	r.CounterFunc(prefix+"flash_written_bytes_total",
		"Bytes that the spool's writes come to at the block layer, the file system's included where the kernel shows them.",
		func() float64 { return float64(w.governor.Total()) })
	r.CounterFunc(prefix+"flash_store_written_bytes_total", "Bytes that the spool gave to write calls.",
		func() float64 {
			if w.store == nil {
				return 0
			}
			return float64(w.store.Written())
		})
	if w.device != nil {
		r.CounterFunc(prefix+"flash_device_written_bytes_total", "Bytes written to the device under the spool since the agent's start, by all programs.",
			func() float64 { return float64(max(w.deviceBytes(), 0)) }, metrics.Label{Name: "device", Value: w.device.Name})
	}
	r.GaugeFunc(prefix+"flash_written_day_bytes", "Of flash_written_bytes_total, those of the last 24 hours.",
		func() float64 { return float64(w.governor.LastDay(w.now())) })
	r.GaugeFunc(prefix+"flash_budget_bytes", "Bytes that 24 hours may take by spool.flash_budget; 0 is no limit.",
		func() float64 { return float64(a.cfg.Spool.FlashBudget) })
	r.GaugeFunc(prefix+"flash_loss_window_seconds", "What a power cut may cost now while samples are spooled; spool.max_loss, or longer by flash_budget.",
		func() float64 { return w.window().Seconds() })
	for _, l := range a.lives {
		device := metrics.Label{Name: "device", Value: l.Device}
		for i, kind := range [...]string{"a", "b"} {
			if used := l.Used[i]; used > 0 {
				r.GaugeFunc(prefix+"flash_life_used_ratio", "Part of its life that an eMMC says it has used, at most, at the last boot; 1.1 is beyond.",
					func() float64 { return used }, device, metrics.Label{Name: "type", Value: kind})
			}
		}
		if eol := l.PreEOL; eol != flash.EOLUnknown {
			r.GaugeFunc(prefix+"flash_pre_eol", "What an eMMC says of its spare blocks: 1 normal, 2 80 % used, 3 90 % used.",
				func() float64 { return float64(eol) }, device)
		}
	}
}
