package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// scriptBatch is how many tasks one call of the enqueue script takes.
const scriptBatch = 100

// script measures the bare enqueue script: the call that ttp makes for a batch,
// recorded once, is repeated as it is, only under another number each time.
// Nothing is encoded and no answer is looked at.
func (p place) script(ctx context.Context, k Case) (c Ceiling, err error) {
	c.Name = fmt.Sprintf("EVALSHA of %d", scriptBatch)
	srv, err := p.start(ctx, k.AOF)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	call, err := recordEnqueue(ctx, srv, k.Payload)
	if err != nil {
		return c, err
	}
	client := srv.connect()
	defer client.Close()
	n := max(k.Tasks/scriptBatch, 1)
	before, err := read(ctx, srv)
	if err != nil {
		return c, err
	}
	if err := repeat(ctx, client, call, n, TTP().Producers); err != nil {
		return c, err
	}
	after, err := read(ctx, srv)
	if err != nil {
		return c, err
	}
	c.PerSecond = quotient(float64(n*scriptBatch), after.at.Sub(before.at).Seconds())
	c.RedisUS = after.since(before, n*scriptBatch).RedisUS
	return c, nil
}

// repeat makes n calls, so many at a time, each caller on a lane of its own.
func repeat(ctx context.Context, client *redis.Client, call [][]byte, n, callers int) error {
	var left atomic.Int64
	left.Store(int64(n))
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { // ends with the calls
			args := make([]any, len(call))
			for j, a := range call {
				args[j] = a
			}
			args[laneKey] = fmt.Sprintf("%s-%d", call[laneKey], i)
			for number := int64(1); left.Add(-1) >= 0; number++ {
				args[callNumber(call)] = number
				if err := client.Do(ctx, args...).Err(); err != nil {
					errs[i] = fmt.Errorf("bench: enqueue script: %w", err)
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// laneKey is the index of the first key of an EVALSHA.
const laneKey = 3

// callNumber is the index of its first argument, which numbers the calls of a lane.
func callNumber(call [][]byte) int {
	keys, _ := strconv.Atoi(string(call[2])) // recordEnqueue has read it before
	return laneKey + keys
}

// recordEnqueue queues a batch through a relay and returns the call of the
// script that went over the wire.
func recordEnqueue(ctx context.Context, srv *Server, payload int) ([][]byte, error) {
	r, err := newRelay(srv.Addr)
	if err != nil {
		return nil, err
	}
	defer r.close()
	addr := r.l.Addr().String()
	behind := &Server{URL: strings.Replace(srv.URL, srv.Addr, addr, 1), Addr: addr, DB: srv.DB, admin: srv.admin}
	sys, err := TTP().Open(ctx, behind, OpenOptions{Prefix: prefix})
	if err != nil {
		return nil, err
	}
	jobs := newJobs(scriptBatch, payload)
	for i := range jobs {
		PutHead(jobs[i].Payload, i, time.Now())
	}
	if err := errors.Join(sys.Enqueue(ctx, jobs), sys.Close()); err != nil {
		return nil, err
	}
	var call [][]byte
	for _, sent := range r.close() {
		call = lastEval(sent, call)
	}
	if call == nil {
		return nil, errors.New("bench: no EVALSHA was seen on the wire")
	}
	if n, err := strconv.Atoi(string(call[2])); err != nil || n < 1 || len(call) <= laneKey+n {
		return nil, fmt.Errorf("bench: EVALSHA with %q keys", call[2])
	}
	return call, nil
}

// lastEval finds the last EVALSHA in what a client has sent; def if there is none.
func lastEval(sent []byte, def [][]byte) [][]byte {
	r := bufio.NewReader(bytes.NewReader(sent))
	for {
		n, err := respLength(r, '*')
		if err != nil {
			return def
		}
		args := make([][]byte, 0, n)
		for range n {
			size, err := respLength(r, '$')
			if err != nil {
				return def
			}
			a := make([]byte, size+2)
			if _, err := io.ReadFull(r, a); err != nil {
				return def
			}
			args = append(args, a[:size])
		}
		if len(args) > laneKey && strings.EqualFold(string(args[0]), "evalsha") {
			def = args
		}
	}
}

// respLength reads a line as "*3" or "$12" of the Redis protocol.
func respLength(r *bufio.Reader, kind byte) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" || line[0] != kind {
		return 0, fmt.Errorf("bench: %q on the wire", line)
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil || n < 0 || n > 1<<20 {
		return 0, fmt.Errorf("bench: %q on the wire", line)
	}
	return n, nil
}

// relay passes connections on to a server and keeps what clients send.
type relay struct {
	l      net.Listener
	server string
	wg     sync.WaitGroup

	mu     sync.Mutex // guards what follows
	sent   []*bytes.Buffer
	conns  []net.Conn
	closed bool
}

func newRelay(server string) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	r := &relay{l: l, server: server}
	r.wg.Go(r.accept)
	return r, nil
}

// accept runs until the listener is closed.
func (r *relay) accept() {
	for {
		client, err := r.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.server)
		if err != nil {
			client.Close()
			continue
		}
		buf := &bytes.Buffer{}
		r.mu.Lock()
		if r.closed {
			client.Close()
			server.Close()
		}
		r.sent = append(r.sent, buf)
		r.conns = append(r.conns, client, server)
		r.mu.Unlock()
		r.wg.Go(func() {
			io.Copy(io.MultiWriter(buf, server), client)
			server.Close()
		})
		r.wg.Go(func() {
			io.Copy(client, server)
			client.Close()
		})
	}
}

// close ends all and returns what each client has sent. It may be called again.
func (r *relay) close() (sent [][]byte) {
	r.l.Close()
	r.mu.Lock()
	r.closed = true
	for _, c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
	for _, b := range r.sent {
		sent = append(sent, b.Bytes())
	}
	return sent
}
