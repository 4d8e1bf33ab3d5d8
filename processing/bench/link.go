package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// link is a network between a system and its server that takes a time each
// way. It does not narrow: any number of bytes may be under way.
type link struct {
	l      net.Listener
	server string
	half   time.Duration
	wg     sync.WaitGroup

	mu     sync.Mutex // guards what follows
	conns  []net.Conn
	closed bool
}

// parcel is what one read gave.
type parcel struct {
	due time.Time
	b   []byte
}

// linkParcels bounds what is under way, in reads of linkRead bytes at most.
const (
	linkParcels = 1024
	linkRead    = 64 << 10
)

func newLink(server string, rtt time.Duration) (*link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	k := &link{l: l, server: server, half: rtt / 2}
	k.wg.Go(k.accept)
	return k, nil
}

// accept runs until the listener is closed.
func (k *link) accept() {
	for {
		client, err := k.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", k.server)
		if err != nil {
			client.Close()
			continue
		}
		k.mu.Lock()
		if k.closed {
			client.Close()
			server.Close()
		}
		k.conns = append(k.conns, client, server)
		k.mu.Unlock()
		k.carry(client, server)
		k.carry(server, client)
	}
}

// carry brings what one side says to the other, each read when it is due. Its
// two goroutines end with either side.
func (k *link) carry(from, to net.Conn) {
	q := make(chan parcel, linkParcels)
	k.wg.Go(func() {
		defer close(q)
		for {
			b := make([]byte, linkRead)
			n, err := from.Read(b)
			if err != nil {
				return
			}
			q <- parcel{time.Now().Add(k.half), b[:n]}
		}
	})
	k.wg.Go(func() {
		defer to.Close()
		for x := range q {
			time.Sleep(time.Until(x.due))
			if _, err := to.Write(x.b); err != nil {
				from.Close()
				break
			}
		}
		for range q { // the reader must not wait for ever
		}
	})
}

func (k *link) close() {
	if k == nil {
		return
	}
	k.l.Close()
	k.mu.Lock()
	k.closed = true
	for _, c := range k.conns {
		c.Close()
	}
	k.mu.Unlock()
	k.wg.Wait()
}

// behind is the server as it is seen through the link.
func (k *link) behind(s *Server) *Server {
	addr := k.l.Addr().String()
	return &Server{URL: strings.Replace(s.URL, s.Addr, addr, 1), Addr: addr, DB: s.DB, admin: s.admin}
}

// Far is a flood over a network with a round trip.
type Far struct {
	RTT   float64 `json:"rtt_ms"` // measured by PING, the median
	Flood Flood   `json:"flood"`
}

// pings are enough for a median.
const pings = 21

// far floods a system behind a link.
func (p place) far(ctx context.Context, c Contender, k Case, rtt time.Duration) (x Far, err error) {
	p.rtt = rtt
	s, err := p.begin(ctx, c, k.AOF, k.Tasks, OpenOptions{})
	if err != nil {
		return x, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	client := s.link.behind(s.srv).connect()
	defer client.Close()
	all := make([]float64, pings)
	for i := range all {
		begin := time.Now()
		if err := client.Ping(ctx).Err(); err != nil {
			return x, fmt.Errorf("bench: ping: %w", err)
		}
		all[i] = float64(time.Since(begin).Microseconds()) / 1000
	}
	slices.Sort(all)
	x.RTT = all[pings/2]
	x.Flood, err = s.flood(ctx, k)
	return x, err
}
