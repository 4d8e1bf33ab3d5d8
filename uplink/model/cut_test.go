package model

import (
	"fmt"
	"os"
	"path/filepath"
	"testing/synctest"
)

// cut ends the run as a power cut (or a kill, in the same boot) would: memory is
// gone, the store is as of the last commit. What is on the wire still arrives.
func (b *board) cut(sameBoot bool) {
	if !b.running {
		return
	}
	synctest.Wait() // no write is under way
	if b.disk != nil {
		if b.up.Status().Memory > 0 {
			b.h.happened(powerCut)
		}
		b.fall()
	} else {
		close(b.wire.dead)
	}
	b.stop()
	<-b.done
	b.buryRun(sameBoot)
}

// buryRun notes what a cut leaves of a run, when its goroutines have ended.
func (b *board) buryRun(sameBoot bool) {
	if b.disk != nil {
		b.h.alarmsAtCut(b)
		b.h.lostTwice(b.h.undeclared(b.unnoticed))
		b.unnoticed, b.wasCut = nil, true
		b.blind.Store(true)
	}
	b.end()
	if b.disk != nil {
		b.disk.Store.Close()
		os.RemoveAll(b.dir)
		b.dir = b.left
	} else {
		b.h.lostMemory(b)
	}
	b.starved = 0
	if !sameBoot {
		b.switchOn()
	}
}

// fall is the instant of a cut: what the store has on flash is all that is left,
// and the process neither writes nor sends any more. The disk calls it in the
// middle of a write.
func (b *board) fall() {
	if b.fell.Swap(true) {
		return
	}
	b.gen++
	b.left = filepath.Join(b.h.dir, fmt.Sprintf("%d-%d", b.id, b.gen))
	if err := copyDir(b.left, b.dir); err != nil {
		panic(err)
	}
	close(b.disk.dead)
	close(b.wire.dead)
}
