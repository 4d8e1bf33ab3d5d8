package queue

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// full has every field.
func full() (*Task, []Failure) {
	at := time.UnixMilli(1_793_700_000_123)
	return &Task{
		ID: "order-7", Type: "mail.send", Class: Critical,
		NotBefore: at, NotAfter: at.Add(time.Hour), Timeout: 1500 * time.Millisecond, MaxAttempts: 7,
		Unique: "customer-1", Keep: 24 * time.Hour, Correlation: "pi-01/live/3/77#1",
		Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}, []Failure{{Attempt: 1, At: at, Err: "connection refused"}, {Attempt: 2, At: at.Add(time.Second), Err: ""}}
}

func TestHeaderRoundTrip(t *testing.T) {
	task, history := full()
	for name, want := range map[string]Delivery{
		"least": {Task: Task{ID: "1", Type: "t"}, Attempt: 1},
		"full":  {Task: *task, Attempt: 3, Enqueued: time.UnixMilli(1_793_699_999_000), History: history},
		"bulk":  {Task: Task{ID: strings.Repeat("x", maxID), Type: "t", Class: Bulk}, Attempt: 1000},
	} {
		header := appendHeader(nil, &want.Task, want.ID, want.Attempt, millis(want.Enqueued), want.History)
		var got Delivery
		if err := parseHeader(string(header), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v; want %+v", name, got, err, want)
		}
	}
}

// The bytes are a contract with tasks that wait in servers and with scripts.
func TestHeaderBytes(t *testing.T) {
	got := string(appendHeader(nil, &Task{Type: "mail", Class: High, MaxAttempts: 300, Keep: time.Second}, "id", 1, 0, nil))
	if want := "1h\x00\x50\x02id\x04mail\xac\x02\xe8\x07"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A plain task's header must stay small: it is what a waiting task costs
// beside its payload.
func TestHeaderIsSmall(t *testing.T) {
	if n := len(appendHeader(nil, &Task{Type: "mail"}, "01KAS5D8A5C3N8T3V4Z5Q6W7X8", 1, 0, nil)); n > 36 {
		t.Errorf("got %d bytes, want 36 at most", n)
	}
}

func TestHeaderRefuses(t *testing.T) {
	task, history := full()
	good := string(appendHeader(nil, task, task.ID, 3, 1, history))
	for n := range len(good) {
		if err := parseHeader(good[:n], new(Delivery)); err == nil {
			t.Errorf("cut to %d bytes: accepted", n)
		}
	}
	for name, bad := range map[string]string{
		"longer":        good + "x",
		"version":       "2" + good[1:],
		"class":         "1q" + good[2:],
		"unknown field": "1n\x80\x00\x01a\x01b",
		"no id":         "1n\x00\x00\x00\x01b",
		"no type":       "1n\x00\x00\x01a\x00",
		"length":        "1n\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a",
		"six failures":  "1n\x04\x00\x01a\x01b\x06",
	} {
		if err := parseHeader(bad, new(Delivery)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Whatever stands in a stream: no panic, no large allocation, and what is
// accepted survives being written and read again.
func FuzzHeader(f *testing.F) {
	task, history := full()
	f.Add(string(appendHeader(nil, task, task.ID, 3, 1, history)))
	f.Add("1n\x00\x00\x01a\x01b")
	f.Add("1n\x04\x00\x01a\x01b\x02\x01\x01\x00\x02\x02\x01x")
	f.Fuzz(func(t *testing.T, s string) {
		var d, again Delivery
		if err := parseHeader(s, &d); err != nil {
			return
		}
		header := appendHeader(nil, &d.Task, d.ID, d.Attempt, millis(d.Enqueued), d.History)
		if err := parseHeader(string(header), &again); err != nil {
			t.Fatalf("%q was read as %+v, written as %q and then: %v", s, d, header, err)
		}
		for i := range d.History { // long errors are cut when written
			d.History[i].Err = d.History[i].Err[:min(len(d.History[i].Err), maxErrorBytes)]
			d.History[i].At = again.History[i].At
		}
		if !reflect.DeepEqual(d, again) {
			t.Errorf("%q was read as %+v, and again as %+v", s, d, again)
		}
	})
}

func TestParseHeaderAllocatesOnlyHistory(t *testing.T) {
	task, _ := full()
	header := string(appendHeader(nil, task, task.ID, 3, 1, nil))
	var d Delivery
	if n := testing.AllocsPerRun(100, func() {
		if err := parseHeader(header, &d); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}
