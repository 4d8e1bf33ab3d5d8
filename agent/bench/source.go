package bench

import (
	"math"
	"sync"
	"time"

	"github.com/telhub/telhub/drivers"
)

// fields are the quantities of a synthetic sensor: a base, how far it swings,
// the standard deviation of its noise, all in steps of the resolution. They
// are those of a weather sensor with a supply to watch.
var fields = [...]struct {
	output             drivers.Output
	base, swing, noise float64
}{
	{drivers.Output{Name: "temperature", Unit: "Cel", Resolution: 0.01}, 2150, 300, 0.8},
	{drivers.Output{Name: "humidity", Unit: "%RH", Resolution: 0.01}, 4500, 500, 1.2},
	{drivers.Output{Name: "pressure", Unit: "hPa", Resolution: 0.01}, 101325, 100, 1},
	{drivers.Output{Name: "voltage", Unit: "V", Resolution: 0.001}, 3700, 40, 1.5},
}

// tableRows is how many readings are computed before the measurement; then
// they repeat, with stamps that go on.
const tableRows = 1 << 14

// table holds the readings that all sources play: values and the stamps'
// jitter, which a codec has to pay for.
type table struct {
	values [tableRows][len(fields)]float64
	jitter [tableRows]int64 // milliseconds, around 0
}

// newTable computes the readings. The noise is a sum of uniform draws, near
// enough to normal; the seed is fixed, so every run sends the same.
func newTable() *table {
	t := &table{}
	state := uint64(1)
	normal := func() float64 {
		sum := -6.0
		for range 12 {
			state ^= state << 13
			state ^= state >> 7
			state ^= state << 17
			sum += float64(state>>11) / (1 << 53)
		}
		return sum
	}
	for i := range t.values {
		for k, f := range fields {
			steps := math.Round(f.base + f.swing*math.Sin(2*math.Pi*float64(i*(k+1))/tableRows) + f.noise*normal())
			t.values[i][k] = steps / math.Round(1/f.output.Resolution)
		}
		t.jitter[i] = int64(math.Round(2 * normal()))
	}
	return t
}

// sum identifies a multiset of samples: the wrapping sum of a hash of each.
type sum struct {
	n    uint64
	hash uint64
}

func (s *sum) add(name uint64, millis int64, value float64) {
	h := (math.Float64bits(value) ^ name) * 0x9E3779B97F4A7C15
	h = (h ^ h>>29 ^ uint64(millis)) * 0xBF58476D1CE4E5B9
	s.n++
	s.hash += h ^ h>>32
}

// hashName is FNV-1a.
func hashName[T string | []byte](name T) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return h
}

// gate lets sources run a bounded number of samples ahead of Redis: that is
// the back-pressure under which the greatest speed is measured.
type gate struct {
	mu     sync.Mutex // guards all below
	room   sync.Cond
	credit int
	closed bool
}

func newGate(samples int) *gate {
	g := &gate{credit: samples}
	g.room.L = &g.mu
	return g
}

// take waits for credit for at least one reading of width samples and takes it
// for at most readings. It returns 0 once the gate is closed.
func (g *gate) take(readings, width int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.credit < width && !g.closed {
		g.room.Wait()
	}
	if g.closed {
		return 0
	}
	n := min(readings, g.credit/width)
	g.credit -= n * width
	return n
}

// give returns the credit of samples that Redis acknowledged.
func (g *gate) give(samples int) {
	g.mu.Lock()
	g.credit += samples
	g.mu.Unlock()
	g.room.Broadcast()
}

func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.room.Broadcast()
}

// source is a stream that speaks as fast as its gate lets it: a pipeline.Port
// whose bytes stand for readings, and the drivers.Stream that decodes them.
// The stream's owner goroutine uses it; sent is read after Stop.
type source struct {
	gate    *gate
	table   *table
	outputs []drivers.Output
	names   []uint64 // hashes of the channels' names
	next    int
	millis  int64 // of the next reading's place on its grid of one second
	sent    sum
}

func newSource(g *gate, t *table, name string, millis int64) *source {
	s := &source{gate: g, table: t, millis: millis}
	for _, f := range fields {
		s.outputs = append(s.outputs, f.output)
		s.names = append(s.names, hashName(name+"/"+f.output.Name))
	}
	return s
}

// chunk is how many readings a Read brings at most.
const chunk = 256

// Read implements pipeline.Port.
func (s *source) Read(p []byte) (int, error) {
	n := s.gate.take(min(len(p), chunk), len(fields))
	if n == 0 {
		time.Sleep(10 * time.Millisecond) // closed: until Stop notices
		return 0, drivers.ErrTimeout
	}
	return n, nil
}

// Reopen implements pipeline.Port.
func (s *source) Reopen() error { return nil }

// Outputs implements drivers.Stream.
func (s *source) Outputs() []drivers.Output { return s.outputs }

// Feed implements drivers.Stream: each byte is a reading.
func (s *source) Feed(_ []byte, _ int64, dst *drivers.Reading) (int, bool) {
	row := s.next % tableRows
	s.next++
	millis := s.millis + s.table.jitter[row]
	s.millis += 1000
	dst.Stamp = millis * int64(time.Millisecond)
	for i, v := range &s.table.values[row] {
		dst.Set(i, v)
		s.sent.add(s.names[i], millis, v)
	}
	return 1, true
}

// Idle implements drivers.Stream.
func (s *source) Idle(time.Duration, *drivers.Reading) bool { return false }

// Counts implements drivers.Stream.
func (s *source) Counts() (good, corrupt uint64) { return uint64(s.next), 0 }

// Reset implements drivers.Stream.
func (s *source) Reset() {}
