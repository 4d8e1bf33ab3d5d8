package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/processing/telemetry"
	"github.com/telhub/telhub/processing/telemetry/streamtest"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

var _ Enqueuer = (*queue.Queue)(nil)

func alarmFrame(device string, seq uint64, words ...string) *telemetry.Frame {
	f := &telemetry.Frame{
		Device: device, Lane: frame.Alarm, ID: frame.ID{Epoch: 1, Seq: seq}, Quality: "ntp", Boot: streamtest.Boot,
		T0: streamtest.Base, T1: streamtest.Base,
	}
	for _, w := range words {
		f.Samples = append(f.Samples, telemetry.Sample{Name: "boiler/temperature", Millis: streamtest.Base + 250, Kind: telemetry.Alarm, Word: w})
	}
	return f
}

// counter is a queue that keeps what it is given and can fail after it has
// taken it, as a network does.
type counter struct {
	mu     sync.Mutex
	tasks  map[string]int
	last   queue.Task
	lose   bool
	refuse string
}

func (c *counter) Enqueue(_ context.Context, tasks ...*queue.Task) ([]queue.Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]queue.Receipt, len(tasks))
	for i, t := range tasks {
		if c.refuse != "" && strings.Contains(t.ID, c.refuse) {
			out[i] = queue.Receipt{ID: t.ID, Err: errors.New("too large")}
			continue
		}
		c.tasks[t.ID]++
		c.last = *t
		out[i] = queue.Receipt{ID: t.ID, Existing: c.tasks[t.ID] > 1}
	}
	if c.lose {
		return nil, errors.New("reply lost")
	}
	return out, nil
}

func TestAlarmsGoIntoTheQueueOnce(t *testing.T) {
	pool := migrated(t)
	q := &counter{tasks: map[string]int{}}
	d := NewDispatcher(pool, q, DispatcherOptions{Class: queue.Critical, Queue: "alarms"})
	woken := 0
	a := NewAlarms(pool, 0, func() { woken++ })
	r := store(t, a, alarmFrame("pi-01", 1, "high", "clear"), alarmFrame("pi-01", 2, "low"), data("pi-01", 1, 1, 3))
	if r != (telemetry.Result{Frames: 3, Rows: 3}) || woken != 1 {
		t.Errorf("%+v, woken %d times", r, woken)
	}
	if r := store(t, a, alarmFrame("pi-01", 2, "low")); r != (telemetry.Result{Duplicates: 1}) || woken != 1 {
		t.Errorf("again: %+v, woken %d times", r, woken)
	}
	q.lose = true // after the queue has taken them
	if n, err := d.Dispatch(t.Context()); n != 0 || err == nil {
		t.Errorf("%d, %v", n, err)
	}
	q.lose = false
	if n, err := d.Dispatch(t.Context()); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := d.Dispatch(t.Context()); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if len(q.tasks) != 3 || q.tasks["alarm:pi-01/alarm/1/2#0"] != 2 {
		t.Errorf("tasks %v", q.tasks)
	}
	var got Alarm
	if err := json.Unmarshal(q.last.Payload, &got); err != nil {
		t.Fatal(err)
	}
	wantAlarm := Alarm{Device: "pi-01", Channel: "boiler/temperature", State: got.State, Time: "2026-06-01T12:00:00.250Z", Quality: "ntp", Correlation: got.Correlation}
	if got != wantAlarm || q.last.Type != TaskAlarm || q.last.Class != queue.Critical || q.last.Queue != "alarms" || q.last.Correlation != got.Correlation {
		t.Errorf("task %+v of %+v", q.last, got)
	}
}

func TestAlarmThatTheQueueRefusesHoldsUpNoOther(t *testing.T) {
	pool := migrated(t)
	q := &counter{tasks: map[string]int{}, refuse: "/1#"}
	d := NewDispatcher(pool, q, DispatcherOptions{})
	store(t, NewAlarms(pool, 0, nil), alarmFrame("pi-01", 1, "high"), alarmFrame("pi-01", 2, "low"))
	if n, err := d.Dispatch(t.Context()); n != 1 || err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("%d, %v", n, err)
	}
	want(t, pool, "alarm:pi-01/alarm/1/1#0|1|too large", "SELECT id, attempts, error FROM telhub.outbox WHERE sent IS NULL AND due > now()")
}

func TestAlarmsOfUndatedFramesTellTheBoot(t *testing.T) {
	f := alarmFrame("pi-01", 1, "high")
	f.Quality, f.Samples[0].Millis = "unset", 77
	var o outbox
	if err := o.add(f); err != nil {
		t.Fatal(err)
	}
	var got Alarm
	if err := json.Unmarshal([]byte(o.payloads[0]), &got); err != nil || got.Time != "" || got.Boot != streamtest.Boot || got.BootMillis != 77 {
		t.Errorf("%+v, %v", got, err)
	}
	if id := taskID("alarm/" + strings.Repeat("x", 300)); len(id) > maxTaskID || id == taskID("alarm/"+strings.Repeat("x", 301)) {
		t.Errorf("ID %s", id)
	}
}

// From the stream into the real queue, with replies lost on the way.
func TestAlarmsReachTheRealQueue(t *testing.T) {
	srv := redistest.Start(t)
	proxy := redistest.NewProxy(t, srv.Addr())
	pool := migrated(t)
	q, err := queue.Open(t.Context(), queue.Options{URL: "redis://" + proxy.Addr() + "/0"})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	d := NewDispatcher(pool, q, DispatcherOptions{Class: queue.Critical})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { d.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	c := client(t, srv.Addr())
	begin(t, telemetry.Options{Client: c, Group: "alarms", Lanes: []lane{alarm}, Sink: NewAlarms(pool, 0, d.Wake)})
	a := streamtest.New(t, srv.Addr(), stream, 1, "pi-01")
	proxy.DropOneIn.Store(5)
	frames := 0
	for frames < 100 || proxy.Dropped.Load() == 0 && frames < 2000 { // a busy machine makes few calls of many
		a.Frame(alarm, 2)
		frames++
		time.Sleep(5 * time.Millisecond)
	}
	eventually(t, "an empty outbox", func() bool {
		return value(t, pool, "SELECT count(*), count(sent) FROM telhub.outbox") == fmt.Sprintf("%d|%[1]d", 2*frames)
	})
	proxy.DropOneIn.Store(0)
	n, err := c.XLen(t.Context(), "ttp:{0}:default:critical").Result()
	if err != nil || n != int64(2*frames) {
		t.Errorf("%d tasks in the queue, want %d: %v", n, 2*frames, err)
	}
	if proxy.Dropped.Load() == 0 {
		t.Error("no reply was lost: the test shows nothing")
	}
	seen := map[string]bool{}
	for _, m := range c.XRange(t.Context(), "ttp:{0}:default:critical", "-", "+").Val() {
		var al Alarm
		if err := json.Unmarshal([]byte(fmt.Sprint(m.Values["d"])), &al); err != nil || seen[al.Correlation] {
			t.Errorf("%v: %v", m.Values, err)
		}
		seen[al.Correlation] = true
	}
}
