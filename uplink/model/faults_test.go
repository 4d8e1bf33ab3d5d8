package model

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// fault is a kind of thing that goes wrong, or of a setup that matters.
type fault int

const (
	requestLost    fault = iota
	replyLost            // the request was executed
	requestDoubled       // executed again later
	lateRequest          // executed after the client had given it up …
	lateReconnect        // … and connected anew
	reordered            // executed behind one that was sent later
	connectionCut        // before a request arrived, or between it and its answer
	serverAway           // refuses, or swallows
	powerCut             // between two writes, with frames that were not on flash
	cutBeforeWrite       // at a commit's or a renaming's begin
	cutAfterWrite        // done, and nobody was told
	killed               // in the same boot
	restarted            // in order
	lastSecondLost       // by a server that restarted
	staleReplica         // promoted without some entries
	flushedAll
	scriptFlushed // an EVALSHA found it gone
	commandFailed // inside the script
	slowConfirm
	commitFailed
	commitSlow
	clockStepped
	datesForgotten
	fullOldest // the store gave up its oldest
	fullNewest // the store refused
	noStore
	syncAwaited // RequireSync held frames back
	otherAgent  // of the same name, running at the same time
	wasFenced
	levelMemory
	levelAge
	levelAOF
	levelReplica
	gapRecords
	lookedAt // the store was read beside the agent
	faults
)

var faultNames = [faults]string{
	"request lost", "reply lost after execution", "request executed twice", "request executed late", "… after a reconnect",
	"… behind one sent later", "connection broken", "server refuses or swallows", "power cut, frames not on flash", "power cut before a write",
	"power cut after a write", "agent killed", "agent restarted in order", "server restart without its last second", "stale replica promoted",
	"FLUSHALL", "SCRIPT FLUSH met by a call", "command failed in the script", "late confirmation", "commit failed", "commit slow", "clock step", "dates of earlier boots forgotten",
	"store full, oldest given up", "store full, newest refused", "no store", "held back until the date is known", "two agents of one name", "an agent was fenced",
	"level memory", "level age", "level aof", "level replica", "gap record in a stream", "store read beside the agent",
}

// tally counts how often each fault occurred, over many histories. Safe for
// concurrent use; nil counts nothing.
type tally struct{ n [faults]atomic.Int64 }

func (t *tally) add(f fault) {
	if t != nil {
		t.n[f].Add(1)
	}
}

// rare are faults that need several things to come together; they occur at
// least once in so many histories.
var rare = map[fault]int64{lateReconnect: 200, reordered: 200, fullNewest: 400, fullOldest: 400, scriptFlushed: 200, cutBeforeWrite: 200, cutAfterWrite: 200, wasFenced: 1000, syncAwaited: 200}

// often is the same for all others.
const often = 50

// judge demands that every fault occurred, so that a search that is called wide
// cannot become narrow unseen.
func (t *tally) judge(tb testing.TB, histories int64) {
	var b strings.Builder
	for f := range faults {
		n, least := t.n[f].Load(), histories/often
		if r, ok := rare[f]; ok {
			least = histories / r
		}
		fmt.Fprintf(&b, "\n%9d  %s", n, faultNames[f])
		if n < least {
			tb.Errorf("%s: %d times in %d histories, want at least %d: the search is not as wide as it says", faultNames[f], n, histories, least)
		}
	}
	tb.Logf("what occurred in %d histories:%s", histories, b.String())
}

// fateFaults are the faults that a fate is, plus one.
var fateFaults = [fateKinds]fault{
	isLost: requestLost + 1, losesAnswer: replyLost + 1, isLate: lateRequest + 1, isDoubled: requestDoubled + 1,
	isReset: connectionCut + 1, isOnlyDone: connectionCut + 1,
}

// later executes a request when its client does not wait for it any more.
func (w *wire) later(delay time.Duration, do func() (string, error)) {
	opens, executed := w.count()
	time.AfterFunc(delay, func() {
		now, behind := w.count()
		if now > opens {
			w.happened(lateReconnect)
		}
		if behind > executed+1 {
			w.happened(reordered)
		}
		do()
	})
}

// count returns how often the sender connected, and what the server executed.
func (w *wire) count() (opens, executed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.opens, w.srv.calls()
}
