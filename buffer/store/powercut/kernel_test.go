//go:build powercut

package powercut

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bench judges images on this machine's kernel.
type bench struct {
	file, dir string
	drain     *drain // nil: what is read back is not forwarded
}

func newBench(t testing.TB) *bench {
	t.Helper()
	tmp, err := os.MkdirTemp("/dev/shm", "powercut")
	if err != nil {
		tmp = t.TempDir()
	}
	b := &bench{file: filepath.Join(tmp, "cut.img"), dir: filepath.Join(tmp, "mnt")}
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(tmp) })
	return b
}

// judge mounts an image and judges the store on it.
func (b *bench) judge(image []byte, p *promise, drops, repair bool) (v verdict, err error) {
	if err := os.WriteFile(b.file, image, 0o600); err != nil {
		return v, err
	}
	err = mountImage(b.file, b.dir, "")
	if errors.Is(err, syscall.EBADMSG) || errors.Is(err, syscall.EUCLEAN) { // the board's fsck sees to it
		v.Repaired = true
		if out, e := fsck(b.file); e != nil {
			return v, fmt.Errorf("%w; e2fsck: %w: %s", err, e, out)
		}
		err = mountImage(b.file, b.dir, "")
	}
	if err != nil {
		return v, err
	}
	defer func() {
		if e := syscall.Unmount(b.dir, 0); e != nil && err == nil {
			err = fmt.Errorf("unmount: %w, %v", e, open(b.dir))
		}
	}()
	repaired := v.Repaired
	dir := filepath.Join(b.dir, spoolDir)
	if v, err = judge(dir, p, drops, repair); err == nil && b.drain != nil {
		err = b.drain.run(context.Background(), dir, &v, drops, rand.New(rand.NewPCG(uint64(v.Frames), v.Epoch)))
	}
	v.Repaired = repaired
	return v, err
}

// tally sums up the verdicts of a recording.
type tally struct {
	mu                                     sync.Mutex
	cuts, salvaged, frames, gaps, repaired int
	failed                                 []string
	open                                   time.Duration // slowest
	byManner                               [manners]int
}

func (y *tally) add(c cut, v verdict, err error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.cuts++
	y.byManner[c.Manner]++
	y.salvaged += v.Salvaged
	y.frames += v.Frames
	y.gaps += v.Gaps
	if v.Repaired {
		y.repaired++
	}
	if v.Open > y.open {
		y.open = v.Open
	}
	if limit := time.Second * time.Duration(1+v.Bytes>>26); err == nil && v.Open > limit {
		err = fmt.Errorf("opened in %v, want at most %v", v.Open, limit)
	}
	if err != nil {
		y.failed = append(y.failed, fmt.Sprintf("cut %v: %v", c, err))
	}
}

// judgeAll judges cuts on two benches side by side.
func judgeAll(t *testing.T, p *player, cuts []cut, d *drain) *tally {
	t.Helper()
	const benches = 2
	type job struct {
		image []byte
		c     cut
	}
	jobs, free := make(chan job), make(chan []byte, 2*benches)
	for range cap(free) {
		free <- make([]byte, len(p.r.Base))
	}
	y := &tally{}
	var all sync.WaitGroup
	for range benches {
		b := newBench(t)
		b.drain = d
		all.Go(func() {
			for j := range jobs {
				owed, err := p.r.at(j.c)
				var v verdict
				if err == nil {
					v, err = b.judge(j.image, &owed, p.r.Drops, j.c.Seed%3 == 1)
				}
				if err == nil && v.Open > time.Second { // a busy machine is not slow twice
					v, err = b.judge(j.image, &owed, p.r.Drops, j.c.Seed%3 == 1)
				}
				y.add(j.c, v, err)
				free <- j.image
			}
		})
	}
	for _, c := range cuts {
		image := <-free
		p.image(image, c)
		jobs <- job{image, c}
	}
	close(jobs)
	all.Wait()
	return y
}

func (y *tally) report(t *testing.T, name string, r *recording) {
	t.Helper()
	t.Logf("%s: %d entries, %d flushes, %d cuts %v: %d frames and %d gaps read back, %d files salvaged, %d file systems to repair, slowest open %v",
		name, len(r.Entries), r.flushes(), y.cuts, y.byManner, y.frames, y.gaps, y.salvaged, y.repaired, y.open)
	for i, f := range y.failed {
		if i == 10 {
			t.Errorf("… and %d more", len(y.failed)-i)
			break
		}
		t.Error(f)
	}
}

// Lives follow each other on one disk, each on what a cut left of the one
// before, so that opening, journal replay and salvage are cut too.
func TestPowerCuts(t *testing.T) {
	for _, c := range []struct {
		name  string
		drops bool
		mount string
		lives int
	}{
		{"roomy", false, "", 3},
		{"full", true, "", 3},
		{"writeback", false, "data=writeback", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			dice := rand.New(rand.NewPCG(uint64(len(c.name)), 4))
			l := life{base: makeDisk(t, diskBytes), drops: c.drops, mount: c.mount, flushes: 250}
			for n := range c.lives {
				l.seed = dice.Uint64()
				r := record(t, l)
				d := newDrain(t)
				y := judgeAll(t, newPlayer(r), r.cuts(dice, 1), d)
				y.report(t, fmt.Sprintf("life %d", n), r)
				t.Logf("forwarded twice, %d cuts; %d frames the server had already", d.cuts.Load(), d.absorb.Load())
				if t.Failed() {
					return
				}
				l.base, l.begin = leftover(t, r, dice)
			}
		})
	}
}

// leftover cuts the end of a recording and returns what a next life begins with.
func leftover(t *testing.T, r *recording, dice *rand.Rand) ([]byte, lineage) {
	t.Helper()
	c := cut{len(r.Entries) - dice.IntN(len(r.Entries)/4), someSectors, dice.Uint64()}
	owed, err := r.at(c)
	if err != nil {
		t.Fatal(err)
	}
	image := make([]byte, len(r.Base))
	newPlayer(r).image(image, c)
	v, err := newBench(t).judge(append([]byte(nil), image...), &owed, r.Drops, false)
	if err != nil {
		t.Fatalf("cut %v: %v", c, err)
	}
	return image, v.lineage
}

// open lists what this process has open below a directory.
func open(dir string) (list []string) {
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range fds {
		if name, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(name, dir) {
			list = append(list, name)
		}
	}
	maps, _ := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, dir) {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}
