package redis

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

//go:embed append.lua
var appendScript string

// Sink is a uplink.Sink on Redis Streams. New makes one; it connects in Open.
type Sink struct {
	o      Options
	keys   keys
	script *redis.Script

	appender redis.UniversalClient // owned by the goroutine of Open and Append
	commands commands

	weaker      atomic.Bool   // Sync found that the level does not hold any more
	alone       time.Time     // since when no replica follows; owned by the goroutine of Sync
	replicaGone time.Duration // a constant but for tests

	mu     sync.Mutex            // guards what Open hands to Sync
	syncer redis.UniversalClient // Sync's connection
	level  guarantee
	fence  uint64
}

var (
	_ uplink.Sink   = (*Sink)(nil)
	_ uplink.Prober = (*Sink)(nil)
)

// keys are the names that the sink uses, fixed by stream and device.
type keys struct {
	state  string
	stream [frame.Lanes]string
	field  [frame.Lanes]string
}

// quiet keeps go-redis from writing to stderr by itself: every failure comes
// back as an error, and the agent logs it.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// silence sets go-redis' logger, which is global to the process, once.
var silence = sync.OnceFunc(func() { redis.SetLogger(quiet{}) })

// New checks the options and prepares a sink. It connects nothing.
func New(o Options) (*Sink, error) {
	silence()
	if len(o.Server.Addrs) == 0 || o.Device == "" || o.Stream == "" {
		return nil, errors.New("redis: options lack the server's address, the device or the stream")
	}
	s := &Sink{o: o, script: redis.NewScript(appendScript), replicaGone: replicaGone}
	shard := Shard(o.Device, o.Shards)
	s.keys.state = StateKey(o.Stream, shard)
	for i := range frame.Lanes {
		lane := frame.Lane(i).String()
		s.keys.stream[i] = StreamKey(o.Stream, shard, lane)
		s.keys.field[i] = o.Device + "|" + lane
	}
	s.commands.build(s)
	return s, nil
}

// Server names the server without secrets, for people.
func (s *Sink) Server() string {
	kind := ""
	switch s.o.Server.Topology {
	case Sentinel:
		kind = "sentinel "
	case Cluster:
		kind = "cluster "
	}
	return kind + strings.Join(s.o.Server.Addrs, ",")
}

// Open implements uplink.Sink. It makes new connections each time, so that
// changed secrets, certificates and addresses take effect.
func (s *Sink) Open(ctx context.Context, fence uint64, marks *[frame.Lanes]uplink.Mark) (uplink.Durability, error) {
	s.closeClients()
	s.appender = s.o.client()
	for i := range frame.Lanes {
		m, err := s.open(ctx, s.appender, frame.Lane(i), fence)
		if err != nil {
			s.closeClients() // go-redis would dial on its own for as long as the client is open
			return 0, s.hungUp(err)
		}
		marks[i] = m
	}
	s.weaker.Store(false)
	level := s.detect(ctx, s.appender)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.syncer, s.level, s.fence = s.o.client(), level, fence
	return level.durability(), nil
}

// evaler is what runs scripts: a client or one of its connections.
type evaler interface {
	EvalSha(ctx context.Context, sha1 string, keys []string, args ...any) *redis.Cmd
	Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd
}

// open raises a lane's fence and returns its mark as it was.
func (s *Sink) open(ctx context.Context, c evaler, lane frame.Lane, fence uint64) (uplink.Mark, error) {
	names := []string{s.keys.stream[lane], s.keys.state}
	args := []any{s.keys.field[lane], fence, 0, 0, s.o.MaxLen, s.o.Device}
	text, err := c.EvalSha(ctx, s.script.Hash(), names, args...).Text()
	if isNoScript(err) {
		text, err = c.Eval(ctx, appendScript, names, args...).Text()
	}
	if err != nil {
		return uplink.Mark{}, s.classify(err)
	}
	m, ok := parseMark(text)
	if !ok {
		return m, fmt.Errorf("redis %s: field %s of %s is %q, not fence;epoch;seq: something else writes there; delete the field, or use another redis.stream",
			s.Server(), s.keys.field[lane], s.keys.state, text)
	}
	return m, nil
}

// Append implements uplink.Sink.
func (s *Sink) Append(ctx context.Context, b *uplink.Batch) error {
	if s.weaker.Load() {
		return errWeaker
	}
	cmd := s.commands.fill(b)
	if err := s.appender.Process(ctx, cmd); err != nil {
		if isNoScript(err) {
			err = s.appender.Eval(ctx, appendScript, []string{s.keys.stream[b.Lane], s.keys.state},
				s.commands.args[b.Lane][:headArgs+frameArgs*len(b.Items)][3+keyArgs:]...).Err()
		}
		return s.classify(err)
	}
	return nil
}

// Close closes the connections.
func (s *Sink) Close() error {
	s.closeClients()
	return nil
}

func (s *Sink) closeClients() {
	if s.appender != nil {
		s.appender.Close()
		s.appender = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.syncer != nil {
		s.syncer.Close()
		s.syncer = nil
	}
}

// greeting bounds how long a probe waits; it is half of what the agent may
// take to find out that its server is back.
const greeting = time.Second

// Reachable implements uplink.Prober. A connect alone says little: the kernel
// accepts for a server that hangs. So it greets, and any answer counts, be it
// that the server wants a password first.
func (s *Sink) Reachable(ctx context.Context) bool {
	for _, addr := range s.o.Server.Addrs {
		if s.answers(ctx, addr) {
			return true
		}
	}
	return false
}

// answers reports whether a server at addr says anything soon.
func (s *Sink) answers(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, greeting)
	defer cancel()
	c, err := s.o.dialer()(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	defer c.Close()
	return greets(c)
}

// greets reports whether the server behind c says anything.
func greets(c net.Conn) bool {
	c.SetDeadline(time.Now().Add(greeting))
	if _, err := c.Write([]byte("*1\r\n$4\r\nPING\r\n")); err != nil {
		return false
	}
	var b [1]byte
	n, _ := c.Read(b[:])
	return n == 1
}

// parseMark reads "fence;epoch;seq".
func parseMark(text string) (uplink.Mark, bool) {
	var v [3]uint64
	for i := range v {
		field, rest, more := strings.Cut(text, ";")
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil || n > 1<<53 || more != (i < 2) { // the script counts in doubles
			return uplink.Mark{}, false
		}
		v[i], text = n, rest
	}
	return uplink.Mark{Fence: v[0], ID: frame.ID{Epoch: v[1], Seq: v[2]}}, true
}
