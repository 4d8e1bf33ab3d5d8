package bench

import (
	"fmt"
	"slices"
)

// Report is all that was measured. Rounds of different series with the same
// index ran in the same round.
type Report struct {
	Machine Machine `json:"machine"`
	Rounds  int     `json:"rounds"`

	Ceilings []Series[Ceiling] `json:"ceilings,omitempty"`
	Floods   []Series[Flood]   `json:"floods,omitempty"`
	Splits   []Series[Split]   `json:"splits,omitempty"`
	Opens    []Series[Open]    `json:"open_loops,omitempty"`
	Fars     []Series[Far]     `json:"round_trips,omitempty"`
	Workers  []Series[Flood]   `json:"workers,omitempty"`
	Backlogs []Series[Backlog] `json:"backlogs,omitempty"`
	Lates    []Series[Late]    `json:"lateness,omitempty"`
	Shards   []Series[Shards]  `json:"shards,omitempty"`
	Model    *Model            `json:"model,omitempty"`
	Goals    []Goal            `json:"goals,omitempty"`
}

// Machine is where it was measured.
type Machine struct {
	CPUs    int    `json:"cpus"`
	Redis   []int  `json:"redis_cpus"`  // processors of Redis alone or shared; empty: not pinned
	Clients []int  `json:"client_cpus"` // of this process
	Arch    string `json:"arch"`
	Go      string `json:"go"`
	Server  string `json:"server"`
	Load    string `json:"load"` // /proc/loadavg at the start
}

// Series is a subject measured once each round.
type Series[T any] struct {
	System string `json:"system"`
	Label  string `json:"label"`
	Case   Case   `json:"case"`
	Runs   []T    `json:"runs"`
}

// Spread is a median and its range.
type Spread struct {
	Median float64 `json:"median"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
}

func spreadOf(all []float64) Spread {
	if len(all) == 0 {
		return Spread{}
	}
	all = slices.Sorted(slices.Values(all))
	n := len(all)
	return Spread{(all[(n-1)/2] + all[n/2]) / 2, all[0], all[n-1]}
}

// over is the spread of one number over the rounds.
func (s *Series[T]) over(f func(*T) float64) Spread {
	all := make([]float64, len(s.Runs))
	for i := range s.Runs {
		all[i] = f(&s.Runs[i])
	}
	return spreadOf(all)
}

// ratio divides a number by another of the same round.
func ratio[A, B any](a *Series[A], b *Series[B], fa func(*A) float64, fb func(*B) float64) (Spread, bool) {
	if a == nil || b == nil || len(a.Runs) == 0 || len(a.Runs) != len(b.Runs) {
		return Spread{}, false
	}
	var all []float64
	for i := range a.Runs {
		if d := fb(&b.Runs[i]); d > 0 {
			all = append(all, fa(&a.Runs[i])/d)
		}
	}
	return spreadOf(all), len(all) > 0
}

// find returns the series of a system with a label, or nil.
func find[T any](all []Series[T], system, label string) *Series[T] {
	for i := range all {
		if all[i].System == system && (label == "" || all[i].Label == label) {
			return &all[i]
		}
	}
	return nil
}

func (s Spread) String() string {
	if s.Least == s.Most {
		return number(s.Median)
	}
	return fmt.Sprintf("%s (%s to %s)", number(s.Median), number(s.Least), number(s.Most))
}

// number writes three digits, and thousands as k.
func number(v float64) string {
	switch {
	case v >= 999_500:
		return fmt.Sprintf("%.3gM", v/1e6)
	case v >= 9_995:
		return fmt.Sprintf("%.3gk", v/1e3)
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// Goal is a claim and what was measured of it.
type Goal struct {
	What string  `json:"what"`
	Want string  `json:"want"`
	Got  Spread  `json:"got"`
	Met  bool    `json:"met"`
	lim  float64 // of the median
}

// Model says what a load takes, by what was measured.
type Model struct {
	Rate     float64 `json:"rate"`
	RedisUS  float64 `json:"redis_cpu_us"`  // each task, from the flood of one server
	ClientUS float64 `json:"client_cpu_us"` // producers and workers
	Scaling  float64 `json:"scaling"`       // Redis' time a task with one master ÷ with the most measured
	Masters  int     `json:"masters"`       // at most 80 % busy
	Cores    int     `json:"client_cores"`  // at most 80 % busy
}

// Audits lists what was not exactly once.
func (r *Report) Audits() (runs int, inexact []string) {
	r.audits(func(system, label string, a Audit) {
		runs++
		if !a.Exact() {
			inexact = append(inexact, fmt.Sprintf("%s, %s: %s", system, label, a))
		}
	})
	return runs, inexact
}

// inexact counts the runs of a system that were not exactly once.
func (r *Report) inexact(system string) (n int) {
	r.audits(func(s, _ string, a Audit) {
		if s == system && !a.Exact() {
			n++
		}
	})
	return n
}

func (r *Report) audits(note func(system, label string, a Audit)) {
	each(r.Floods, note, func(x *Flood) Audit { return x.Audit })
	each(r.Splits, note, func(x *Split) Audit { return x.Drain.Audit })
	each(r.Opens, note, func(x *Open) Audit { return x.Audit })
	each(r.Fars, note, func(x *Far) Audit { return x.Flood.Audit })
	each(r.Workers, note, func(x *Flood) Audit { return x.Audit })
	each(r.Backlogs, note, func(x *Backlog) Audit { return x.Audit })
	each(r.Lates, note, func(x *Late) Audit { return x.Audit })
	each(r.Shards, note, func(x *Shards) Audit { return x.Flood.Audit })
}

func each[T any](all []Series[T], note func(system, label string, a Audit), audit func(*T) Audit) {
	for i := range all {
		for j := range all[i].Runs {
			note(all[i].System, all[i].Label, audit(&all[i].Runs[j]))
		}
	}
}
