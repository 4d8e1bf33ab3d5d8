package observe

import (
	"time"

	"github.com/telhub/telhub/processing/queue"
)

// Status is the answer of /api/status.
type Status struct {
	Name    string  `json:"name"` // of the consumer
	Version string  `json:"version"`
	Uptime  float64 `json:"uptime_seconds"`
	Time    string  `json:"time"` // RFC 3339

	State    string    `json:"state"`    // StateOK, StateDegraded or StateStopping
	Problems []Trouble `json:"problems"` // what is wrong, worst first; empty when ok

	Redis     Redis              `json:"redis"`
	Pool      Pool               `json:"pool"`
	Queues    []queue.QueueStats `json:"queues"` // durations in nanoseconds
	Telemetry []Consumer         `json:"telemetry,omitempty"`
}

// The states of Status.
const (
	StateOK       = "ok"
	StateDegraded = "degraded"
	StateStopping = "stopping"
)

// Trouble is something wrong, in plain words.
type Trouble struct {
	What string `json:"what"`
	Do   string `json:"do"`
}

// Redis is the server.
type Redis struct {
	Server  string `json:"server"` // address without credentials
	OK      bool   `json:"ok"`
	Error   string `json:"error,omitempty"`
	Repeats uint64 `json:"repeated_calls"` // after a lost reply, or while it could not answer
}

// Pool is the workers of this process.
type Pool struct {
	Workers     int      `json:"workers"`
	Reserved    int      `json:"reserved"`
	Busy        int      `json:"busy"`
	Prefetched  int      `json:"prefetched"`
	Uncommitted int      `json:"uncommitted"`
	Types       []string `json:"types"`
	Arrivals    float64  `json:"arrivals_per_second"` // into the queues worked on; 0 while not known
	Service     float64  `json:"service_seconds"`     // mean of the last tasks
	Wanted      int      `json:"workers_wanted"`      // over all processes; 0 before a task has run
}

// Consumer is a reader of telhub's streams.
type Consumer struct {
	Group      string `json:"group"`
	Frames     int64  `json:"frames"`
	Rows       int64  `json:"rows"`
	Duplicates int64  `json:"duplicates"`
	Dead       int64  `json:"dead_letters"`
	Held       int    `json:"held"` // read and not yet stored
}

// StatusOf puts together what a pool, a look at Redis and the metrics tell.
func StatusOf(m *Metrics, l Look, now time.Time) Status {
	s := Status{Time: now.UTC().Format(time.RFC3339), State: StateOK, Problems: []Trouble{}, Queues: l.Stats.Queues}
	if s.Queues == nil {
		s.Queues = []queue.QueueStats{}
	}
	s.Redis.OK = l.Err == nil
	if l.Err != nil {
		s.Redis.Error = l.Err.Error()
		s.trouble("Redis does not answer", l.Err.Error())
	}
	if l.Arrivals == l.Arrivals { // not NaN, which JSON cannot carry
		s.Pool.Arrivals = l.Arrivals
	}
	s.Pool.Service, s.Pool.Wanted = m.service.mean().Seconds(), l.Wanted
	for i := range s.Queues {
		if q := &s.Queues[i]; !q.Paused.IsZero() && q.Waiting() > 0 {
			s.trouble("queue "+q.Name+" is paused, and tasks wait", "ttp resume "+q.Name)
		}
	}
	return s
}

func (s *Status) trouble(what, do string) {
	s.State = StateDegraded
	s.Problems = append(s.Problems, Trouble{what, do})
}
