package redis

import (
	"context"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// An append is "EVALSHA sha 2 stream state field fence epoch seq maxlen device"
// and nine arguments a frame.
const (
	keyArgs   = 2
	headArgs  = 3 + keyArgs + 6
	frameArgs = 9
)

// commands are the append commands, built once: every argument that changes is
// a pointer into head or slots, so that sending allocates nothing (boxing a
// value into an interface would). One goroutine owns them.
type commands struct {
	fence, prevEpoch, prevSeq uint64
	slots                     [uplink.MaxBatch]slot
	args                      [frame.Lanes][]any
	fixed                     [frame.Lanes]int                            // bytes on the wire of the arguments that never change
	cmds                      [frame.Lanes][uplink.MaxBatch]*redis.IntCmd // [lane][frames-1]
}

// slot holds the arguments of one frame.
type slot struct {
	epoch, seq uint64
	n          uint32
	t0, t1     int64
	quality    payload // part of text
	boot       string
	encoding   string
	data       payload
	text       [len("holdover;-9223372036854775808;-9223372036854775808")]byte
}

// payload passes bytes to go-redis without boxing them anew.
type payload struct{ b []byte }

// MarshalBinary implements encoding.BinaryMarshaler; it copies nothing.
func (p *payload) MarshalBinary() ([]byte, error) { return p.b, nil }

func (c *commands) build(s *Sink) {
	ctx := context.Background()
	for l := range frame.Lanes {
		args := []any{
			"evalsha", s.script.Hash(), "2", s.keys.stream[l], s.keys.state,
			s.keys.field[l], &c.fence, &c.prevEpoch, &c.prevSeq, s.o.MaxLen, s.o.Device,
		}
		for i := range c.slots {
			x := &c.slots[i]
			args = append(args, &x.epoch, &x.seq, &x.n, &x.t0, &x.t1, &x.quality, &x.boot, &x.encoding, &x.data)
		}
		c.args[l] = args
		for _, a := range []string{
			"evalsha", s.script.Hash(), "2", s.keys.stream[l], s.keys.state, s.keys.field[l],
			strconv.FormatInt(s.o.MaxLen, 10), s.o.Device,
		} {
			c.fixed[l] += bulk(len(a))
		}
		for i := range c.cmds[l] {
			n := headArgs + frameArgs*(i+1)
			c.cmds[l][i] = redis.NewIntCmd(ctx, args[:n:n]...)
		}
	}
}

// fill copies a batch into the arguments, notes what it is on the wire, and
// returns its command.
func (c *commands) fill(b *uplink.Batch) *redis.IntCmd {
	c.fence, c.prevEpoch, c.prevSeq = b.Fence, b.Prev.Epoch, b.Prev.Seq
	b.Wire = len("*\r\n") + digits(int64(headArgs+frameArgs*len(b.Items))) + c.fixed[b.Lane] +
		integer(int64(b.Fence)) + integer(int64(b.Prev.Epoch)) + integer(int64(b.Prev.Seq))
	for i := range b.Items {
		it, x := &b.Items[i], &c.slots[i]
		x.epoch, x.seq, x.n = it.ID.Epoch, it.ID.Seq, it.N
		x.t0, x.t1 = it.T0, it.T1
		x.quality.b = append(x.text[:0], it.Quality...)
		if it.After != 0 || it.Before != 0 {
			x.quality.b = appendBounds(x.quality.b, it.After, it.Before)
		}
		x.boot, x.encoding, x.data.b = it.Boot, it.Encoding, it.Data
		b.Wire += integer(int64(x.epoch)) + integer(int64(x.seq)) + integer(int64(x.n)) + integer(x.t0) + integer(x.t1) +
			bulk(len(x.quality.b)) + bulk(len(x.boot)) + bulk(len(x.encoding)) + bulk(len(x.data.b))
	}
	cmd := c.cmds[b.Lane][len(b.Items)-1]
	cmd.SetErr(nil)
	return cmd
}

// bulk is what a RESP bulk string of so many bytes takes on the wire.
func bulk(n int) int { return len("$\r\n\r\n") + digits(int64(n)) + n }

// integer is what a number takes as an argument.
func integer(n int64) int { return bulk(digits(n)) }

// digits is the length of a number in decimal.
func digits(n int64) (d int) {
	if n < 0 {
		d, n = 1, -n
	}
	for d++; n > 9; d++ {
		n /= 10
	}
	return d
}

// appendBounds appends the bounds of an undated frame to its quality, as
// append.lua reads them.
func appendBounds(dst []byte, after, before int64) []byte {
	dst = strconv.AppendInt(append(dst, ';'), after, 10)
	return strconv.AppendInt(append(dst, ';'), before, 10)
}
