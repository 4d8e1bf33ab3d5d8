package pipeline

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/nmea"
	"github.com/telhub/telhub/drivers/serial"
	"github.com/telhub/telhub/drivers/sim"
	"github.com/telhub/telhub/uplink/frame"
)

// A receiver on a real pseudo-terminal talks, is unplugged, and comes back
// under another number: on the real clock, through real transport, decoder and
// codec.
func TestReceiverIsUnpluggedAndComesBack(t *testing.T) {
	pty, err := sim.NewPTY(t.TempDir(), "gnss")
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	truth := sim.NewGNSS(sim.DefaultGNSSOpts())
	talker := sim.NewTalker(pty, truth, time.Second, nil)
	mode, err := serial.ParseMode("9600 8N1")
	if err != nil {
		t.Fatal(err)
	}
	port, err := serial.Open(pty.Path(), serial.Options{Mode: mode, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()

	decoder, schema := nmea.New(), &frame.Schema{}
	plan := StreamPlan{Name: "gnss", Use: "nmea", Port: port, Stream: decoder}
	for i, o := range decoder.Outputs() {
		plan.Channels = append(plan.Channels, i)
		schema.Channels = append(schema.Channels, frame.Channel{Name: "gnss/" + o.Name, Unit: o.Unit, Resolution: o.Resolution})
	}
	events := make(chan Event, 16)
	out := &decoding{by: map[string][]frame.Record{}}
	p, err := New(Options{
		Streams: []StreamPlan{plan}, Schema: schema, Outlet: out,
		Pool:   frame.NewPool(frame.PoolSize{Small: 8, SmallBytes: frame.MaxPayload(schema, 64)}),
		Notify: func(e Event) { events <- e },
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	expect := func(kind EventKind) {
		t.Helper()
		select {
		case e := <-events:
			if e.Kind != kind {
				t.Fatalf("event %+v, want kind %d", e, kind)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no event of kind %d", kind)
		}
	}
	say := func() {
		t.Helper()
		if err := pty.WaitOpened(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := talker.Say(); err != nil {
			t.Fatal(err)
		}
	}

	said := time.Now()
	say()
	expect(SensorUp)
	before := pty.Slave()
	if err := pty.Unplug(); err != nil { // at once: the epoch is still open
		t.Fatal(err)
	}
	expect(SensorDown)
	if err := pty.Replug(); err != nil {
		t.Fatal(err)
	}
	if pty.Slave() == before {
		t.Errorf("it came back under the same name %s", before)
	}
	say()
	expect(SensorUp)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := pty.Unplug(); err != nil {
		t.Fatal(err)
	}
	expect(SensorDown)
	if err := p.Stop(ctx); err != nil {
		t.Fatal(err)
	}

	want := truth.At(said)
	lat := out.by["gnss/lat"]
	kinds := make([]drivers.Kind, 0, len(lat))
	for _, x := range lat {
		kinds = append(kinds, x.Kind)
		// Four decimals of a minute, and a few steps on foot.
		if x.Kind == drivers.KindValue && math.Abs(x.Value-want.Lat) > 2e-3 {
			t.Errorf("latitude %v, want about %v", x.Value, want.Lat)
		}
	}
	v, s := drivers.KindValue, drivers.KindStatus
	if want := []drivers.Kind{v, s, s, v, s}; !slices.Equal(kinds, want) {
		t.Errorf("samples of the latitude %v, want value, lost, ok, value, lost", kinds)
	}
	if a := p.Accounting(); a.Acquired != out.framed || a.Waiting != 0 {
		t.Errorf("accounting %+v, %d decoded", a, out.framed)
	}
}
