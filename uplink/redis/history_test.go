package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

func newHistory(t *testing.T, o Options) *History {
	t.Helper()
	h := NewHistory(o)
	t.Cleanup(func() { h.Close() })
	return h
}

func moment(t *testing.T, h *History, device string) *Moment {
	t.Helper()
	m, err := h.Moment(t.Context(), 0, device)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// entries reads lane live and returns the frames' numbers, and what the stream
// begins with.
func entries(t *testing.T, h *History, end string) (seqs []string, first string) {
	t.Helper()
	first, err := h.Entries(t.Context(), 0, frame.Live, end, func(_ string, v map[string]any) error {
		seqs = append(seqs, fmt.Sprint(v["dev"], " ", v["ep"], "/", v["seq"]))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return seqs, first
}

func TestHistoryReadsPagesUpToItsMoment(t *testing.T) {
	srv := redistest.Start(t)
	o := options(srv.Addr())
	o.MaxLen = 0
	s, h := newSink(t, o), newHistory(t, o)
	if m := moment(t, h, "pi-01"); m.Ends != [frame.Lanes]string{} || len(m.Before)+len(m.After) != 0 {
		t.Errorf("an empty server: %+v", m)
	}
	open(t, s, 1)
	const n = 3200 // several pages, the small ones of the beginning and full ones
	for seq := uint64(1); seq <= n; seq += 16 {
		mustAppend(t, s, batch(1, 1, seq, seq+15))
	}
	m := moment(t, h, "pi-01")
	if got, want := m.After["pi-01|live"], fmt.Sprintf("1;1;%d", n); got != want || m.Before["pi-01|live"] != want || len(m.After) != 3 {
		t.Errorf("marks %v and %v, want %s for live", m.Before, m.After, want)
	}
	mustAppend(t, s, batch(1, 1, n+1, n+5)) // the device goes on
	got, first := entries(t, h, m.Ends[frame.Live])
	for i, seq := range got {
		if want := fmt.Sprintf("pi-01 1/%d", i+1); seq != want {
			t.Fatalf("entry %d is %s, want %s", i, seq, want)
		}
	}
	if len(got) != n || !strings.HasSuffix(first, "-0") {
		t.Errorf("%d entries up to the moment, want %d; the stream begins with %q", len(got), n, first)
	}
	if got, first := entries(t, h, ""); len(got) != 0 || first == "" {
		t.Errorf("a stream that was empty at that moment: %d entries, begins with %q", len(got), first)
	}
}

// What was the end may be trimmed before it is read.
func TestHistoryOfAStreamThatIsTrimmedMeanwhile(t *testing.T) {
	srv := redistest.Start(t)
	o := options(srv.Addr())
	s, h := newSink(t, o), newHistory(t, o)
	open(t, s, 1)
	mustAppend(t, s, batch(1, 1, 1, 4))
	m := moment(t, h, "")
	mustAppend(t, s, batch(1, 1, 5, 6))
	srv.Do("XTRIM telhub:{0}:live MAXLEN 1")
	if got, first := entries(t, h, m.Ends[frame.Live]); len(got) != 0 || first == "" || !earlier(m.Ends[frame.Live], first) {
		t.Errorf("read %v, begins with %q, want nothing before %q", got, first, m.Ends[frame.Live])
	}
}

func TestHistoryOfManyDevices(t *testing.T) {
	srv := redistest.Start(t)
	o := options(srv.Addr())
	for i := range 3 {
		o.Device = fmt.Sprintf("pi-%02d", i)
		s := newSink(t, o)
		open(t, s, 1)
		mustAppend(t, s, batch(1, 1, 1, 1))
	}
	h := newHistory(t, o)
	if m := moment(t, h, ""); len(m.Before) != 9 || len(m.After) != 9 || m.After["pi-01|live"] != "1;1;1" {
		t.Errorf("marks of all devices: %v", m.After)
	}
	if m := moment(t, h, "pi-01"); len(m.After) != 3 {
		t.Errorf("marks of one device: %v", m.After)
	}
	got, _ := entries(t, h, moment(t, h, "").Ends[frame.Live])
	if want := "[pi-00 1/1 pi-01 1/1 pi-02 1/1]"; fmt.Sprint(got) != want {
		t.Errorf("entries %v, want %s", got, want)
	}
}

func TestHistoryOnACluster(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t, 3)
	o := clusterOptions(c)
	s, h := newSink(t, o), newHistory(t, o)
	open(t, s, 1)
	mustAppend(t, s, batch(1, 1, 1, 9))
	for _, device := range []string{"", "pi-01"} {
		m := moment(t, h, device)
		if got, _ := entries(t, h, m.Ends[frame.Live]); len(got) != 9 || m.Before["pi-01|live"] != "1;1;9" {
			t.Errorf("device %q: entries %v, marks %v", device, got, m.Before)
		}
	}
}

func TestHistoryThroughTLS(t *testing.T) {
	ca := redistest.NewCA(t, "ours")
	_, addr := tlsServer(t, ca)
	o := options(addr)
	o.Server.TLS, o.CAFile = true, ca.File
	o.CertFile, o.KeyFile = ca.Issue("client")
	s, h := newSink(t, o), newHistory(t, o)
	open(t, s, 1)
	mustAppend(t, s, batch(1, 1, 1, 9))
	if got, _ := entries(t, h, moment(t, h, "pi-01").Ends[frame.Live]); len(got) != 9 {
		t.Errorf("entries %v", got)
	}
}

func TestHistoryRights(t *testing.T) {
	srv := redistest.Start(t)
	srv.Do("ACL SETUSER reader on >pw ~telhub:* +xread +xrevrange +hget")
	o := options(srv.Addr())
	s := newSink(t, o)
	open(t, s, 1)
	mustAppend(t, s, batch(1, 1, 1, 2))
	o.User, o.Password = "reader", func() (string, error) { return "pw", nil }
	h := newHistory(t, o)
	if got, _ := entries(t, h, moment(t, h, "pi-01").Ends[frame.Live]); len(got) != 2 {
		t.Errorf("entries %v", got)
	}
	_, err := h.Moment(t.Context(), 0, "")
	wantText(t, err, "NOPERM", "+xread +xrevrange +hget, and +hgetall for all devices")
}

func TestHistoryOfAServerThatIsAway(t *testing.T) {
	srv := redistest.Start(t)
	o := options(srv.Addr())
	srv.Kill()
	if _, err := newHistory(t, o).Moment(t.Context(), 0, ""); !errors.Is(err, uplink.ErrUnreachable) {
		t.Errorf("error %v, want %v", err, uplink.ErrUnreachable)
	}
}

func TestHistoryPassesErrorsOfItsReader(t *testing.T) {
	srv := redistest.Start(t)
	o := options(srv.Addr())
	s, h := newSink(t, o), newHistory(t, o)
	open(t, s, 1)
	mustAppend(t, s, batch(1, 1, 1, 2))
	_, err := h.Entries(t.Context(), 0, frame.Live, moment(t, h, "").Ends[frame.Live], func(string, map[string]any) error { return context.Canceled })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
