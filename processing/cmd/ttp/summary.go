package main

import (
	"sync/atomic"
	"time"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/processing/worker"
)

// summary counts what a run did.
type summary struct {
	done, retried, dead, released, recovered, lost atomic.Int64
}

// summaryLine is a summary as JSON.
type summaryLine struct {
	Done      int64   `json:"done"`
	Retried   int64   `json:"retried"`
	Dead      int64   `json:"dead"`
	GivenBack int64   `json:"given_back"`
	Recovered int64   `json:"recovered"` // redeliveries
	Lost      int64   `json:"lost"`      // ended here after another worker had them
	Seconds   float64 `json:"seconds"`
}

func (s *summary) line(took time.Duration) summaryLine {
	return summaryLine{
		Done: s.done.Load(), Retried: s.retried.Load(), Dead: s.dead.Load(), GivenBack: s.released.Load(),
		Recovered: s.recovered.Load(), Lost: s.lost.Load(), Seconds: took.Seconds(),
	}
}

// Began implements worker.Observer.
func (s *summary) Began(*queue.Delivery) {}

// Ended implements worker.Observer.
func (s *summary) Ended(_ *queue.Delivery, e *worker.End) {
	switch e.Kind {
	case queue.Done:
		s.done.Add(1)
	case queue.Retry:
		s.retried.Add(1)
	case queue.Dead:
		s.dead.Add(1)
	}
}

// Happened implements worker.Observer.
func (s *summary) Happened(e worker.Event) {
	switch e.Kind {
	case worker.GivenBack:
		s.released.Add(int64(e.N))
	case worker.Recovered:
		s.recovered.Add(int64(e.N))
	case worker.Lost:
		s.lost.Add(int64(e.N))
	}
}
