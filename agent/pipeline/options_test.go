package pipeline

import (
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

func TestNewReportsEveryProblem(t *testing.T) {
	r := newRig(t, 2)
	short := r.device().polled("fast", time.Microsecond)
	short.Channels = []int{0}
	twice := r.device().polled("twice", time.Second)
	twice.Channels = []int{0}
	outside := r.device().polled("outside", time.Second)
	outside.Channels = []int{2}
	many := r.device().polled("many", time.Second)
	many.Channels = []int{-1, 1}
	r.opts.Buses = []BusPlan{{Name: "b", Sensors: []Polled{short, twice, outside, many, {Name: "none"}}}}
	fine := r.device().polled("fine", 10*time.Millisecond)
	fine.Oversample, fine.Channels = 11, []int{-1}
	often := r.device().polled("often", time.Second)
	often.Oversample, often.Channels = 65, []int{-1}
	high := r.device().polled("high", time.Second)
	high.High, high.Channels = true, []int{1}
	r.opts.Buses[0].Sensors[3].Channels = []int{-1, -1}
	r.opts.Buses[0].Sensors = append(r.opts.Buses[0].Sensors, fine, often, high)
	r.opts.Classes = []frame.Class{frame.Normal, frame.Normal}
	r.opts.Latest = NewLatest(3, 1)
	r.opts.Streams = []StreamPlan{
		{Name: "portless", Stream: &letters{}},
		{Name: "negative", Stream: &letters{}, Port: r.port(), Stale: -1, Channels: []int{-1, -1}},
	}
	r.opts.Capacity, r.opts.Workers, r.opts.MaxSamples = 1, -1, 1<<20
	_, err := New(r.opts)
	if err == nil {
		t.Fatal("New accepts it all")
	}
	for _, want := range []string{
		`capacity: 1, want 16 to 16777216`,
		`workers: -1, want 1 to 64`,
		`max samples: 1048576, want 1 to 65536`,
		`sensor "fast": period 1µs: at least 1ms is possible`,
		`sensor "twice": output 0: channel 0 belongs to sensor "fast" already`,
		`sensor "outside": output 0: channel 2 is not in the schema of 2`,
		`sensor "many": 2 channels for 1 outputs`,
		`sensor "none": no driver`,
		`sensor "fine": 11 readings in 10ms: at least 1ms each are needed`,
		`sensor "often": oversample 65: 1 to 64 are possible`,
		`sensor "high": output 0: its class is high: false, that of the sensor: true; without a processor they must agree`,
		`latest values of 3 channels for 2`,
		`sensor "portless": no driver or no port`,
		`sensor "negative": stale -1ns, reopen 0s: negative`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing: %s\nin: %v", want, err)
		}
	}
}

func TestNewRequiresItsEnds(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("New accepts no schema, pool and outlet")
	}
	o := newRig(t, 1).opts
	o.Schema = &frame.Schema{Channels: []frame.Channel{{Name: ""}}}
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "channel 0 has no name") {
		t.Errorf("a schema that cannot be encoded: %v", err)
	}
}

func TestClassesAreChecked(t *testing.T) {
	r := newRig(t, 2)
	r.opts.Classes = []frame.Class{frame.Normal, frame.Urgent}
	if _, err := New(r.opts); err == nil || !strings.Contains(err.Error(), "channel 1: class 2: a channel's is normal or high") {
		t.Errorf("class Urgent for a channel: %v", err)
	}
	r.opts.Classes = r.opts.Classes[:1]
	if _, err := New(r.opts); err == nil || !strings.Contains(err.Error(), "1 classes for 2 channels") {
		t.Errorf("too few classes: %v", err)
	}
}

func TestBytesCoversWhatNewAllocates(t *testing.T) {
	o := newRig(t, 100).opts
	// The ring's 8192 samples and 6 jobs of 4096; about 1 KB a channel.
	want := int(unsafe.Sizeof(drivers.Sample{}))*(8192+6*4096) + 100*1024
	if got := o.Bytes(); got < want*9/10 || got > want*11/10 {
		t.Errorf("%d bytes, want about %d", got, want)
	}
	before := o.Bytes()
	o.Processor = &mangler{}
	const sample, value = int(unsafe.Sizeof(drivers.Sample{})), int(unsafe.Sizeof(Value{}))
	if got, want := o.Bytes()-before, 2*256*sample+100*value; got != want {
		t.Errorf("a processor costs %d bytes, want %d: its results of a batch, and the raw values", got, want)
	}
}
