package agent

import (
	"github.com/telhub/telhub/agent/metrics"
	"github.com/telhub/telhub/agent/pipeline"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// prefix begins the name of every metric of the agent.
const prefix = "telemetry_"

func (a *Agent) delivery() *metrics.Histogram {
	return a.metrics.Histogram(prefix+"sample_delivery_duration_seconds",
		"From a live frame's first stamp until Redis accepted it.", metrics.DurationBuckets())
}

func (a *Agent) processing() *metrics.Histogram {
	return a.metrics.Histogram(prefix+"sample_processing_duration_seconds",
		"How long a frame's samples took to check and encode.", metrics.DurationBuckets())
}

// registerMetrics registers what is counted elsewhere and read at a scrape.
func (a *Agent) registerMetrics() {
	r := &a.metrics
	r.GaugeFunc(prefix+"build_info", "Constant 1; the version is a label.", func() float64 { return 1 },
		metrics.Label{Name: "version", Value: a.opts.Version})
	r.GaugeFunc(prefix+"clock_quality", "How good dates are: 0 unset, 1 holdover, 2 ntp, 3 gnss.",
		func() float64 { return float64(a.clock.Dating().Quality) })
	r.CounterFunc(prefix+"clock_jumps_total", "Steps of the wall clock, followed or not.",
		func() float64 { return float64(a.clock.Status().Jumps) })
	r.CounterFunc(prefix+"samples_redated_total", "Samples delivered with a date that was not known when they were taken.",
		func() float64 { return float64(a.uplink.Status().Counters.Redated) })
	a.registerState(r)
	a.registerAlarms(r)
	a.registerQueue(r)
	a.registerSensors(r)
	a.registerUplink(r)
	a.registerLanes(r)
	a.registerSpool(r)
	a.registerFlash(r)
}

// registerState registers what the page and /health say in words, so that one
// who only scrapes learns of it, too.
func (a *Agent) registerState(r *metrics.Registry) {
	r.GaugeFunc(prefix+"device_info", "Constant 1; labels say which device this is and what its board is.", func() float64 { return 1 },
		metrics.Label{Name: "name", Value: a.cfg.Device}, metrics.Label{Name: "board", Value: a.board.Name})
	r.GaugeFunc(prefix+"problems", "Problems that /api/status lists, each with its cure.",
		func() float64 { return float64(len(a.Status().Problems)) })
	r.GaugeFunc(prefix+"ready", "1 while samples are acquired and can be delivered or kept, as /health/ready says.",
		func() float64 { return boolean(a.Health().Ready) })
}

func (a *Agent) registerQueue(r *metrics.Registry) {
	stat := func(f func(pipeline.Stats) float64) func() float64 {
		return func() float64 { return f(a.pipeline.Stats()) }
	}
	r.GaugeFunc(prefix+"queue_size", "Samples in the rings.", stat(func(s pipeline.Stats) float64 { return float64(s.RingLen + s.High.RingLen) }))
	r.GaugeFunc(prefix+"queue_capacity", "Samples that the rings can hold.", stat(func(s pipeline.Stats) float64 { return float64(s.RingCap + s.High.RingCap) }))
	r.GaugeFunc(prefix+"workers", "Workers that turn samples into frames.", stat(func(s pipeline.Stats) float64 { return float64(s.Workers) }))
	r.GaugeFunc(prefix+"workers_busy", "Workers that do so now.", stat(func(s pipeline.Stats) float64 { return float64(s.Busy) }))
	r.CounterFunc(prefix+"samples_derived_total", "Samples made by processing: derived channels, aggregates, changes of status, alarms.",
		stat(func(s pipeline.Stats) float64 { return float64(s.Made) }))
	r.CounterFunc(prefix+"samples_withheld_total", "Samples that the configuration keeps from being sent: deadband, filters, limits.",
		stat(func(s pipeline.Stats) float64 { return float64(s.Withheld) }))
	r.CounterFunc(prefix+"backpressure_events_total", "Times that sampling was slowed because the ring filled.",
		stat(func(s pipeline.Stats) float64 { return float64(s.PressureEvents) }))
	a.registerPressure(r, stat)
}

// registerPressure registers the state of back-pressure of each ring there is.
func (a *Agent) registerPressure(r *metrics.Registry, stat func(func(pipeline.Stats) float64) func() float64) {
	for _, class := range []frame.Class{frame.Normal, frame.High} {
		of := func(s pipeline.Stats) pipeline.RingStats {
			if class == frame.High {
				return s.High
			}
			return s.RingStats
		}
		if of(a.pipeline.Stats()).RingCap == 0 {
			continue
		}
		label := metrics.Label{Name: "class", Value: class.String()}
		r.GaugeFunc(prefix+"backpressure_period_factor", "By how much periods are stretched because the ring fills: 1, 2, 4 or 8.",
			stat(func(s pipeline.Stats) float64 { return float64(of(s).Stretch) }), label)
		r.GaugeFunc(prefix+"queue_fill_ratio", "Samples in a ring, of what it holds.",
			stat(func(s pipeline.Stats) float64 { return float64(of(s).RingLen) / float64(of(s).RingCap) }), label)
	}
}

// registerAlarms registers a series for each state that an alarm can have.
func (a *Agent) registerAlarms(r *metrics.Registry) {
	for i, s := range a.alarms(nil) {
		for state := drivers.AlarmHigh; state <= drivers.AlarmStale; state++ {
			r.GaugeFunc(prefix+"alarm_active", "1 while a channel's alarm is raised in this state.",
				func() float64 { return boolean(a.alarms(nil)[i].State == state) },
				metrics.Label{Name: "channel", Value: a.plan.schema.Channels[s.Channel].Name},
				metrics.Label{Name: "level", Value: s.Level}, metrics.Label{Name: "state", Value: state.String()})
		}
	}
}

func (a *Agent) registerSensors(r *metrics.Registry) {
	for i := range a.plan.sensors {
		label := metrics.Label{Name: "sensor", Value: a.plan.sensors[i].conf.Name}
		stat := func(f func(*pipeline.SensorStats) float64) func() float64 {
			return func() float64 {
				all := a.pipeline.AppendSensors(nil)
				return f(&all[i])
			}
		}
		r.CounterFunc(prefix+"samples_received_total", "Samples acquired, changes of status included.",
			stat(func(s *pipeline.SensorStats) float64 { return float64(s.Samples) }), label)
		r.GaugeFunc(prefix+"sensor_up", "1 if the sensor answered last time.",
			stat(func(s *pipeline.SensorStats) float64 { return boolean(s.Up) }), label)
		r.CounterFunc(prefix+"sensor_skipped_total", "Measurements left out because the bus was busy.",
			stat(func(s *pipeline.SensorStats) float64 { return float64(s.Skipped) }), label)
		r.CounterFunc(prefix+"sensor_spared_total", "Measurements left out because the ring filled and periods were stretched.",
			stat(func(s *pipeline.SensorStats) float64 { return float64(s.Spared) }), label)
		r.CounterFunc(prefix+"sensor_corrupt_total", "Corrupt sentences, lines or telegrams of a stream.",
			stat(func(s *pipeline.SensorStats) float64 { return float64(s.Corrupt) }), label)
		for k := range pipeline.ErrorKind(pipeline.ErrorKinds) {
			r.CounterFunc(prefix+"sensor_errors_total", "Failed tries to read a sensor.",
				stat(func(s *pipeline.SensorStats) float64 { return float64(s.Errors[k]) }),
				label, metrics.Label{Name: "kind", Value: k.String()})
		}
	}
	a.registerBuses(r)
}

// registerBuses registers how the steps of recovery fare: the mildest, a retry,
// concerns one sensor only.
func (a *Agent) registerBuses(r *metrics.Registry) {
	for i := range a.plan.buses {
		if a.plan.buses[i].Reopen == nil {
			continue // the kernel reads it
		}
		bus := metrics.Label{Name: "bus", Value: a.plan.buses[i].Name}
		r.GaugeFunc(prefix+"bus_broken", "1 while all sensors of a bus fail as if it were stuck.",
			func() float64 { return boolean(a.pipeline.Bus(i).Broken) }, bus)
		for j, step := range a.plan.buses[i].StepNames() {
			registerStep(r, bus, step, func() pipeline.StepStats { return a.pipeline.Bus(i).Steps[j] })
		}
	}
	first := len(a.plan.sensors) - len(a.plan.streams)
	for i := range a.plan.streams {
		conf := a.plan.sensors[first+i].conf
		if conf.Bus == "" {
			continue
		}
		for j, step := range a.plan.streams[i].StepNames() {
			registerStep(r, metrics.Label{Name: "bus", Value: conf.Bus}, step,
				func() pipeline.StepStats { return a.pipeline.AppendSensors(nil)[first+i].Steps[j] })
		}
	}
}

func registerStep(r *metrics.Registry, bus metrics.Label, step string, stat func() pipeline.StepStats) {
	label := metrics.Label{Name: "step", Value: step}
	r.CounterFunc(prefix+"bus_recoveries_total", "Times that a bus worked again after a step of recovery.",
		func() float64 { return float64(stat().Helped) }, bus, label)
	r.CounterFunc(prefix+"bus_recovery_steps_total", "Steps of recovery taken, whether they helped or not.",
		func() float64 { return float64(stat().Taken) }, bus, label)
}

func (a *Agent) registerUplink(r *metrics.Registry) {
	stat := func(f func(*uplink.Status) float64) func() float64 {
		return func() float64 {
			s := a.uplink.Status()
			return f(&s)
		}
	}
	r.GaugeFunc(prefix+"uplink_connected", "1 while frames flow to Redis.",
		stat(func(s *uplink.Status) float64 { return boolean(s.Connected) }))
	r.GaugeFunc(prefix+"uplink_live", "1 while new frames of normal priority go out live; 0: they go to the spool first.",
		stat(func(s *uplink.Status) float64 { return boolean(s.Live) }))
	r.GaugeFunc(prefix+"uplink_fenced", "1 when another agent has taken over this device's name.",
		stat(func(s *uplink.Status) float64 { return boolean(s.Fenced) }))
	r.GaugeFunc(prefix+"uplink_awaiting_time", "1 while nothing is sent because clock.require_sync waits for the time.",
		stat(func(s *uplink.Status) float64 { return boolean(s.AwaitingTime) }))
	r.GaugeFunc(prefix+"uplink_durability", "Level in force: 0 memory, 1 age, 2 aof, 3 replica.",
		stat(func(s *uplink.Status) float64 { return levelNumber(s.Level) }))
	r.GaugeFunc(prefix+"uplink_unconfirmed_frames", "Frames in memory that Redis has accepted and not confirmed as durable.",
		stat(func(s *uplink.Status) float64 { n, _ := unconfirmed(s); return float64(n) }))
	r.GaugeFunc(prefix+"uplink_unconfirmed_seconds", "For how long Redis has confirmed none of them; 0 while none waits.",
		stat(func(s *uplink.Status) float64 { _, d := unconfirmed(s); return d.Seconds() }))
	r.GaugeFunc(prefix+"circuit_breaker_state", "0 closed, 1 half-open, 2 open.",
		stat(func(s *uplink.Status) float64 { return float64(s.Breaker) }))
	r.CounterFunc(prefix+"circuit_breaker_trips_total", "Times that the breaker opened.",
		stat(func(s *uplink.Status) float64 { return float64(s.Trips) }))
	r.CounterFunc(prefix+"retries_total", "Batches that had to be sent again.",
		stat(func(s *uplink.Status) float64 { return float64(s.Counters.Retries) }))
	r.CounterFunc(prefix+"gaps_declared_total", "Gap records that Redis accepted.",
		stat(func(s *uplink.Status) float64 { return float64(s.Counters.Declared) }))
	r.CounterFunc(prefix+"frames_released_early_total", "Frames given up from memory before Redis had them durably, because memory ran out.",
		stat(func(s *uplink.Status) float64 { return float64(s.Counters.Early) }))
	for i, cause := range uplink.Causes {
		r.CounterFunc(prefix+"samples_lost_total", "Samples lost; each loss is declared by a gap record.",
			stat(func(s *uplink.Status) float64 { return float64(s.Counters.Lost[i]) }),
			metrics.Label{Name: "cause", Value: string(cause)})
	}
}

func (a *Agent) registerLanes(r *metrics.Registry) {
	for i := range frame.Lanes {
		label := metrics.Label{Name: "lane", Value: frame.Lane(i).String()}
		r.CounterFunc(prefix+"samples_forwarded_total", "Samples that Redis accepted.",
			func() float64 { return float64(a.uplink.Status().Counters.Delivered[i]) }, label)
		r.CounterFunc(prefix+"frames_forwarded_total", "Frames that Redis accepted.",
			func() float64 { return float64(a.uplink.Status().Counters.Frames[i]) }, label)
		r.GaugeFunc(prefix+"uplink_queued_frames", "Frames in memory that Redis has not accepted.",
			func() float64 { return float64(a.uplink.Status().Lanes[i].Queued) }, label)
	}
}

func (a *Agent) registerSpool(r *metrics.Registry) {
	r.GaugeFunc(prefix+"spool_frames", "Frames in the spool.", func() float64 { return float64(a.spool().Frames) })
	r.GaugeFunc(prefix+"spool_bytes", "Bytes that the spool takes on disk.", func() float64 { return float64(a.spool().Bytes) })
	r.GaugeFunc(prefix+"spool_max_bytes", "Bytes that it may take.", func() float64 { return float64(a.spool().MaxBytes) })
	r.GaugeFunc(prefix+"spool_oldest_seconds", "Age of the oldest frame in the spool.", func() float64 { return a.spool().Oldest })
	r.GaugeFunc(prefix+"spool_up", "1 while the spool takes frames; 0: it could not be opened, its disk fails, or it is full and keeps what it has.",
		func() float64 { return boolean(a.store != nil && a.uplink.Status().StoreErr == nil) })
	r.CounterFunc(prefix+"spool_salvaged_files_total", "Damaged files of the spool that were set aside, at the start or since.",
		func() float64 { return float64(a.spool().Salvaged) })
}

// levelNumber is the number of a level's name, as metric uplink_durability
// lists them: a replica is one, whichever way it is asked.
func levelNumber(d uplink.Durability) float64 { return float64(min(d, uplink.Replica)) }

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
