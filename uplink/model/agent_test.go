package model

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// setup is what one agent of a history is made of.
type setup struct {
	store    bool
	drop     store.Policy
	small    bool // the store holds 1 MiB, frames are large
	maxLoss  time.Duration
	rate     int64 // BackfillRate
	sync     bool  // RequireSync
	kept     bool  // Options.AlarmsKept is there
	latency  time.Duration
	maxlen   string
	breaker  uplink.BreakerOptions
	surplus  int                             // a control's fault: the pool has more frames than the queues have room
	wrapDisk func(uplink.Store) uplink.Store // a control's fault
	wrapSink func(uplink.Sink) uplink.Sink
}

// board is an agent and the board that it runs on: real uplink, real store.
type board struct {
	h   *history
	id  int
	o   setup
	dir string
	gen int // of the directory

	boot      frame.BootID
	booted    int64 // when it was switched on, milliseconds of the history
	dates     *almanac
	kept      frame.ID // the saved record of alarms
	pool      *frame.Pool
	disk      *disk
	wire      *wire
	up        *uplink.Uplink
	stop      context.CancelFunc
	done      chan bool
	unsafe    bool // the last run ended with losses that nothing declares yet
	running   bool
	starved   uint64 // samples that found no frame, not declared yet
	owes      bool   // … and this run cannot declare them any more
	mine      []uint64
	wasCut    bool        // once
	blind     atomic.Bool // cut, and not connected since
	unnoticed []uint64    // samples that the server lost in this run
	fell      atomic.Bool // it was cut in the middle of a write
	left      string      // … and this is what is left of its directory
}

const (
	smallFrames, smallBytes = 40, 512
	largeFrames, largeBytes = 12, 10 << 10
	frames                  = smallFrames + largeFrames
)

func newBoard(h *history, id int, o setup) *board {
	b := &board{h: h, id: id, o: o, dir: filepath.Join(h.dir, fmt.Sprintf("%d-0", id))}
	b.dates = &almanac{boots: map[frame.BootID]frame.Dating{}}
	b.switchOn()
	return b
}

// switchOn begins a boot.
func (b *board) switchOn() {
	quality := frame.NTP
	if b.boot != (frame.BootID{}) {
		quality = b.dates.Dating().Quality
	}
	b.h.boots++
	b.boot = frame.BootID{1, byte(b.h.boots)}
	b.booted = b.h.milli() - 5000
	b.h.bootedAt[b.boot.String()], b.h.owner[b.boot.String()] = b.booted, b.id
	b.dates.begin(b.boot, b.booted, quality)
}

func (b *board) milli() int64 { return b.h.milli() - b.booted }

func (b *board) options() uplink.Options {
	frameSize := 1 << 10
	if b.o.small {
		frameSize = largeBytes
	}
	return uplink.Options{
		Device: deviceName, Boot: b.boot, Epoch: 1, Encoding: "compact",
		Flush: time.Second, Frame: 16, LargeFrame: 64, LargeBytes: frameSize, MaxLoss: b.o.maxLoss, BackfillRate: b.o.rate,
		Breaker: b.o.breaker, RequireSync: b.o.sync, Sink: b.wire, Pool: b.pool, Frames: frames,
		Boottime: func() int64 { return b.milli() * 1e6 }, Dates: b.dates, Seed: uint64(b.h.boots),
		Event: b.event, Trace: b.trace,
	}
}

func (b *board) event(e uplink.Event) {
	switch e.Kind {
	case uplink.EventConnected:
		b.h.logf("board %d: connected", b.id)
		b.blind.Store(false)
	case uplink.EventDisconnected:
		b.h.logf("board %d: disconnected: %v", b.id, e.Err)
	case uplink.EventRenumbered:
		b.h.logf("board %d: epoch %d becomes %d", b.id, e.From.Epoch, e.To.Epoch)
	case uplink.EventRewound:
		b.h.logf("board %d: rewound: %v %v to %v", b.id, e.Lane, e.From, e.To)
	case uplink.EventFenced:
		b.h.logf("board %d: fenced", b.id)
		b.h.happened(wasFenced)
	}
}

// trace notes what Redis has accepted.
func (b *board) trace(lane frame.Lane, id frame.ID, samples uint32) {
	b.h.logf("board %d: %v %v with %d samples is in Redis", b.id, lane, id, samples)
}

// start opens the store and starts the uplink, as the agent does.
func (b *board) start() {
	if b.running {
		return
	}
	b.wire = &wire{srv: b.h.server, maxlen: b.o.maxlen, latency: b.o.latency, dead: make(chan struct{}), sending: b.sending, happened: b.h.happened, broken: b.broken}
	b.wire.link = b.h.link
	b.fell.Store(false)
	size := frame.PoolSize{Small: smallFrames + b.o.surplus, SmallBytes: smallBytes, Large: largeFrames, LargeBytes: 1 << 10}
	if b.o.small {
		size.LargeBytes = largeBytes
	}
	b.pool = frame.NewPool(size)
	o := b.options()
	b.disk = nil
	if b.o.store {
		b.openStore(&o)
	}
	if b.o.wrapSink != nil {
		o.Sink = b.o.wrapSink(o.Sink)
	}
	b.up = uplink.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	up, done := b.up, make(chan bool, 1)
	b.stop, b.done, b.running = cancel, done, true
	go func() { done <- up.Run(ctx) }()
}

// runsKnown is how many runs of its own a store remembers.
const runsKnown = 20

func (b *board) openStore(o *uplink.Options) {
	so := store.Options{Dir: b.dir, MaxBytes: 16 << 20, PendingBytes: 32 << 10, Drop: b.o.drop, Boot: b.boot, Now: b.milli}
	if b.o.small {
		so.MaxBytes, so.SegmentBytes, so.PendingBytes = 1<<20, 64<<10, 64<<10
	}
	s, report, err := store.Open(so)
	if err != nil {
		b.h.fail("the store does not open: %v", err)
	}
	if len(report.Salvaged) > 0 {
		b.h.fail("the store was damaged")
	}
	b.disk = &disk{Store: s, dead: make(chan struct{}), kept: b.kept, cleared: map[uint64]time.Time{}, happened: b.h.happened}
	o.Store, o.Epoch = b.disk, report.Epoch
	if o.Epoch > runsKnown {
		b.h.excuse(frame.Conflict) // O5 in docs/model_check.md: one too many is said, nothing is lost
	}
	if o.Carried, err = s.Samples(); err != nil {
		b.h.fail("samples in the store: %v", err)
	}
	b.replay()
	if u := report.Unclean; u != nil {
		o.PowerCut = b.powerCut(u)
		b.h.excuse(frame.PowerCut)
	}
	if b.o.kept {
		o.AlarmsKept = b.disk.alarmsKept
	}
	if b.o.wrapDisk != nil {
		o.Store = b.o.wrapDisk(o.Store)
	}
}

// powerCut is the gap record of a run without an end, as the agent makes it.
func (b *board) powerCut(u *store.Unclean) *frame.GapInfo {
	info := &frame.GapInfo{Cause: frame.PowerCut, N: -1, T1: b.milli()}
	switch {
	case u.Boot == b.boot:
		info.T0, info.T0Known = u.LastT1, true
	case u.Dating.Quality != frame.Unset:
		info.Began = u.LastT1 + u.Dating.Offset
	}
	return info
}

// replay takes in what the store has of alarms beyond the agent's record, as
// the agent does at its start.
func (b *board) replay() {
	f := frame.Frame{Payload: make([]byte, 0, largeBytes)}
	for {
		ok, err := b.disk.Store.Peek(frame.Alarm, b.kept, &f)
		if err != nil {
			b.h.fail("alarms in the store: %v", err)
		}
		if !ok {
			break
		}
		if f.Kind == frame.Data {
			b.h.replayed[binary.BigEndian.Uint64(f.Payload)] = true
		} else {
			b.h.alarmsDropped = true
		}
		b.kept = f.ID
	}
	b.disk.kept, b.disk.put, b.disk.committed = b.kept, b.kept, b.kept
}

// end notes what a run leaves.
func (b *board) end() {
	b.running = false
	b.h.mu.Lock()
	for n, a := range b.h.alarms {
		if a.board == b {
			delete(b.h.alarms, n)
		}
	}
	b.h.mu.Unlock()
	c := b.up.Status().Counters
	if c.Lost[slices.Index(uplink.Causes[:], frame.StoreFull)] > 0 {
		if b.o.drop == store.DropNewest {
			b.h.happened(fullNewest)
		} else {
			b.h.happened(fullOldest)
		}
	}
	if b.disk != nil {
		b.disk.mu.Lock()
		b.kept = b.disk.kept
		b.disk.mu.Unlock()
	}
}

// shutdown ends the run in order, within the time that an agent has.
func (b *board) shutdown() {
	if !b.running {
		return
	}
	if b.wasCut { // what an earlier run's memory held is nowhere
		b.h.lostTwice(b.h.undeclared(b.unnoticed))
	}
	b.stop()
	select {
	case safe := <-b.done:
		b.unsafe = !safe
		b.h.logf("board %d: ends, safe %v", b.id, safe)
	case <-time.After(2 * time.Minute):
		b.h.fail("the uplink does not end")
	}
	if b.fell.Load() {
		b.buryRun(false)
		return
	}
	b.unnoticed = nil
	b.end()
	if b.disk == nil {
		b.h.lostMemory(b)
		return
	}
	b.disk.save()
	b.kept = b.disk.kept
	closing := b.disk.Store.Close
	if b.unsafe || b.owes {
		b.owes = false
		closing = b.disk.Store.CloseUnclean
	}
	if err := closing(); err != nil {
		b.h.fail("the store does not close: %v", err)
	}
}

// nextCommit is how soon after a commit for alarms the next one can be over.
const nextCommit = 300 * time.Millisecond

// sending hears of each append as it goes out.
func (b *board) sending(batch *uplink.Batch) {
	b.h.mu.Lock()
	defer b.h.mu.Unlock()
	if batch.Lane == frame.Alarm {
		for i := range batch.Items {
			if it := &batch.Items[i]; it.Encoding != "gap" && len(it.Data) >= 8 {
				delete(b.h.alarms, binary.BigEndian.Uint64(it.Data))
			}
		}
		return
	}
	now := time.Now()
	for n, a := range b.h.alarms {
		if a.board != b {
			continue
		}
		ready := a.at
		if b.disk != nil {
			b.disk.mu.Lock()
			at, ok := b.disk.cleared[n]
			ok = ok && !b.disk.sick
			b.disk.mu.Unlock()
			if !ok {
				continue
			}
			// Put beside a commit, it may be on flash and count for the next one.
			ready = at.Add(nextCommit)
		}
		if ready.Before(now) {
			b.h.failLocked("alarm waits behind lane %v", batch.Lane)
		}
	}
}

// broken notes that something was broken on the wire.
func (b *board) broken(what string) {
	b.h.mu.Lock()
	defer b.h.mu.Unlock()
	b.h.failLocked("%s", what)
}

// submit hands in a frame of n samples of a class, with a payload of so many bytes.
func (b *board) submit(n int, class frame.Class, size int) {
	h := b.h
	if b.fell.Load() {
		return // nobody is there to take samples
	}
	f := b.pool.Get(size)
	if f == nil {
		b.starved += uint64(n)
		h.take(b, n, class)
		return
	}
	if b.starved > 0 && class != frame.Urgent {
		b.declareStarved(f)
		return
	}
	first := h.take(b, n, class)
	f.Class, f.N, f.T0, f.T1 = class, uint32(n), b.milli(), b.milli()
	f.Payload = append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(f.Payload, first), uint32(n)), make([]byte, max(0, size-12))...)
	h.mu.Lock()
	if class == frame.Urgent {
		h.alarms[first] = pendingAlarm{b, time.Now()}
	}
	h.mu.Unlock()
	b.up.Submit(f)
}

// declareStarved submits the gap record of samples that found no frame.
func (b *board) declareStarved(f *frame.Frame) {
	info := frame.GapInfo{Cause: frame.RingOverrun, N: int64(b.starved), T0: b.milli() - 60_000, T1: b.milli(), T0Known: true}
	b.h.logf("declares %d", b.starved)
	b.starved = 0
	if err := info.Seal(f); err != nil {
		b.h.fail("%v", err)
	}
	b.up.Submit(f)
}
