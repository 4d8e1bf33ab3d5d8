package uplink_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// replay is what the agent does at its start: it reads the alarms in the store
// and takes the events that it finds as told. It returns the highest.
func (l *lab) replay() (event uint64) {
	l.t.Helper()
	after, f := frame.ID{}, &frame.Frame{Payload: make([]byte, 0, 1024)}
	for {
		ok, err := l.store.Next(frame.Alarm, after, f)
		if err != nil {
			l.t.Fatal(err)
		}
		if !ok {
			return event
		}
		if after = f.ID; f.Kind == frame.Data {
			event = (&arrival{Item: uplink.Item{Data: f.Payload}}).number()
		}
	}
}

// An alarm of event 2 is cut short at each step of its way. The next run
// tells it again if and only if its store does not know of it.
func TestAnAlarmIsToldOnceWhereverThePowerIsCut(t *testing.T) {
	hold := make(chan struct{})
	steps := map[string]struct {
		commit        func() // waits in the commit of event 2
		before, after func(*uplink.Batch) error
		known         bool // the store has it
	}{
		"before Put":                  {known: false},
		"after Put, before commit":    {commit: func() { <-hold }, known: false},
		"after commit, before send":   {before: func(*uplink.Batch) error { <-hold; return errGone }, known: true},
		"after send, before the ack":  {after: func(*uplink.Batch) error { <-hold; return errGone }, known: true},
		"after the ack":               {known: true},
		"the reply is lost, and then": {after: func(*uplink.Batch) error { return errGone }, known: true},
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			inLab(t, func(l *lab) {
				hold = make(chan struct{})
				slow := &slowStore{commit: func() {}}
				l.wrap = func(s uplink.Store) uplink.Store { slow.Store = s; return slow }
				l.start()
				l.submit(1, frame.Urgent)
				l.quiet()
				time.Sleep(time.Second) // so that a commit for alarms is free again
				if step.commit != nil {
					slow.commit = step.commit
				}
				l.server.mu.Lock()
				l.server.before, l.server.after = step.before, step.after
				l.server.mu.Unlock()
				first, stop, done := l.store, l.stop, l.done
				if name != "before Put" {
					l.submit(2, frame.Urgent)
				}
				synctest.Wait() // as far as it gets
				l.cut()
				slow = &slowStore{commit: func() {}}
				event := uint64(0)
				l.opened = func() { event = l.replay() }
				l.start()
				if known := event == 2; known != step.known {
					t.Errorf("the store knows event %d", event)
				}
				for event < 3 {
					event++
					l.submit(event, frame.Urgent)
				}
				l.quiet()
				l.shutdown()
				l.inOrder(frame.Alarm, 1, 3)
				stop()
				close(hold)
				<-done
				first.Close()
			})
		})
	}
}

func TestAnAlarmOvertakesAllButTheBatchUnderWay(t *testing.T) {
	for name, lane := range map[string]frame.Lane{"backfill": frame.Backfill, "live": frame.Live} {
		t.Run(name, func(t *testing.T) {
			inLab(t, func(l *lab) {
				if lane == frame.Backfill {
					l.server.opening = func() error { return errGone }
				}
				l.tweak = func(o *uplink.Options, _ *store.Options) { o.MaxLoss = time.Minute }
				l.start()
				next := uint64(1)
				if lane == frame.Backfill {
					l.wait("the breaker", func(s uplink.Status) bool { return s.Breaker == uplink.Open })
					for ; next <= 1000; next++ {
						l.submit(next, frame.Normal)
					}
					l.wait("the store", func(s uplink.Status) bool { return s.Stored == 1000 })
				}
				gate := make(chan struct{})
				l.server.come(func(*uplink.Batch) error { <-gate; return nil })
				l.wait("connection", func(s uplink.Status) bool { return s.Connected })
				for ; lane == frame.Live && next <= 100; next++ {
					l.submit(next, frame.Normal)
				}
				for range 3 {
					gate <- struct{}{}
					time.Sleep(time.Second) // the pause between two batches of backlog
					synctest.Wait()
				}
				l.submit(7, frame.Urgent)
				l.wait("the commit", func(s uplink.Status) bool { return s.Lanes[frame.Alarm].Ahead.Seq == 1 })
				had := len(l.server.batches)
				close(gate)
				l.quiet()
				ahead := 0
				for l.server.batches[had+ahead] != frame.Alarm {
					ahead++
				}
				if ahead > 1 {
					t.Errorf("%d batches of lane %v went before the alarm, want at most the one under way", ahead, lane)
				}
				if rest := len(l.server.batches) - had - ahead; rest < 3 {
					t.Errorf("only %d batches were left behind the alarm", rest)
				}
				l.shutdown()
				l.inOrder(lane, 1, next-1)
			})
		})
	}
}

func TestAlarmsOfAnOutageArriveInOrder(t *testing.T) {
	inLab(t, func(l *lab) {
		l.start()
		l.submit(1, frame.Urgent)
		l.quiet()
		l.server.leave()
		const last = 300
		for n := uint64(2); n <= last; n++ {
			l.submit(n, frame.Urgent)
			l.submit(n, frame.Normal)
			time.Sleep(100 * time.Millisecond)
		}
		l.wait("memory to give them back", func(s uplink.Status) bool { return s.Lanes[frame.Alarm].Queued <= 64+uplink.MaxBatch })
		l.server.come(nil)
		l.quiet()
		if s := l.up.Status(); s.Counters.Delivered[frame.Alarm] != last || s.Counters.LostTotal() != 0 {
			t.Errorf("delivered %d alarms, lost %d, want %d, 0", s.Counters.Delivered[frame.Alarm], s.Counters.LostTotal(), last)
		}
		l.shutdown()
		l.inOrder(frame.Alarm, 1, last)
		for _, lane := range l.server.batches[1:] {
			if lane == frame.Alarm {
				break
			}
			t.Fatalf("lane %v went before the alarms of the outage", lane)
		}
	})
}

func TestAlarmsOfAnEarlierRunGoFirst(t *testing.T) {
	inLab(t, func(l *lab) {
		l.server.opening = func() error { return errGone }
		l.start()
		for n := range uint64(300) {
			l.submit(n+1, frame.Urgent)
			l.submit(n+1, frame.Normal)
		}
		if !l.shutdown() {
			t.Error("the run ended with undeclared losses")
		}
		l.server.opening = nil
		l.boot[0]++
		l.start()
		l.submit(301, frame.Urgent)
		l.quiet()
		l.shutdown()
		l.inOrder(frame.Alarm, 1, 301)
	})
}

func TestASlowCardDelaysAnAlarmByASecond(t *testing.T) {
	inLab(t, func(l *lab) {
		l.wrap = func(s uplink.Store) uplink.Store {
			return &slowStore{s, func() { time.Sleep(5 * time.Second) }}
		}
		l.start()
		l.wait("connection", func(s uplink.Status) bool { return s.Connected })
		begun := time.Now()
		l.submit(1, frame.Urgent)
		l.quiet()
		took := l.server.arrivals(frame.Alarm)[0].at.Sub(begun)
		if took < time.Second || took > 1100*time.Millisecond {
			t.Errorf("the alarm took %v, want 1s", took)
		}
		l.shutdown()
	})
}

// refusing is a store that does not take alarms, or cannot commit.
type refusing struct {
	uplink.Store
	put, commit error
}

func (s *refusing) Put(f *frame.Frame) error {
	if s.put != nil && f.Lane == frame.Alarm {
		return s.put
	}
	return s.Store.Put(f)
}

func (s *refusing) Commit() error {
	if s.commit != nil {
		return s.commit
	}
	return s.Store.Commit()
}

func TestAStoreThatFailsDoesNotDelayAnAlarm(t *testing.T) {
	for name, bad := range map[string]*refusing{
		"put":    {put: store.ErrFull},
		"commit": {commit: errors.New("input/output error")},
	} {
		t.Run(name, func(t *testing.T) {
			inLab(t, func(l *lab) {
				l.wrap = func(s uplink.Store) uplink.Store { bad.Store = s; return bad }
				l.start()
				l.wait("connection", func(s uplink.Status) bool { return s.Connected })
				begun := time.Now()
				l.submit(1, frame.Urgent)
				l.quiet()
				if took := l.server.arrivals(frame.Alarm)[0].at.Sub(begun); took > 100*time.Millisecond {
					t.Errorf("the alarm took %v although the store had failed", took)
				}
				bad.put, bad.commit = nil, nil
				l.submit(2, frame.Urgent)
				l.quiet()
				l.shutdown()
				l.inOrder(frame.Alarm, 1, 2)
			})
		})
	}
}

func TestWithoutAStoreTheOldestAlarmsAreGivenUpAndDeclared(t *testing.T) {
	inLab(t, func(l *lab) {
		l.dir, l.server.opening = "", func() error { return errGone }
		l.start()
		for n := range uint64(300) {
			l.submit(n+1, frame.Urgent)
		}
		l.wait("the bound", func(s uplink.Status) bool { return s.Lanes[frame.Alarm].Queued == 256 })
		l.server.come(nil)
		l.quiet()
		l.shutdown()
		list := l.server.arrivals(frame.Alarm)
		if len(list) != 257 || list[0].Encoding != "gap" || list[0].ID.Seq != 44 || list[1].number() != 45 {
			t.Errorf("%d entries, the first %+v; want a gap record up to 44 and 256 alarms", len(list), list[0])
		}
	})
}

// A new card: Redis knows the device, so the run takes another number; its
// alarms are in the store under the old one.
func TestAlarmsAreRenumberedWithTheirRun(t *testing.T) {
	inLab(t, func(l *lab) {
		for i := range l.server.marks {
			l.server.marks[i] = uplink.Mark{Fence: 9, ID: frame.ID{Epoch: 9, Seq: 3}}
		}
		l.server.opening = func() error { return errGone }
		l.start()
		for n := range uint64(400) {
			l.submit(n+1, frame.Urgent)
		}
		l.wait("memory to give them back", func(s uplink.Status) bool { return s.Lanes[frame.Alarm].Queued <= 256 })
		l.server.come(nil)
		l.quiet()
		l.submit(401, frame.Urgent)
		l.quiet()
		l.shutdown()
		l.inOrder(frame.Alarm, 1, 401)
		if a := l.server.arrivals(frame.Alarm)[0]; a.ID.Epoch != 10 {
			t.Errorf("the first alarm is %v, want it in epoch 10", a.ID)
		}
	})
}

func TestTheStoreKeepsAlarmsThatTheAgentHasNotNoted(t *testing.T) {
	inLab(t, func(l *lab) {
		var kept atomic.Uint64 // number of epoch 1
		l.tweak = func(o *uplink.Options, so *store.Options) {
			o.AlarmsKept = func() frame.ID { return frame.ID{Epoch: min(kept.Load(), 1), Seq: kept.Load()} }
			so.MaxBytes, so.SegmentBytes = 1<<20, 64<<10
		}
		l.start()
		l.submit(1, frame.Urgent)
		l.quiet()
		if got := l.store.Released(frame.Alarm); got != (frame.ID{}) {
			t.Fatalf("the store may forget up to %v before the agent has noted it", got)
		}
		kept.Store(1)
		l.wait("release", func(uplink.Status) bool { return l.store.Released(frame.Alarm).Seq == 1 })
		l.shutdown()
	})
}

func TestAlarmsAreFlushedAtTheEnd(t *testing.T) {
	inLab(t, func(l *lab) {
		l.start()
		l.wait("connection", func(s uplink.Status) bool { return s.Connected })
		for n := range uint64(40) {
			l.submit(n+1, frame.Urgent)
		}
		if !l.shutdown() {
			t.Error("the run ended with undeclared losses")
		}
		l.inOrder(frame.Alarm, 1, 40)
	})
}

func TestAnAlarmThatFlapsDoesNotWearTheCard(t *testing.T) {
	inLab(t, func(l *lab) {
		l.start()
		before := l.store.Stats().Commits
		for n := range uint64(200) { // 20 a second
			l.submit(n+1, frame.Urgent)
			time.Sleep(50 * time.Millisecond)
		}
		l.quiet()
		if commits := l.store.Stats().Commits - before; commits > 45 {
			t.Errorf("%d commits in 10 s, want at most 4 a second", commits)
		}
		l.shutdown()
		l.inOrder(frame.Alarm, 1, 200)
	})
}
