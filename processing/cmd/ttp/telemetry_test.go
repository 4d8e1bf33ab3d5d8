package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/processing/postgres"
	"github.com/telhub/telhub/processing/postgres/postgrestest"
	consumer "github.com/telhub/telhub/processing/telemetry"
	"github.com/telhub/telhub/processing/telemetry/streamtest"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// ttp is a way to call ttp in this process.
type ttp struct {
	t   *testing.T
	env []string
}

// do runs a command, wants its exit code and returns what it printed.
func (x *ttp) do(code int, args ...string) string {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), scriptTime)
	defer cancel()
	var out, errs bytes.Buffer
	if got := run(ctx, args, strings.NewReader(""), &out, &errs, x.env); got != code {
		x.t.Fatalf("ttp %v: exit code %d, want %d\n%s%s", args, got, code, &out, &errs)
	}
	return out.String() + errs.String()
}

// daemon runs ttp run until stop is called, which returns what it printed.
func (x *ttp) daemon() (stop func() string) {
	ctx, cancel := context.WithCancel(context.Background())
	var out, errs bytes.Buffer
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"run", "--json"}, strings.NewReader(""), &out, &errs, x.env) }()
	stop = sync.OnceValue(func() string {
		cancel()
		if got := <-code; got != 0 {
			x.t.Errorf("ttp run: exit code %d\n%s", got, &errs)
		}
		return out.String()
	})
	x.t.Cleanup(func() { stop() })
	return stop
}

// Frames go from the streams into the database, alarms from there into the queue;
// the balance of both is told, and so is what could not be stored.
func TestTelemetryFromStreamToBalance(t *testing.T) {
	srv, pg := redistest.Start(t), postgrestest.Start(t)
	url, http := pg.Database(t), "127.0.0.1:"+strconv.Itoa(redistest.FreePort(t))
	x := &ttp{t: t, env: []string{
		"TTP_REDIS_URL=" + srv.URL(), "TTP_HTTP_LISTEN=" + http, "TTP_POSTGRES_URL=" + url,
		"TTP_TELEMETRY_STREAM=telhub", "TTP_TELEMETRY_FLUSH=5ms", "TTP_TELEMETRY_TRIM=1h",
	}}
	x.do(0, "check")
	agent := streamtest.New(t, srv.Addr(), "telhub", 1, "pi-01")
	for range 10 {
		agent.Frame(frame.Live, 3)
	}
	agent.Frame(frame.Alarm, 2)
	agent.Gap(frame.Live, 2, 5, "store_full")
	stop := x.daemon()
	p := &process{t: t, http: http}
	eventually(t, "it works", func() bool { code, _ := p.get("/health/ready"); return code == 200 })
	q := openQueue(t, srv.URL())
	eventually(t, "alarms are in the queue", func() bool { n := numbers(t, q); return n.Waiting()+n.Running()+n.Done+n.Died >= 2 })
	var status struct {
		Telemetry []struct {
			Group  string
			Frames int
		}
	}
	eventually(t, "all is stored", func() bool {
		_, body := p.get("/api/status")
		err := json.Unmarshal([]byte(body), &status)
		return err == nil && len(status.Telemetry) == 2 && status.Telemetry[0].Frames == 12
	})
	if _, body := p.get("/health/detailed"); !strings.Contains(body, `"name":"postgres","ok":true`) {
		t.Errorf("health: %s", body)
	}
	if _, body := p.get("/metrics"); !strings.Contains(body, "\nttp_telemetry_running 1\n") {
		t.Error("/metrics does not say that streams are read")
	}

	if out := x.do(0, "telemetry", "audit", "--streams", "--rows"); !strings.Contains(out, "pi-01") || !strings.Contains(out, "balanced, nothing is unexplained") {
		t.Errorf("audit: %s", out)
	}
	var r postgres.Report
	if out := x.do(0, "telemetry", "audit", "--device", "pi-01", "--streams", "--json"); json.Unmarshal([]byte(out), &r) != nil || !r.Balanced || len(r.Lanes) != 2 {
		t.Errorf("audit: %s", out)
	}
	if out := x.do(0, "telemetry", "dead"); out != "no dead letters\n" {
		t.Errorf("dead: %q", out)
	}

	c := redis.NewClient(&redis.Options{Addr: srv.Addr()})
	t.Cleanup(func() { c.Close() })
	for range 2 {
		if err := c.XAdd(t.Context(), &redis.XAddArgs{Stream: consumer.StreamKey("telhub", 0, frame.Live), Values: []string{"hello", "world"}}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "they are dead letters", func() bool { return c.XLen(t.Context(), consumer.DeadKey("telhub", 0)).Val() == 2 })
	if out := x.do(0, "telemetry", "dead", "--limit", "1"); !strings.Contains(out, "group storage: ") || !strings.Contains(out, "--limit 10 shows them") {
		t.Errorf("dead: %s", out)
	}
	if out := x.do(0, "telemetry", "dead", "--json"); strings.Count(out, `"why"`) != 2 {
		t.Errorf("dead: %s", out)
	}
	if out := x.do(1, "telemetry", "replay"); !strings.Contains(out, "0 stored, 2 left") || !strings.Contains(out, "2 dead letters cannot be stored") {
		t.Errorf("replay: %s", out)
	}

	db, err := postgres.Open(t.Context(), postgres.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if _, err := db.Exec(t.Context(), "DELETE FROM telhub.sample WHERE ctid = (SELECT ctid FROM telhub.sample LIMIT 1)"); err != nil {
		t.Fatal(err)
	}
	if out := x.do(1, "telemetry", "audit", "--rows"); !strings.Contains(out, "UNEXPLAINED 1") {
		t.Errorf("a row is missing: %s", out)
	}
	if sum := stop(); !strings.Contains(sum, `"done":`) {
		t.Errorf("summary: %s", sum)
	}
}

// Frames wait in Redis while the database is away, and mistakes are told.
func TestTelemetryWithoutItsDatabase(t *testing.T) {
	srv := redistest.Start(t)
	nobody := "postgres://ttp@127.0.0.1:" + strconv.Itoa(redistest.FreePort(t)) + "/x?sslmode=disable"
	http := "127.0.0.1:" + strconv.Itoa(redistest.FreePort(t))
	x := &ttp{t: t, env: []string{"TTP_REDIS_URL=" + srv.URL(), "TTP_HTTP_LISTEN=" + http, "TTP_POSTGRES_URL=" + nobody, "TTP_TELEMETRY_STREAM=telhub"}}
	stop := x.daemon()
	p := &process{t: t, http: http}
	eventually(t, "it tells what is missing", func() bool {
		_, body := p.get("/health/detailed")
		return strings.Contains(body, `"name":"postgres","ok":false`)
	})
	if _, body := p.get("/metrics"); !strings.Contains(body, "\nttp_telemetry_running 0\n") {
		t.Error("/metrics does not say that nothing is read")
	}
	stop()
	if out := x.do(1, "check"); !strings.Contains(out, "check postgres.url") {
		t.Errorf("check: %s", out)
	}
	if out := x.do(1, "telemetry", "audit"); !strings.Contains(out, "ttp: ") {
		t.Errorf("audit: %s", out)
	}
	for want, args := range map[string][]string{
		"telemetry needs a word":                {"telemetry"},
		"unknown: telemetry burn":               {"telemetry", "burn"},
		`telemetry audit takes no argument "x"`: {"telemetry", "audit", "x"},
	} {
		if out := x.do(2, args...); !strings.Contains(out, want) {
			t.Errorf("%v: %s", args, out)
		}
	}
	x.env = x.env[:2]
	if out := x.do(2, "telemetry", "dead"); !strings.Contains(out, "telemetry.stream is not set") {
		t.Errorf("no stream: %s", out)
	}
}
