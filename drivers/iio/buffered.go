package iio

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sysfs"
)

const (
	// patience is how long Read waits for scans.
	patience = 250 * time.Millisecond
	// chunk is how much Read takes from the kernel at once, at least a scan.
	chunk = 8 << 10
	// old and ahead bound how far a stamp can be from its arrival: what lies
	// beyond is no time of the clock that was asked for.
	old, ahead = int64(time.Hour), int64(time.Second)
)

// Buffered is a device whose scans the kernel gathers: the decoder and the
// port that feeds it in one, because what a scan looks like is known only when
// it is set up. It satisfies drivers.Stream and the catalog's Port.
type Buffered struct {
	device
	channels []channel
	outputs  []drivers.Output
	set      []setting
	opt      Buffer

	fd     int // of /dev/iio:deviceN; -1: closed
	poll   [1]unix.PollFd
	undo   []change
	layout layout
	clock  source

	buf    []byte // what was read
	at, n  int    // what is left of buf
	rest   []byte // the beginning of a scan whose end has not come
	nRest  int
	holes  holes
	scans  uint64
	lost   uint64
	strays uint64 // stamps that were no time
}

var _ drivers.Stream = (*Buffered)(nil)

// NewBuffered makes a device that is read through its buffer. It opens nothing.
func NewBuffered(o Options) (*Buffered, error) {
	channels, outputs, err := o.check()
	if err == nil {
		err = o.Buffer.check()
	}
	if err != nil {
		return nil, fmt.Errorf("iio: %w", err)
	}
	return &Buffered{
		device: newDevice(&o), channels: channels, outputs: outputs, set: settings(o.Set), opt: o.Buffer, fd: -1,
	}, nil
}

// Outputs implements drivers.Stream.
func (b *Buffered) Outputs() []drivers.Output { return b.outputs }

// Period is how far apart scans are where the options say so, else 0.
func (b *Buffered) Period() time.Duration {
	if b.opt.Frequency <= 0 {
		return 0
	}
	return time.Duration(float64(time.Second) / b.opt.Frequency)
}

// Counts gives the scans that were read, and those that the kernel dropped.
func (b *Buffered) Counts() (good, corrupt uint64) { return b.scans, b.lost }

// Reset implements drivers.Stream. A hole that Reopen made is none of the
// kernel's.
func (b *Buffered) Reset() {
	b.nRest, b.holes.last, b.holes.left = 0, 0, 0
}

// Idle implements drivers.Stream: a silence completes nothing.
func (b *Buffered) Idle(time.Duration, *drivers.Reading) bool { return false }

// Read gives whole scans or parts of them, as p has room. Scans that are
// fewer than the watermark are given when patience ends.
func (b *Buffered) Read(p []byte) (int, error) {
	if b.at == b.n {
		if err := b.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.buf[b.at:b.n])
	b.at += n
	return n, nil
}

// fill reads what the kernel has.
func (b *Buffered) fill() error {
	if b.fd < 0 {
		return drivers.ErrUnplugged
	}
	b.poll[0] = unix.PollFd{Fd: int32(b.fd), Events: unix.POLLIN}
	_, err := unix.Poll(b.poll[:], int(patience/time.Millisecond))
	if err == unix.EINTR {
		return drivers.ErrTimeout
	}
	b.at, b.n = 0, 0
	n, err := unix.Read(b.fd, b.buf)
	switch {
	case n > 0:
		b.n = n
		b.clock.look()
		return nil
	case b.poll[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) == 0 &&
		(err == nil || err == unix.EAGAIN || err == unix.EINTR):
		return drivers.ErrTimeout
	}
	b.err.There.Reset()
	return b.err.Set("read", drivers.ErrUnplugged, "the kernel took the buffer away")
}

// Feed implements drivers.Stream: each scan is a reading.
func (b *Buffered) Feed(p []byte, stamp int64, dst *drivers.Reading) (n int, ok bool) {
	size := b.layout.size
	if size == 0 { // nothing was set up
		return len(p), false
	}
	scan := p
	if n = size; b.nRest > 0 || len(p) < size {
		n = copy(b.rest[b.nRest:size], p)
		if b.nRest += n; b.nRest < size {
			return n, false
		}
		scan, b.nRest = b.rest, 0
	}
	dst.Reset()
	dst.Stamp = b.layout.decode(scan[:size], dst) + b.clock.shift
	b.scans++
	if dst.Stamp < stamp-old || dst.Stamp > stamp+ahead {
		dst.Stamp = stamp
		b.strays++
		return n, true
	}
	b.lost += b.holes.next(dst.Stamp)
	return n, true
}

// Close disables the buffer and writes back what Reopen has changed.
func (b *Buffered) Close() error {
	if b.fd < 0 {
		return nil
	}
	for i := len(b.undo) - 1; i >= 0; i-- {
		c := &b.undo[i]
		var p sysfs.Path
		_ = put(p.Root("").Add(c.path), c.was) // a device that has gone has nothing to restore
	}
	b.undo = b.undo[:0]
	b.layout = layout{}
	b.at, b.n = 0, 0
	err := unix.Close(b.fd)
	b.fd = -1
	return err
}

// Strays counts the scans whose stamp was no time of the clock that was asked
// for; they have the time of their arrival instead.
func (b *Buffered) Strays() uint64 { return b.strays }
