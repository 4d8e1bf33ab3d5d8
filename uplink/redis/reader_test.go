package redis

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

func newReader(t *testing.T, o Options, onlyNew bool) *Reader {
	t.Helper()
	r := NewReader(o, onlyNew)
	t.Cleanup(func() { r.Close() })
	return r
}

// read makes one call and returns the numbers that came.
func read(t *testing.T, r *Reader, wait time.Duration) (seqs []uint64, err error) {
	t.Helper()
	_, err = r.Next(t.Context(), wait, func(_ frame.Lane, _ string, e Entry) error {
		seqs = append(seqs, e.ID.Seq)
		return nil
	})
	return seqs, err
}

func wantRead(t *testing.T, r *Reader, want ...uint64) {
	t.Helper()
	if got, err := read(t, r, -1); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("read %v, %v, want %v", got, err, want)
	}
}

func TestReaderOfNewEntriesMissesNone(t *testing.T) {
	srv := redistest.Start(t)
	o := options(srv.Addr())
	s := newSink(t, o)
	open(t, s, 1)
	mustAppend(t, s, batch(1, 1, 1, 2))
	all, fresh := newReader(t, o, false), newReader(t, o, true)
	wantRead(t, fresh)
	mustAppend(t, s, batch(1, 1, 3, 3)) // between two calls
	wantRead(t, fresh, 3)
	wantRead(t, fresh)
	wantRead(t, all, 1, 2, 3)
	mustAppend(t, s, batch(1, 1, 4, 4))
	wantRead(t, fresh, 4)
	wantRead(t, all, 4)
}

func TestReaderWaits(t *testing.T) {
	srv := redistest.Start(t)
	o := options(srv.Addr())
	s, r := newSink(t, o), newReader(t, options(srv.Addr()), true)
	open(t, s, 1)
	wantRead(t, r)
	appended := make(chan error, 1)
	go func() { appended <- s.Append(context.Background(), batch(1, 1, 1, 1)) }()
	if got, err := read(t, r, patience); err != nil || len(got) != 1 {
		t.Errorf("read %v, %v, want one frame", got, err)
	}
	if err := <-appended; err != nil {
		t.Error(err)
	}
}

func TestReaderPassesOverWhatIsNotOurs(t *testing.T) {
	srv := redistest.Start(t)
	o := options(srv.Addr())
	s := newSink(t, o)
	open(t, s, 1)
	mustAppend(t, s, batch(1, 1, 1, 1))
	srv.Do("XADD telhub:{0}:live * hello world")
	other := o
	other.Device = "pi-02"
	s2 := newSink(t, other)
	open(t, s2, 1)
	mustAppend(t, s2, batch(1, 1, 1, 1))
	mustAppend(t, s, batch(1, 1, 2, 2))
	r := newReader(t, o, false)
	got, err := read(t, r, -1)
	if fmt.Sprint(got) != "[1 2]" || !errors.Is(err, ErrEntry) {
		t.Errorf("read %v, %v, want 1 and 2 and a complaint", got, err)
	}
	wantText(t, err, "telhub:{0}:live ", "no field dev")
	wantRead(t, r)
}

func TestReaderErrorsSayWhatToDo(t *testing.T) {
	srv := redistest.Start(t)
	acl(t, srv, permissions)
	_, err := read(t, newReader(t, aclOptions(srv.Addr(), "first"), false), -1)
	wantText(t, err, "NOPERM", "+xread +xrevrange")
	acl(t, srv, permissionsRead)
	wantRead(t, newReader(t, aclOptions(srv.Addr(), "first"), true))
	srv.Kill()
	_, err = read(t, newReader(t, options(srv.Addr()), false), -1)
	wantText(t, err, srv.Addr(), "connection refused")
}

func TestParseEntry(t *testing.T) {
	good := map[string]any{
		"dev": "pi-01", "ep": "4", "seq": "7", "n": "3", "t0": "-5", "t1": "2000", "q": "unset", "boot": "b", "enc": "compact", "d": "x", "new": "field",
	}
	e, err := ParseEntry(good)
	if err != nil || e.ID != (frame.ID{Epoch: 4, Seq: 7}) || e.N != 3 || e.T0 != -5 || e.T1 != 2000 || string(e.Data) != "x" {
		t.Errorf("entry %+v, %v", e, err)
	}
	if e.After != 0 || e.Before != 0 {
		t.Errorf("bounds %d and %d of an entry without any", e.After, e.Before)
	}
	good["after"], good["before"] = "1700000000000", "-1"
	if e, err := ParseEntry(good); err != nil || e.After != 1700000000000 || e.Before != -1 {
		t.Errorf("bounds %d and %d, %v", e.After, e.Before, err)
	}
	for field, value := range map[string]any{
		"after": "soon", "before": "",
		"dev": nil, "ep": "four", "seq": "-1", "n": "4294967296", "t0": "", "t1": "1e3", "q": nil, "boot": nil, "enc": 7, "d": nil,
	} {
		bad := make(map[string]any)
		for k, v := range good {
			bad[k] = v
		}
		bad[field] = value
		if _, err := ParseEntry(bad); !errors.Is(err, ErrEntry) {
			t.Errorf("%s = %v: error %v, want %v", field, value, err, ErrEntry)
		} else {
			wantText(t, err, "field "+field)
		}
	}
}
