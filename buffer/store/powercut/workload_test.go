//go:build powercut

package powercut

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/telhub/telhub/agent/checkpoint"
	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink/frame"
)

// The environment that makes the test binary the workload. A process of its
// own, because a page fault in a mapping waits for the disk that the tests
// serve.
const (
	workDir   = "POWERCUT_DIR"
	workDrops = "POWERCUT_DROPS"
	workMarks = "POWERCUT_MARKS"
	workSaves = "POWERCUT_SAVES"
	workSeed  = "POWERCUT_SEED"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(workDir); dir != "" {
		if err := work(dir); err != nil {
			fmt.Println("error", err)
		}
		os.Exit(1) // it ends by being killed, or with its standard input
	}
	os.Exit(m.Run())
}

// worker is an agent's use of its spool, without the agent.
type worker struct {
	dir   string
	drops bool
	dice  *rand.Rand
	in    *bufio.Reader
	s     *store.Store
	cp    *checkpoint.File
	saves int
	marks [frame.Lanes]frame.ID // what the sink has
	put   [frame.Lanes]frame.ID
	f     *frame.Frame
}

func work(dir string) (err error) {
	seed, _ := strconv.ParseUint(os.Getenv(workSeed), 10, 64)
	w := &worker{dir: dir, drops: os.Getenv(workDrops) != "", dice: rand.New(rand.NewPCG(seed, 1)),
		in: bufio.NewReader(os.Stdin), f: &frame.Frame{Payload: make([]byte, 0, 64<<10)}}
	w.saves, _ = strconv.Atoi(os.Getenv(workSaves))
	if w.marks, err = parseIDs(os.Getenv(workMarks)); err != nil {
		return err
	}
	for {
		if err := w.life(); err != nil {
			return err
		}
	}
}

// say tells the recorder something and waits until it is recorded, so that
// what the disk is told later also stands later in the recording.
func (w *worker) say(format string, args ...any) error {
	fmt.Printf(format+"\n", args...)
	_, err := w.in.ReadByte()
	return err
}

// life opens the store, works and closes it.
func (w *worker) life() (err error) {
	if err := w.say("opening"); err != nil {
		return err
	}
	var r *store.Report
	if w.s, r, err = store.Open(storeOptions(w.dir, w.drops)); err != nil {
		return err
	}
	if w.cp, _, err = checkpoint.Open(filepath.Join(w.dir, checkpoint.Name)); err != nil {
		return err
	}
	if err := w.say("up %d", r.Epoch); err != nil {
		return err
	}
	for lane := range frame.Lanes {
		w.put[lane] = w.s.Last(frame.Lane(lane))
		w.s.Release(frame.Lane(lane), w.marks[lane])
	}
	for range 20 + w.dice.IntN(60) {
		if err := w.round(); err != nil {
			return err
		}
	}
	if w.dice.IntN(2) == 0 {
		return w.s.CloseUnclean()
	}
	if err := w.s.Close(); err != nil {
		return err
	}
	return w.say("closed")
}

func (w *worker) round() error {
	for lane := range frame.Lanes {
		for range w.dice.IntN(4) {
			id := frame.ID{Epoch: w.s.Epoch(), Seq: 1}
			if w.put[lane].Epoch == id.Epoch {
				id.Seq = w.put[lane].Seq + 1
			}
			if err := w.s.Put(makeFrame(frame.Lane(lane), id, w.put[lane])); err != nil {
				return err
			}
			w.put[lane] = id
		}
	}
	if err := w.say("put %s", formatIDs(w.put)); err != nil {
		return err
	}
	if err := w.s.Commit(); err != nil {
		return err
	}
	if err := w.say("ok %s", formatIDs(w.put)); err != nil {
		return err
	}
	switch n := w.dice.IntN(8); {
	case n < 2:
		return w.forward(w.dice.IntN(40))
	case n == 2:
		return w.save()
	case n == 3:
		w.s.Sweep()
	}
	return nil
}

// forward hands frames to the sink, which keeps its mark, and releases them.
func (w *worker) forward(n int) error {
	for lane := range frame.Lanes {
		for range n {
			ok, err := w.s.Next(frame.Lane(lane), w.marks[lane], w.f)
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			w.marks[lane] = w.f.ID
		}
	}
	if err := w.say("took %s", formatIDs(w.marks)); err != nil {
		return err
	}
	for lane := range frame.Lanes {
		w.s.Release(frame.Lane(lane), w.marks[lane])
	}
	return nil
}

// save replaces the checkpoint.
func (w *worker) save() error {
	w.saves++
	if err := w.say("saving %d", w.saves); err != nil {
		return err
	}
	counters := map[string]checkpoint.Counter{counterName: {Expression: strings.Repeat("x", w.dice.IntN(9000)), State: []float64{float64(w.saves)}}}
	if err := w.cp.Save(counters, nil); err != nil {
		return err
	}
	return w.say("saved %d", w.saves)
}
