package process

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// maxChannels is what Sample.Channel can tell apart.
const maxChannels = math.MaxUint16 + 1

// check reports every problem of the plan but cycles.
func (p *Plan) check() error {
	if len(p.Channels) > maxChannels {
		return fmt.Errorf("process: %d channels are more than the %d that samples can name", len(p.Channels), maxChannels)
	}
	var problems []error
	carries := make(map[int]int) // result's channel → aggregated channel
	for i := range p.Channels {
		c := &p.Channels[i]
		for _, err := range append(p.checkChannel(c), p.checkAggregates(i, carries)...) {
			problems = append(problems, fmt.Errorf("process: channel %s: %w", p.name(i), err))
		}
		if c.Alarm != nil {
			if err := c.Alarm.Check(); err != nil {
				problems = append(problems, fmt.Errorf("process: channel %s: alarm: %w", p.name(i), err))
			}
		}
	}
	return errors.Join(problems...)
}

func (p *Plan) checkChannel(c *Channel) (problems []error) {
	if s := c.Send; s.Change < 0 || math.IsNaN(s.Change) || math.IsInf(s.Change, 0) {
		problems = append(problems, fmt.Errorf("send: change = %v must be a finite number, 0 for any change", s.Change))
	}
	if s := c.Send; s.Every < 0 {
		problems = append(problems, fmt.Errorf("send: every = %v must not be negative, 0 for no heartbeat", s.Every))
	}
	want := 0
	if c.Value != nil {
		want = len(c.Value.Refs())
		if want == 0 {
			problems = append(problems, fmt.Errorf("value: %s has no input that would tell when to compute it", c.Value))
		}
	}
	if len(c.Inputs) != want {
		problems = append(problems, fmt.Errorf("inputs: %d given, the expression has %d", len(c.Inputs), want))
	}
	for k, in := range c.Inputs {
		if in < 0 || in >= len(p.Channels) {
			problems = append(problems, fmt.Errorf("inputs: input %d is channel %d, there are %d", k+1, in, len(p.Channels)))
		}
	}
	return problems
}

// checkAggregates looks at the aggregates of channel i. carries collects which
// channels carry results: each carries one.
func (p *Plan) checkAggregates(i int, carries map[int]int) (problems []error) {
	for _, a := range p.Channels[i].Aggregates {
		name := fmt.Sprintf("aggregate %v of %v", a.Of, a.Window)
		if a.Of > StdDev {
			problems = append(problems, fmt.Errorf("aggregate: statistic %d is unknown", a.Of))
			continue
		}
		if a.Window <= 0 {
			problems = append(problems, fmt.Errorf("%s: the window must be longer than 0", name))
		}
		if a.Channel < 0 || a.Channel >= len(p.Channels) {
			problems = append(problems, fmt.Errorf("%s: its channel is %d, there are %d", name, a.Channel, len(p.Channels)))
			continue
		}
		if p.Channels[a.Channel].Value != nil {
			problems = append(problems, fmt.Errorf("%s: its channel %s is computed by an expression", name, p.name(a.Channel)))
		}
		if other, taken := carries[a.Channel]; taken {
			problems = append(problems, fmt.Errorf("%s: its channel %s carries an aggregate of %s", name, p.name(a.Channel), p.name(other)))
		}
		carries[a.Channel] = i
	}
	return problems
}

// name gives a channel's name for errors.
func (p *Plan) name(i int) string {
	if n := p.Channels[i].Name; n != "" {
		return n
	}
	return fmt.Sprintf("#%d", i)
}

// order sorts the channels such that each comes after those that it is
// computed from, and otherwise as the plan has them. A channel that needs
// itself is an error that names the circle.
func (p *Plan) order() ([]int, error) {
	needs := make([][]int, len(p.Channels))
	for i := range p.Channels {
		needs[i] = append(needs[i], p.Channels[i].Inputs...)
		for _, a := range p.Channels[i].Aggregates {
			needs[a.Channel] = append(needs[a.Channel], i)
		}
	}
	s := sorter{needs: needs, state: make([]byte, len(needs))}
	for i := range needs {
		if at := s.visit(i); at >= 0 {
			return nil, fmt.Errorf("process: channel %s is computed from itself: %s; take one of them out of the circle",
				p.name(at), p.circle(s.path, at))
		}
	}
	return s.order, nil
}

// circle writes the end of path from the channel at on, which closes it.
func (p *Plan) circle(path []int, at int) string {
	var names []string
	for k := len(path) - 1; k >= 0; k-- {
		names = append(names, p.name(path[k]))
		if path[k] == at {
			break
		}
	}
	return p.name(at) + " → " + strings.Join(names, " → ")
}

// sorter is a depth-first topological sort.
type sorter struct {
	needs [][]int
	state []byte // 0 new, 1 on the path, 2 done
	path  []int
	order []int
}

// visit returns a channel that needs itself, or -1.
func (s *sorter) visit(i int) int {
	switch s.state[i] {
	case 1:
		return i
	case 2:
		return -1
	}
	s.state[i] = 1
	s.path = append(s.path, i)
	for _, n := range s.needs[i] {
		if at := s.visit(n); at >= 0 {
			return at
		}
	}
	s.state[i], s.path = 2, s.path[:len(s.path)-1]
	s.order = append(s.order, i)
	return -1
}
