package httpapi

// Source is where the server gets what it shows. Its methods are called from
// several goroutines at once, at each request; the caller owns what they
// return. No number may be NaN or infinite: JSON cannot carry one.
type Source interface {
	Status() Status
	Sensors() []Sensor
	Health() Health
}

// Status is the answer of /api/status.
type Status struct {
	Device  string  `json:"device"`
	Version string  `json:"version"`
	Board   string  `json:"board"`
	Boot    string  `json:"boot"`           // the kernel's boot id
	Epoch   uint64  `json:"epoch"`          // grows by one at each start of the agent
	Uptime  float64 `json:"uptime_seconds"` // of the agent
	Time    string  `json:"time,omitempty"` // RFC 3339; absent while the date is not known

	State    string    `json:"state"`    // StateOK or StateDegraded
	Problems []Trouble `json:"problems"` // what is wrong, worst first; empty when ok

	Uplink   Uplink   `json:"uplink"`
	Spool    Spool    `json:"spool"`
	Queue    Queue    `json:"queue"`
	Workers  Workers  `json:"workers"`
	Clock    Clock    `json:"clock"`
	Alarms   []Alarm  `json:"alarms"` // raised now; empty when none is
	Counters Counters `json:"counters"`
}

// Alarm is one channel's alarm while it is raised.
type Alarm struct {
	Channel string   `json:"channel"` // "<sensor>/<output>"
	State   string   `json:"state"`   // "high", "low", "stale"
	Level   string   `json:"level"`   // "info", "warn", "critical"
	Value   *float64 `json:"value"`   // the latest; null when there is none
	Unit    string   `json:"unit,omitempty"`
	Since   string   `json:"since,omitempty"` // RFC 3339, where the date is known
	Age     float64  `json:"age_seconds"`     // since it was raised; -1 when not known
}

// The states of Status.
const (
	StateOK       = "ok"
	StateDegraded = "degraded"
)

// Trouble is something wrong, in plain words.
type Trouble struct {
	What string `json:"what"` // "sensor greenhouse does not answer since 12 s"
	Do   string `json:"do"`   // "check its wiring and its address, 0x76"
}

// Uplink is the way to Redis.
type Uplink struct {
	State      string `json:"state"`      // "connected", "disconnected", "fenced" (another agent has this device's name)
	Server     string `json:"server"`     // address without credentials
	Encoding   string `json:"encoding"`   // "senml", "compact"
	Durability string `json:"durability"` // level in force: "memory", "age", "aof", "replica"

	// Frames that Redis has accepted and not confirmed as durable: they stay
	// in memory. Seconds is for how long it has confirmed none; usually under 2.
	Unconfirmed        int     `json:"unconfirmed_frames"`
	UnconfirmedSeconds float64 `json:"unconfirmed_seconds"`

	LastError string `json:"last_error,omitempty"`

	Breaker string `json:"breaker"` // "closed", "open", "half-open"
	Trips   uint64 `json:"breaker_trips"`
	Retries uint64 `json:"retries"`

	Lanes []Lane `json:"lanes"` // alarm, live, backfill
}

// Lane is one of the ordered ways into Redis. Seq, Accepted and Durable number
// frames of this start's epoch; the others count samples and frames.
type Lane struct {
	Name      string `json:"name"`
	Seq       uint64 `json:"seq"`      // last number given
	Accepted  uint64 `json:"accepted"` // last number that Redis acknowledged
	Durable   uint64 `json:"durable"`  // last number that Redis has safe, by the durability in force
	Queued    int    `json:"queued"`   // frames waiting
	Delivered uint64 `json:"delivered"`
}

// Spool is what is stored until Redis has it.
type Spool struct {
	State    string  `json:"state"` // "ok", "full", "off", "failed"
	Path     string  `json:"path"`
	Frames   uint64  `json:"frames"`
	Bytes    uint64  `json:"bytes"`
	MaxBytes uint64  `json:"max_bytes"`
	Oldest   float64 `json:"oldest_seconds"`  // age of the oldest frame; 0 when empty
	Dropped  uint64  `json:"dropped_samples"` // by spool.drop, since the start; each is declared
	Salvaged uint64  `json:"salvaged_segments"`

	LossWindow  float64 `json:"loss_window_seconds"`     // what a power cut may cost now while offline: spool.max_loss, or longer by flash_budget
	Commits     float64 `json:"commit_interval_seconds"` // how far apart commits are then
	FlashBudget uint64  `json:"flash_budget_bytes"`      // of 24 hours; 0 = not limited
	FlashDay    uint64  `json:"flash_written_day_bytes"` // in the last 24 hours, or since the start
}

// Queue is the ring between sensors and workers, in samples.
type Queue struct {
	Size      int    `json:"size"`
	Capacity  int    `json:"capacity"`
	HighWater int    `json:"high_water"`
	Overruns  uint64 `json:"overruns"` // samples overwritten unread; each is declared
}

// Workers turn samples into frames.
type Workers struct {
	Count int `json:"count"`
	Busy  int `json:"busy"`
}

// Clock says how far dates can be trusted.
type Clock struct {
	Quality string `json:"quality"`           // "unset", "holdover", "ntp", "gnss"
	Source  string `json:"source,omitempty"`  // what the date came from, in words
	Jumps   uint64 `json:"jumps"`             // steps of wall time since the start
	Offset  int64  `json:"offset_ms"`         // Unix time minus time since boot
	Redated uint64 `json:"redated,omitempty"` // samples dated after the fact
	Awaited bool   `json:"awaited,omitempty"` // clock.require_sync holds samples back until the time is known
}

// Counters add up: acquired + derived = delivered + stored + in flight +
// declared lost + withheld.
type Counters struct {
	Acquired     uint64 `json:"acquired"` // from sensors
	Derived      uint64 `json:"derived"`  // made here: derived channels, aggregates, alarms
	Withheld     uint64 `json:"withheld"` // by the configuration: deadband, filters, limits
	Delivered    uint64 `json:"delivered"`
	Stored       uint64 `json:"stored"`    // in the spool now
	InFlight     uint64 `json:"in_flight"` // in memory; alarms that wait are on flash, too
	DeclaredLost uint64 `json:"declared_lost"`
}

// Sensor is one element of the answer of /api/sensors.
type Sensor struct {
	Name      string            `json:"name"`
	Use       string            `json:"use"` // engine or profile
	Bus       string            `json:"bus"`
	Up        bool              `json:"up"`
	LastError string            `json:"last_error,omitempty"`
	Reads     uint64            `json:"reads"`
	Errors    map[string]uint64 `json:"errors,omitempty"` // by kind: "nack", "timeout", "crc" …
	Late      float64           `json:"late_seconds"`     // worst lateness of a read in the last minute
	Skipped   uint64            `json:"skipped"`          // reads left out because the bus was busy
	Channels  []Channel         `json:"channels"`
}

// Channel is one quantity of a sensor and its latest value.
type Channel struct {
	Name       string   `json:"name"` // "temperature"
	Unit       string   `json:"unit,omitempty"`
	Resolution float64  `json:"resolution,omitempty"` // step between values, 0 = not known; the page rounds to it
	Value      *float64 `json:"value"`                // null before the first value
	Raw        *float64 `json:"raw,omitempty"`        // as the driver gave it, in the driver's unit, where that is something else
	Status     string   `json:"status"`               // "ok", "stale", "bad", "lost"
	Missing    bool     `json:"missing,omitempty"`    // the sensor answers, and this never came: the device may not have it
	Alarm      string   `json:"alarm,omitempty"`      // "high", "low" while it lasts

	Stamp   string `json:"stamp,omitempty"` // RFC 3339, where the date is known
	StampMS int64  `json:"stamp_ms"`        // milliseconds of Unix time if Stamp is there, else since boot
	AgeMS   int64  `json:"age_ms"`          // since the value was taken; -1 before the first

	Recent []float64 `json:"recent"` // latest values, oldest first, for a sparkline
}

// Health is the answer of /health/detailed.
type Health struct {
	Live   bool    `json:"live"`  // the process works: a restart would not help
	Ready  bool    `json:"ready"` // it acquires samples and can deliver or store them
	Checks []Check `json:"checks"`

	Version string `json:"version"` // of the program: an update waits until the new one answers
}

// Check is one thing that Health looked at.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}
