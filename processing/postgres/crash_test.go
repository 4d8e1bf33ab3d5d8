package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/telhub/telhub/processing/telemetry"
	"github.com/telhub/telhub/processing/telemetry/streamtest"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// What a consumer process is told by its environment.
const (
	envConsume = "TTP_TEST_CONSUME" // address of Redis
	envPG      = "TTP_TEST_PG"
	envDie     = "TTP_TEST_DIE" // "before", "after" a Store; "" = not by itself
	envShards  = "TTP_TEST_SHARDS"
)

// consume is a consumer process: the test binary, started again.
func consume() int {
	ctx := context.Background()
	pool, err := Open(ctx, Options{URL: os.Getenv(envPG), MaxConns: 8})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	shards := 1
	fmt.Sscan(os.Getenv(envShards), &shards)
	storage := &mortal{Sink: NewStorage(pool, StorageOptions{}), at: os.Getenv(envDie)}
	c, err := telemetry.New(telemetry.Options{
		Client: newClient(os.Getenv(envConsume)), Stream: stream, Shards: shards, Group: "storage", Sink: storage,
		Batch: 40, Flush: 5 * time.Millisecond, Lease: time.Second, RetryMax: 200 * time.Millisecond,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	alarms, err := telemetry.New(telemetry.Options{
		Client: newClient(os.Getenv(envConsume)), Stream: stream, Shards: shards, Group: "alarms", Lanes: []lane{alarm},
		Sink: NewAlarms(pool, 0, nil), Lease: time.Second, RetryMax: 200 * time.Millisecond,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go alarms.Run(ctx)
	c.Run(ctx)
	return 0
}

// mortal is a sink whose process is killed at its third Store.
type mortal struct {
	telemetry.Sink
	at string
	n  atomic.Int64
}

func (m *mortal) Store(ctx context.Context, frames []*telemetry.Frame) (telemetry.Result, error) {
	third := m.n.Add(1) == 3
	if third && m.at == "before" {
		die()
	}
	r, err := m.Sink.Store(ctx, frames)
	if third && m.at == "after" && err == nil {
		die()
	}
	return r, err
}

func die() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// process is a consumer process under a test.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

func spawn(tb testing.TB, redis, pg, at string, shards int) *process {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), envConsume+"="+redis, envPG+"="+pg, envDie+"="+at, fmt.Sprintf("%s=%d", envShards, shards))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	p := &process{cmd, make(chan struct{})}
	go func() {
		cmd.Wait()
		close(p.ended)
	}()
	tb.Cleanup(p.kill)
	return p
}

func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// send writes frames of all lanes in the background until stop is called, which
// waits for the last one.
func send(agents ...*streamtest.Agent) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, a := range agents {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				a.Frame(live, 3)
				switch i % 16 {
				case 3:
					a.Frame(alarm, 1)
				case 7:
					a.Frame(backfill, 40)
				case 11:
					a.Gap(live, 2, 5, "store_full")
				}
				if i%100 == 99 {
					a.Restart()
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

// crashRig is a server, an empty database with the schema, and agents.
func crashRig(t *testing.T, shards int) (*redistest.Server, *pgxpool.Pool, []*streamtest.Agent) {
	t.Helper()
	srv := redistest.Start(t)
	pool := migrated(t)
	var agents []*streamtest.Agent
	for i := range 3 {
		agents = append(agents, streamtest.New(t, srv.Addr(), stream, shards, fmt.Sprint("pi-", i)))
	}
	return srv, pool, agents
}

// finish waits until all is stored and compares it with what was sent.
func finish(t *testing.T, srv *redistest.Server, pool *pgxpool.Pool, shards int, agents []*streamtest.Agent) {
	t.Helper()
	c := client(t, srv.Addr())
	eventually(t, "everything stored", func() bool { return settled(t, c, "storage", shards) })
	wantBalance(t, pool, c, shards, agents...)
	eventually(t, "every alarm in the outbox", func() bool {
		alarms := 0
		for _, a := range agents {
			alarms += a.Frames(alarm)
		}
		return value(t, pool, "SELECT count(*) FROM telhub.outbox") == fmt.Sprint(alarms)
	})
	if letters, err := telemetry.DeadLetters(t.Context(), c, stream, 0, "", 10); len(letters) > 0 || err != nil {
		t.Errorf("dead letters: %+v, %v", letters, err)
	}
}

func TestKilledBeforeAndAfterTheCommit(t *testing.T) {
	for _, at := range []string{"before", "after"} {
		t.Run(at, func(t *testing.T) {
			srv, pool, agents := crashRig(t, 1)
			stop := send(agents...)
			for range 4 {
				<-spawn(t, srv.Addr(), pool.Config().ConnString(), at, 1).ended // dies by itself
			}
			stop()
			spawn(t, srv.Addr(), pool.Config().ConnString(), "", 1)
			finish(t, srv, pool, 1, agents)
		})
	}
}

// A trigger makes COMMIT take its time; the process is killed in it. The server
// goes on with the transaction, and nobody hears how it ended.
func TestKilledInTheCommit(t *testing.T) {
	srv, pool, agents := crashRig(t, 1)
	const slow = `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END $$;
		CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON telhub.gap DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()`
	if _, err := pool.Exec(t.Context(), slow); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		for _, a := range agents {
			for range 10 {
				a.Frame(live, 3)
				a.Frame(alarm, 1)
				a.Gap(live, 2, 5, "store_full")
			}
		}
		p := spawn(t, srv.Addr(), pool.Config().ConnString(), "", 1)
		eventually(t, "a commit under way", func() bool {
			return strings.Contains(value(t, pool, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query ILIKE 'commit%' AND datname = current_database()"), "1")
		})
		p.kill()
	}
	if _, err := pool.Exec(t.Context(), "DROP FUNCTION slow CASCADE"); err != nil {
		t.Fatal(err)
	}
	spawn(t, srv.Addr(), pool.Config().ConnString(), "", 1)
	finish(t, srv, pool, 1, agents)
}

// Three processes are killed at random moments; the server loses replies.
func TestKilledAtRandom(t *testing.T) {
	const shards = 4
	srv, pool, agents := crashRig(t, shards)
	proxy := redistest.NewProxy(t, srv.Addr())
	proxy.DropOneIn.Store(50)
	stop := send(agents...)
	url := pool.Config().ConnString()
	running := []*process{spawn(t, proxy.Addr(), url, "", shards), spawn(t, proxy.Addr(), url, "", shards), spawn(t, srv.Addr(), url, "", shards)}
	for range 10 {
		time.Sleep(time.Duration(20+rand.IntN(400)) * time.Millisecond)
		i := rand.IntN(len(running))
		running[i].kill()
		running[i] = spawn(t, proxy.Addr(), url, "", shards)
	}
	stop()
	proxy.DropOneIn.Store(0)
	finish(t, srv, pool, shards, agents)
	if proxy.Dropped.Load() == 0 {
		t.Error("no reply was lost")
	}
}

// Redis goes back to an older state, or to none: frames come again, under IDs
// that may have been used for others.
func TestServerIsRewound(t *testing.T) {
	srv := redistest.Start(t, "--dbfilename", "dump.rdb")
	pool := migrated(t)
	agents := []*streamtest.Agent{streamtest.New(t, srv.Addr(), stream, 1, "pi-0"), streamtest.New(t, srv.Addr(), stream, 1, "pi-1")}
	spawn(t, srv.Addr(), pool.Config().ConnString(), "", 1)
	more := func(n int) {
		for _, a := range agents {
			for range n {
				a.Frame(live, 2)
				a.Frame(alarm, 1)
			}
		}
	}
	c := client(t, srv.Addr())
	more(40)
	eventually(t, "first half", func() bool { return settled(t, c, "storage", 1) })
	if got := srv.Do("SAVE"); got != "+OK\r\n" {
		t.Fatal(got)
	}
	more(40)
	eventually(t, "second half", func() bool { return settled(t, c, "storage", 1) })
	srv.Kill() // and comes back with the first half
	srv.Start()
	for _, a := range agents {
		a.Reopen()
	}
	more(40)
	eventually(t, "what came again", func() bool { return settled(t, c, "storage", 1) })
	srv.Do("FLUSHALL")
	for _, a := range agents {
		a.Reopen()
	}
	more(10)
	finish(t, srv, pool, 1, agents)
}

// The database is stopped and killed while frames come.
func TestDatabaseGoesAway(t *testing.T) {
	t.Parallel() // it mostly waits
	cluster := newCluster(t)
	url := cluster.Database(t)
	pool := open(t, url)
	if err := Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	srv := redistest.Start(t)
	agents := []*streamtest.Agent{streamtest.New(t, srv.Addr(), stream, 1, "pi-0"), streamtest.New(t, srv.Addr(), stream, 1, "pi-1")}
	c := client(t, srv.Addr())
	consumer, _ := begin(t, telemetry.Options{Client: c, Sink: NewStorage(pool, StorageOptions{}), Batch: 30, Queue: 90, Flush: time.Millisecond, RetryMax: 200 * time.Millisecond})
	begin(t, telemetry.Options{Client: c, Sink: NewAlarms(pool, 0, nil), Group: "alarms", Lanes: []lane{alarm}, RetryMax: 200 * time.Millisecond})
	stop := send(agents...)
	for i := range 4 {
		before := consumer.Stats().Frames
		eventually(t, "progress", func() bool { return consumer.Stats().Frames > before+50 })
		if i%2 == 0 {
			cluster.Kill()
		} else {
			cluster.Stop()
		}
		errs := consumer.Stats().StoreErrors
		eventually(t, "attempts while it is away", func() bool { return consumer.Stats().StoreErrors > errs+6 })
		if st := consumer.Stats(); st.Held > 3*90+4*30 || st.Dead > 0 {
			t.Errorf("stats %+v: unbounded, or good frames among the dead", st)
		}
		if err := cluster.Start(); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	finish(t, srv, pool, 1, agents)
}

// The demo's agent, as a process of its own, with its simulated board.
func TestAgentsProcessIsStoredWhole(t *testing.T) {
	t.Parallel() // it mostly waits
	bin := filepath.Join(t.TempDir(), "telhub-demo")
	build := exec.Command("go", "build", "-o", bin, "github.com/telhub/telhub/agent/cmd/telhub-demo")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	srv := redistest.Start(t)
	pool := migrated(t)
	url := pool.Config().ConnString()
	p := spawn(t, srv.Addr(), url, "", 1)
	agent := exec.Command(bin, "-listen", fmt.Sprintf("127.0.0.1:%d", redistest.FreePort(t)))
	agent.Env = append(os.Environ(), "REDIS_URL="+srv.URL())
	agent.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out strings.Builder
	agent.Stdout = &out
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		time.Sleep(1000 * time.Millisecond)
		p.kill()
		p = spawn(t, srv.Addr(), url, "", 1)
	}
	agent.Process.Signal(os.Interrupt)
	if err := agent.Wait(); err != nil {
		t.Fatal(err)
	}
	c := client(t, srv.Addr())
	eventually(t, "everything stored", func() bool { return settled(t, c, "storage", 1) })
	wantBalance(t, pool, c, 1)
	n := value(t, pool, "SELECT (SELECT count(*) FROM telhub.samples) + (SELECT count(*) FROM telhub.events)")
	if !strings.Contains(out.String(), fmt.Sprintf("delivered %s ", n)) || n == "0" {
		t.Errorf("%s rows, and the agent says:\n%s", n, out.String())
	}
	if units := value(t, pool, "SELECT DISTINCT unit FROM telhub.samples WHERE channel = 'greenhouse/temperature'"); units != "Cel" {
		t.Errorf("units of the temperature: %q", units)
	}
}
