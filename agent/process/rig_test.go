package process

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/process/alarm"
	"github.com/telhub/telhub/agent/process/chain"
	"github.com/telhub/telhub/agent/process/expr"
	"github.com/telhub/telhub/drivers"
)

const sec = int64(time.Second)

func ptr(v float64) *float64 { return &v }

// rig plays scripts into an Engine and writes down what comes out.
type rig struct {
	t    *testing.T
	plan Plan
	e    *Engine
	raw  int // samples played in
	out  int // and out
}

func newRig(t *testing.T, channels ...Channel) *rig {
	t.Helper()
	r := &rig{t: t, plan: Plan{Channels: channels}}
	var err error
	if r.e, err = New(r.plan); err != nil {
		t.Fatal(err)
	}
	return r
}

func compile(t testing.TB, src string) *expr.Program {
	t.Helper()
	p, err := expr.Compile(src)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func steps(t testing.TB, specs ...chain.Spec) *chain.Chain {
	t.Helper()
	c, err := chain.Compile(specs, chain.Info{Every: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// filter compiles a chain from the words of the configuration.
func filter(t testing.TB, words ...string) *chain.Chain {
	t.Helper()
	var specs []chain.Spec
	for _, w := range words {
		s, err := chain.ParseFilter(w)
		if err != nil {
			t.Fatal(err)
		}
		specs = append(specs, s)
	}
	return steps(t, specs...)
}

// play feeds one line after the other: "SECONDS name=value name=value …" is a
// reading, "name/status" a status, "SECONDS advance" and "SECONDS finish" call
// these. It returns what came out, in the same form, one line a sample.
func (r *rig) play(script string) string {
	r.t.Helper()
	var out []drivers.Sample
	for line := range strings.Lines(script) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		var at float64
		if _, err := fmt.Sscan(words[0], &at); err != nil {
			r.t.Fatalf("%q: %v", line, err)
		}
		stamp := int64(at * 1e9)
		room := r.e.MaxOut(len(words))
		buf := make([]drivers.Sample, 0, room)
		switch words[1] {
		case "advance":
			buf = r.e.Advance(buf, stamp)
		case "finish":
			buf = r.e.Finish(buf, stamp)
		default:
			raw := r.samples(stamp, words[1:])
			r.raw += len(raw)
			buf = r.e.Process(buf, raw)
		}
		if cap(buf) != room {
			r.t.Errorf("%q: %d samples came out, MaxOut is %d", line, len(buf), room)
		}
		out = append(out, buf...)
	}
	r.out += len(out)
	made, withheld := r.e.Counts()
	if r.raw+int(made) != r.out+int(withheld) {
		r.t.Errorf("raw %d + made %d != out %d + withheld %d", r.raw, made, r.out, withheld)
	}
	return r.text(out)
}

func (r *rig) samples(stamp int64, words []string) (raw []drivers.Sample) {
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		s := drivers.Sample{Stamp: stamp}
		if base, ok := strings.CutSuffix(name, "/status"); ok {
			name, s.Kind, s.Quality = base, drivers.KindStatus, quality(r.t, value)
		} else if _, err := fmt.Sscan(value, &s.Value); err != nil {
			r.t.Fatalf("%q: %v", w, err)
		}
		s.Channel = uint16(r.index(name))
		raw = append(raw, s)
	}
	return raw
}

func (r *rig) index(name string) int {
	for i := range r.plan.Channels {
		if r.plan.Channels[i].Name == name {
			return i
		}
	}
	r.t.Fatalf("no channel %q", name)
	return 0
}

func quality(t *testing.T, word string) drivers.Quality {
	for q := drivers.OK; q <= drivers.Lost; q++ {
		if q.String() == word {
			return q
		}
	}
	t.Fatalf("no status %q", word)
	return 0
}

func (r *rig) text(out []drivers.Sample) string {
	var b strings.Builder
	for _, s := range out {
		name, at := r.plan.Channels[s.Channel].Name, float64(s.Stamp)/1e9
		switch s.Kind {
		case drivers.KindValue:
			fmt.Fprintf(&b, "%v %s=%v\n", at, name, s.Value)
		case drivers.KindStatus:
			fmt.Fprintf(&b, "%v %s/status=%v\n", at, name, s.Quality)
		case drivers.KindAlarm:
			fmt.Fprintf(&b, "%v %s/alarm=%v\n", at, name, s.Alarm)
		}
	}
	return b.String()
}

// expect compares, ignoring how the lines are indented.
func (r *rig) expect(script, want string) {
	r.t.Helper()
	var lines []string
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	want = strings.Join(lines, "\n")
	if got := strings.TrimSpace(r.play(script)); got != want {
		r.t.Errorf("%s\ngot:\n%s\nwant:\n%s", script, got, want)
	}
}

func high(limit float64) *alarm.Options { return &alarm.Options{High: ptr(limit)} }
