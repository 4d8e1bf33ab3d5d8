package store

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// childDir makes the test binary the process to be killed.
const childDir = "STORE_TEST_CHILD_DIR"

// childSmall gives it a small store and frames of all classes.
const childSmall = "STORE_TEST_CHILD_SMALL"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := runChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1) // it ends only by being killed
	}
	os.Exit(m.Run())
}

func killOptions(dir string, small bool) Options {
	o := testOptions(dir)
	o.MaxBytes = 256 << 20
	if small {
		o.MaxBytes, o.SegmentBytes, o.PendingBytes = 1<<20, 64<<10, 64<<10
	}
	return o
}

// killFrame makes a frame of the small store.
func killFrame(l *lanePut, epoch uint64) *frame.Frame {
	f := l.next(epoch, 100)
	f = makeFrame(f.Lane, f.ID, f.Prev, int(f.ID.Seq*977%6000))
	if f.ID.Seq%7 == 0 {
		f.Class = frame.High
	}
	return f
}

// runChild commits in a loop and prints what each commit made durable.
func runChild(dir string) error {
	small := os.Getenv(childSmall) != ""
	s, _, err := Open(killOptions(dir, small))
	if err != nil {
		return err
	}
	lanes := [frame.Lanes]lanePut{}
	for i := range lanes {
		lanes[i] = lanePut{lane: frame.Lane(i), last: s.Last(frame.Lane(i))}
	}
	fmt.Println("up", s.Epoch())
	for round := 0; ; round++ {
		for i := range lanes {
			for n := range 1 + (round+i)%4 {
				f := lanes[i].next(s.Epoch(), (round*977+n*331)%6000)
				if small {
					f = killFrame(&lanes[i], s.Epoch())
				}
				if err := s.Put(f); err != nil {
					return err
				}
				lanes[i].last = f.ID
			}
		}
		if err := s.Commit(); err != nil {
			return err
		}
		fmt.Println("ok", lanes[0].last, lanes[1].last, lanes[2].last)
	}
}

// killChild starts a child on dir, kills it after some commits, and returns
// the last frames that it reported as durable.
func killChild(t *testing.T, dir string, commits int, env ...string) (acked [frame.Lanes]frame.ID) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(append(os.Environ(), childDir+"="+dir), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		a := &acked
		n, _ := fmt.Sscanf(lines.Text(), "ok %d/%d %d/%d %d/%d", &a[0].Epoch, &a[0].Seq, &a[1].Epoch, &a[1].Seq, &a[2].Epoch, &a[2].Seq)
		if n != 2*frame.Lanes {
			continue
		}
		if commits--; commits == 0 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd.Wait()
	if commits > 0 {
		t.Fatalf("child ended by itself, %d commits short", commits)
	}
	return acked
}

func TestKilledWhileCommitting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	slowest := time.Duration(0)
	for round := range 20 {
		acked := killChild(t, dir, 1+r.IntN(40))
		begin := time.Now()
		s, report, err := Open(killOptions(dir, false))
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		slowest = max(slowest, time.Since(begin))
		if len(report.Salvaged) != 0 || report.Fresh || report.Unclean == nil {
			t.Errorf("round %d: %+v", round, report)
		}
		for lane := range acked {
			if last := s.Last(frame.Lane(lane)); last.Less(acked[lane]) {
				t.Errorf("round %d: lane %d ends at %v, but %v was committed", round, lane, last, acked[lane])
			}
			for _, f := range readAll(t, s, frame.Lane(lane)) {
				if want := makeFrame(f.Lane, f.ID, f.Prev, len(f.Payload)); !sameFrame(f, want) {
					t.Errorf("round %d: %v %v is not as it was put (%d)", round, f.Lane, f.ID, f.Kind)
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("slowest open %v, %d bytes", slowest, dirBytes(t, dir))
	if slowest > time.Second {
		t.Errorf("slowest open took %v, want at most 1 s", slowest)
	}
}

// Kills at any moment of a store that is full and thins: what was committed is
// delivered or declared, exactly.
func TestKilledWhileThinning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	var put [frame.Lanes]int64
	dropped := int64(0)
	for round := range 20 {
		killChild(t, dir, 10+r.IntN(60), childSmall+"=1")
		s, report, err := Open(killOptions(dir, true))
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if len(report.Salvaged) != 0 || report.Fresh || report.Unclean == nil {
			t.Errorf("round %d: %+v", round, report)
		}
		for lane := range put {
			last := s.Last(frame.Lane(lane))
			for l := (lanePut{lane: frame.Lane(lane)}); l.last.Seq < last.Seq && last.Epoch == report.Epoch-1; {
				f := killFrame(&l, last.Epoch)
				put[lane], l.last = put[lane]+int64(f.N), f.ID
			}
			delivered, declared, _ := tally(t, readAll(t, s, frame.Lane(lane)))
			if dropped += declared; delivered+declared != put[lane] {
				t.Fatalf("round %d, lane %d: %d delivered + %d declared, want %d", round, lane, delivered, declared, put[lane])
			}
		}
		if err := s.CloseUnclean(); err != nil {
			t.Fatal(err)
		}
	}
	if dropped == 0 {
		t.Error("nothing was dropped")
	}
}
