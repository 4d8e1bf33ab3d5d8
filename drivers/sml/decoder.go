package sml

import (
	"bytes"
	"fmt"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/obis"
)

// fileGap is the silence that no half file survives: meters send a file in
// one go, 800 bytes at 9600 baud take 0.8 s.
const fileGap = 3 * time.Second

// Stats are counters since New.
type Stats struct {
	Good    uint64 // files with a right checksum and well-formed messages
	Corrupt uint64 // all others that began with a start sequence
	Unknown uint64 // entries with a number that belong to no output
	Foreign uint64 // lists of other meters than Options.Server
	Kermit  uint64 // good files whose checksum is CRC-16/KERMIT
}

// Decoder is a drivers.Stream for one optical head. It is used by one
// goroutine.
type Decoder struct {
	table  obis.Table
	server []byte // of the only meter to be read; empty = any
	stats  Stats

	transport transport
	sums      sums
	ahead     int64 // arrival of what may be a file's first byte
	begun     int64 // arrival of the file's first byte

	// What the file says; it counts when all of it is parsed.
	values  [drivers.MaxOutputs]float64
	has     uint64
	unknown uint64
	foreign uint64
	unsound bool // the meter is a DVS74 whose short integers are unsigned
}

// sums says by which checksum files are right.
type sums uint8

const (
	either sums = iota
	byX25
	byKermit
)

var _ drivers.Stream = (*Decoder)(nil)

// New makes a decoder. Its errors name the option, the value and the cure.
func New(opt Options) (*Decoder, error) {
	server, err := parseServer(opt.Server)
	if err != nil {
		return nil, fmt.Errorf("sml: %w", err)
	}
	t, err := newTable(&opt)
	if err != nil {
		return nil, fmt.Errorf("sml: %w", err)
	}
	d := &Decoder{table: t, server: server}
	d.Reset()
	return d, nil
}

// Outputs lists all that the package can decode, whether this meter sends it or not.
func (d *Decoder) Outputs() []drivers.Output { return d.table.Outputs }

// Counts gives the files seen: good, and corrupt.
func (d *Decoder) Counts() (good, corrupt uint64) { return d.stats.Good, d.stats.Corrupt }

// Stats gives all counters.
func (d *Decoder) Stats() Stats { return d.stats }

// Reset drops the half-received file.
func (d *Decoder) Reset() {
	d.transport.reset()
	d.sums = either
}

// Feed consumes p up to the byte that completes a reading; see drivers.Stream.
func (d *Decoder) Feed(p []byte, stamp int64, dst *drivers.Reading) (n int, ok bool) {
	for i, c := range p {
		switch d.transport.receive(c) {
		case opened:
			d.ahead = stamp
		case began:
			d.begun = d.ahead
		case broken:
			d.stats.Corrupt++
			if d.transport.inside { // a start sequence broke the file off
				d.begun = d.ahead
			}
		case complete:
			if d.finish(dst) {
				return i + 1, true
			}
		}
	}
	return len(p), false
}

// Idle drops a file that broke off.
func (d *Decoder) Idle(silence time.Duration, _ *drivers.Reading) (ok bool) {
	if silence < fileGap {
		return false
	}
	if d.transport.inside {
		d.stats.Corrupt++
	}
	d.transport.reset()
	return false
}

// finish judges the complete file and writes it to dst.
func (d *Decoder) finish(dst *drivers.Reading) (ok bool) {
	by := d.check()
	if by == either || d.sums != either && d.sums != by {
		d.stats.Corrupt++
		return false
	}
	d.has, d.unknown, d.foreign, d.unsound = 0, 0, 0, false
	if !d.takeFile(d.transport.messages()) {
		d.stats.Corrupt++
		return false
	}
	d.sums = by
	d.stats.Good++
	d.stats.Unknown += d.unknown
	d.stats.Foreign += d.foreign
	if by == byKermit {
		d.stats.Kermit++
	}
	return d.give(dst)
}

// check tells by which checksum the file is right; either means by none.
func (d *Decoder) check() sums {
	p := d.transport.buf[:d.transport.n]
	sent := [2]byte(p[len(p)-2:])
	switch p = p[:len(p)-2]; sent {
	case x25(p):
		return byX25
	case kermit(p):
		return byKermit
	}
	return either
}

func (d *Decoder) give(dst *drivers.Reading) bool {
	dst.Reset()
	for i := range d.table.Outputs {
		if d.has&(1<<i) != 0 {
			dst.Set(i, d.values[i])
		}
	}
	dst.Stamp = d.begun
	return !dst.Empty()
}

func (d *Decoder) put(out int, v float64) {
	d.values[out] = v
	d.has |= 1 << out
}

// admits reports whether a list of this server is to be read.
func (d *Decoder) admits(server []byte) bool {
	return len(d.server) == 0 || bytes.Equal(server, d.server)
}
