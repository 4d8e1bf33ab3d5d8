package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/frame"
)

// inChild runs a test again in a process of its own, so that the end of that
// process is seen and is a failure. It reports whether this is the child; the
// parent has nothing more to do.
func inChild(t *testing.T) bool {
	t.Helper()
	if os.Getenv(childTest) != "" {
		return true
	}
	args := []string{"-test.run=^" + t.Name() + "$", "-test.v", "-test.timeout=60m"}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), childTest+"=1")
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "_test.go:") {
			t.Log(strings.TrimSpace(line))
		}
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("the process: %v\n%s", err, tail(out, 4000))
	}
	return false
}

// childTest says that a test runs in the child.
const childTest = "STORE_TEST_IN_CHILD"

// mutantsEnv says how many mutants of each file are tried, instead of 500.
const mutantsEnv = "TELHUB_MUTANTS"

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

// mutant is one way of damaging a file.
type mutant struct {
	name  string
	apply func(d []byte)
}

// flip changes one bit.
func flip(at, bit int) mutant {
	return mutant{fmt.Sprintf("bit %d of byte %d (page %d + %d)", bit, at, at/pageSize, at%pageSize), func(d []byte) { d[at] ^= 1 << bit }}
}

// mutants lists damages of a file: each bit of each page's header, of the first
// three elements and of what metas say; branches that lead to wrong pages, to
// themselves; pages exchanged, and any bits of the rest. Those of branches come
// apart.
func mutants(d []byte, dice *rand.Rand) (branches, list []mutant) {
	pages := len(d) / pageSize
	for p := range pages {
		header := pageHeader + 3*elementSize
		if p < 2 {
			header = pageHeader + metaLen
		}
		for at := range header {
			for bit := range 8 {
				list = append(list, flip(p*pageSize+at, bit))
			}
		}
		for range 64 {
			list = append(list, flip(p*pageSize+dice.IntN(pageSize), dice.IntN(8)))
		}
		for range 4 {
			other := dice.IntN(pages)
			list = append(list, mutant{fmt.Sprintf("page %d is a copy of %d", p, other), func(d []byte) {
				copy(d[p*pageSize:][:pageSize], d[other*pageSize:][:pageSize])
			}}, mutant{fmt.Sprintf("page %d is a copy of %d that says %d", p, other, p), func(d []byte) {
				copy(d[p*pageSize:][:pageSize], d[other*pageSize:][:pageSize])
				order.PutUint64(d[p*pageSize:], uint64(p))
			}})
		}
		if page := d[p*pageSize:][:pageSize]; p > 1 && order.Uint16(page[8:]) == branchFlag {
			branches = append(branches, branchMutants(p, int(order.Uint16(page[10:])), pages)...)
		}
	}
	return branches, list
}

// branchMutants leads a branch's children elsewhere: among others to itself.
func branchMutants(p, count, pages int) (list []mutant) {
	for child := range count {
		for _, to := range []int{p, 0, 1, 2, p - 1, p + 1, pages, 1 << 30} {
			list = append(list, mutant{fmt.Sprintf("branch %d leads to %d", p, to), func(d []byte) {
				order.PutUint64(d[p*pageSize+pageHeader+child*elementSize+8:], uint64(to))
			}})
		}
	}
	return append(list, mutant{fmt.Sprintf("all children of branch %d are itself", p), func(d []byte) {
		for child := range count {
			order.PutUint64(d[p*pageSize+pageHeader+child*elementSize+8:], uint64(p))
		}
	}})
}

// Damage of a file that is opened anew, and of one that the store reads and
// writes at that moment: the process lives, nothing is invented, and the store
// takes new frames.
func TestDamageCannotEndTheProcess(t *testing.T) {
	t.Parallel()
	if !inChild(t) {
		return
	}
	dice := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	b := makeMutantBase(t)
	for _, name := range []string{segFile{}.name(), metaName} {
		d, err := os.ReadFile(filepath.Join(b.o.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		branches, list := mutants(d, dice)
		all := len(branches) + len(list)
		dice.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		limit := 500
		if testing.Short() {
			limit = 100
		}
		if n, err := strconv.Atoi(os.Getenv(mutantsEnv)); err == nil {
			limit = n
		}
		if limit < all {
			n := min(len(branches), limit/4) // the last of them is the worst
			branches, list = branches[len(branches)-n:], list[:limit-n]
		}
		list = append(list, branches...)
		damaged := 0
		for _, m := range list {
			// Before it: should it end the process, this line is the last.
			fmt.Printf("%s: %s\n", name, m.name)
			if b.opened(t, name, m) {
				damaged++
			}
			if name != metaName {
				b.beside(t, name, m)
			}
			if t.Failed() {
				t.Fatalf("%s: %s", name, m.name)
			}
		}
		t.Logf("%s: %d of %d mutants tried, %d found damaged at Open", name, len(list), all, damaged)
		if damaged < len(list)/4 {
			t.Error("hardly any was damage")
		}
	}
}

// makeMutantBase makes a store of one segment with branches and three lanes,
// as a kill left it.
func makeMutantBase(t *testing.T) *damageBase {
	o := testOptions(t.TempDir())
	o.SegmentBytes, o.PendingBytes, o.noSync = 1<<20, 64<<10, true
	b := &damageBase{o: o}
	s, _ := mustOpen(t, o)
	for i, n := range []int{3, 40, 100} {
		l := lanePut{lane: frame.Lane(i)}
		b.put[i] = l.fill(t, s, n, 200+300*i, 3)
	}
	b.o.Dir = copyDir(t, o.Dir)
	d, err := os.ReadFile(filepath.Join(b.o.Dir, segFile{}.name()))
	if err != nil {
		t.Fatal(err)
	}
	branches := 0
	for p := 2; p < len(d)/pageSize; p++ {
		if order.Uint16(d[p*pageSize+8:]) == branchFlag {
			branches++
		}
	}
	if branches == 0 || len(d) < 20*pageSize {
		t.Fatalf("%d pages, %d branches: too few", len(d)/pageSize, branches)
	}
	return b
}

// opened opens a store with a mutated file and reports whether Open found it
// damaged.
func (b *damageBase) opened(t *testing.T, name string, m mutant) bool {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "s")
	defer os.RemoveAll(filepath.Dir(dir))
	if err := os.CopyFS(dir, os.DirFS(b.o.Dir)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	d, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m.apply(d)
	if err := os.WriteFile(path, d, 0o600); err != nil {
		t.Fatal(err)
	}
	s, r, err := Open(withDir(b.o, dir))
	if err != nil {
		t.Fatalf("does not open: %v", err)
	}
	defer s.Close()
	b.nothingInvented(t, s)
	goesOn(t, s)
	return len(r.Salvaged) > 0
}

// beside mutates the file of the active segment while it is read and written.
func (b *damageBase) beside(t *testing.T, name string, m mutant) {
	t.Helper()
	o := withDir(b.o, filepath.Join(t.TempDir(), "s"))
	defer os.RemoveAll(filepath.Dir(o.Dir))
	s, _, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	// The very file: same content under a writer's mapping, readers in it.
	for lane, frames := range b.put {
		for i, f := range frames {
			if err := s.Put(f); err != nil {
				t.Fatal(err)
			}
			if i%10 == 9 || i == len(frames)-1 {
				if err := s.Commit(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := s.Next(frame.Lane(lane), frame.ID{}, newFrame()); err != nil {
			t.Fatal(err)
		}
	}
	path := s.active.path
	d, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole := slices.Clone(d)
	if len(d) < 256*pageSize { // mutants name pages of the base; what is beyond the end stays
		d = append(d, make([]byte, 256*pageSize-len(d))...)
	}
	m.apply(d)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(d[:len(whole)], 0); err != nil {
		t.Fatal(err)
	}
	f.Close()
	goesOn(t, s)
	b.nothingInvented(t, s)
	goesOn(t, s)
}

// nothingInvented reads all lanes: each frame is one that was put, once, in
// order.
func (b *damageBase) nothingInvented(t *testing.T, s *Store) {
	t.Helper()
	for lane, frames := range b.put {
		for _, f := range readAll(t, s, frame.Lane(lane)) {
			i := slices.IndexFunc(frames, func(w *frame.Frame) bool { return w.ID == f.ID })
			if f.Kind == frame.Data && f.T0 != lateT0 && (i < 0 || !sameFrame(f, frames[i])) {
				t.Errorf("%v %v is invented", frame.Lane(lane), f.ID)
			}
		}
	}
}

// lateT0 marks what goesOn puts.
const lateT0 = 77

// goesOn puts a frame into each lane and commits, which may take a second try
// when the file is found damaged.
func goesOn(t *testing.T, s *Store) {
	t.Helper()
	for lane := range frame.Lanes {
		last := s.Last(frame.Lane(lane))
		f := makeFrame(frame.Lane(lane), frame.ID{Epoch: max(s.Epoch(), last.Epoch), Seq: last.Seq + 1}, last, 900)
		f.T0 = lateT0
		if err := s.Put(f); err != nil && !errors.Is(err, ErrOrder) { // a mutant may have raised the numbers
			t.Errorf("put: %v", err)
		}
	}
	if err := s.Commit(); err != nil {
		t.Errorf("commit: %v", err)
	}
}
