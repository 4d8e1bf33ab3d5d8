package slowdisk

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Disk is a mounted file system. Its methods may be called from anywhere.
type Disk struct {
	dir    string
	fd     int // of /dev/fuse
	behind string
	tree   tree
	work   sync.WaitGroup // requests under way
	ended  chan error     // of serve
	close  sync.Once

	mu    sync.Mutex // guards gate
	gate  chan struct{}
	delay atomic.Int64 // of a sync, ns
	errno atomic.Int64 // of what touches the medium; 0: it is sound
	room  atomic.Int64 // bytes that may still be written, with limited
	limit atomic.Bool  // room counts

	syncs, failed, refused, held atomic.Int64

	syncedMu sync.Mutex       // guards synced
	synced   map[string]int64 // path behind the mount: size that the latest sync found
}

// Mount serves the directory behind at dir, which must exist. The caller
// closes the Disk.
func Mount(behind, dir string) (*Disk, error) {
	d := &Disk{dir: dir, behind: behind, ended: make(chan error, 1), synced: map[string]int64{}}
	d.tree.init(behind)
	var err error
	if d.fd, err = syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("open /dev/fuse: %w (run as root, with the fuse module)", err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40755,user_id=0,group_id=0", d.fd)
	if err := syscall.Mount("slowdisk", dir, "fuse", syscall.MS_NOSUID|syscall.MS_NODEV, options); err != nil {
		syscall.Close(d.fd)
		return nil, fmt.Errorf("mount fuse at %s: %w (run as root)", dir, err)
	}
	go d.serve()
	return d, nil
}

// Close lets everything go that hangs and unmounts. For programs that still use
// the disk, and for other mount namespaces that have a copy of it, it is dead
// from then on.
func (d *Disk) Close() (err error) {
	d.close.Do(func() {
		d.Heal()
		err = syscall.Unmount(d.dir, syscall.MNT_FORCE|syscall.MNT_DETACH)
		err = errors.Join(err, <-d.ended)
		d.work.Wait()
		d.tree.closeAll()
		syscall.Close(d.fd)
	})
	return err
}

// SlowSync makes every sync take so long.
func (d *Disk) SlowSync(delay time.Duration) { d.delay.Store(int64(delay)) }

// Fail makes whatever touches the medium fail: reads that are not cached,
// writes, syncs, and all that changes a directory.
func (d *Disk) Fail(errno syscall.Errno) { d.errno.Store(int64(errno)) }

// Leave lets so many more bytes be written; then there is no space (ENOSPC).
// A write that is larger than what is left is cut short, as by a real disk.
func (d *Disk) Leave(bytes int64) {
	d.room.Store(bytes)
	d.limit.Store(true)
}

// Hang makes whatever touches the medium wait until Heal.
func (d *Disk) Hang() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gate == nil {
		d.gate = make(chan struct{})
	}
}

// Heal makes the disk sound again and lets go what hangs.
func (d *Disk) Heal() {
	d.delay.Store(0)
	d.errno.Store(0)
	d.limit.Store(false)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gate != nil {
		close(d.gate)
		d.gate = nil
	}
}

// Counts is what has happened so far.
type Counts struct {
	Syncs   int64 // syncs asked for
	Failed  int64 // requests that Fail made fail
	Refused int64 // writes cut short or refused for lack of space
	Held    int64 // requests that Hang held up
}

// Counts returns what has happened so far.
func (d *Disk) Counts() Counts {
	return Counts{d.syncs.Load(), d.failed.Load(), d.refused.Load(), d.held.Load()}
}

// touch is called by each request that touches the medium, and decides what
// becomes of it.
func (d *Disk) touch() syscall.Errno {
	d.mu.Lock()
	gate := d.gate
	d.mu.Unlock()
	if gate != nil {
		d.held.Add(1)
		<-gate
	}
	if e := syscall.Errno(d.errno.Load()); e != 0 {
		d.failed.Add(1)
		return e
	}
	return 0
}

// grant returns how many of n bytes may be written.
func (d *Disk) grant(n int) int {
	if !d.limit.Load() {
		return n
	}
	left := d.room.Add(-int64(n))
	if left >= 0 {
		return n
	}
	d.refused.Add(1)
	had := max(left+int64(n), 0)
	d.room.Store(0)
	return int(had)
}

// sync syncs a file in the time that a sync takes, and remembers how long the
// file was when that began: of one that only grows, so much survives a power cut.
func (d *Disk) sync(path string, fd int) syscall.Errno {
	d.syncs.Add(1)
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return errnoOf(err)
	}
	if delay := time.Duration(d.delay.Load()); delay > 0 {
		<-time.After(delay)
	}
	if err := syscall.Fsync(fd); err != nil {
		return errnoOf(err)
	}
	d.syncedMu.Lock()
	d.synced[path] = st.Size
	d.syncedMu.Unlock()
	return 0
}

// Synced returns how much of a file, named below the mount, the latest sync has
// made safe: 0 where there was none.
func (d *Disk) Synced(name string) int64 {
	d.syncedMu.Lock()
	defer d.syncedMu.Unlock()
	return d.synced[filepath.Join(d.behind, name)]
}
