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

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := runChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1) // it ends only by being killed
	}
	os.Exit(m.Run())
}

func killOptions(dir string) Options {
	o := testOptions(dir)
	o.MaxBytes = 256 << 20
	return o
}

// runChild commits in a loop and prints what each commit made durable.
func runChild(dir string) error {
	s, _, err := Open(killOptions(dir))
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
func killChild(t *testing.T, dir string, commits int) (acked [frame.Lanes]frame.ID) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
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
		s, report, err := Open(killOptions(dir))
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
