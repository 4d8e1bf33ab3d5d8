package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// cluster is a Redis Cluster of masters on the loopback.
type cluster struct{ nodes []*Server }

const clusterSlots = 16384

// startCluster runs n masters that share the slots evenly.
func startCluster(ctx context.Context, n int, aof AOF, on []int) (c *cluster, err error) {
	c = &cluster{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	bus := make([]int, n)
	for i := range n {
		if bus[i], err = freePort(); err != nil {
			return c, err
		}
		s, err := StartServer(ctx, aof, on, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus[i]), "--cluster-node-timeout", "5000")
		if err != nil {
			return c, err
		}
		c.nodes = append(c.nodes, s)
		if err := s.admin.ClusterAddSlotsRange(ctx, i*clusterSlots/n, (i+1)*clusterSlots/n-1).Err(); err != nil {
			return c, fmt.Errorf("bench: cluster: %w", err)
		}
	}
	_, port, _ := net.SplitHostPort(c.nodes[0].Addr)
	for _, s := range c.nodes[1:] {
		if err := s.admin.Do(ctx, "CLUSTER", "MEET", "127.0.0.1", port, bus[0]).Err(); err != nil {
			return c, fmt.Errorf("bench: cluster: %w", err)
		}
	}
	return c, c.ready(ctx)
}

// ready waits until each node knows all and thinks the cluster in order.
func (c *cluster) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for _, s := range c.nodes {
		for {
			text, err := s.admin.ClusterInfo(ctx).Result()
			if err == nil && strings.Contains(text, "cluster_state:ok") && strings.Contains(text, fmt.Sprintf("cluster_known_nodes:%d", len(c.nodes))) {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("bench: cluster of %d is not in order: %w: %q", len(c.nodes), errors.Join(err, ctx.Err()), text)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

func (c *cluster) addrs() (list []string) {
	for _, s := range c.nodes {
		list = append(list, s.Addr)
	}
	return list
}

func (c *cluster) close() (err error) {
	for _, s := range c.nodes {
		err = errors.Join(err, s.Close())
	}
	return err
}

// Shards is a flood over a cluster.
type Shards struct {
	Masters int   `json:"masters"`
	Shards  int   `json:"shards"`
	Flood   Flood `json:"flood"`
	// Busiest is the share of a processor that the busiest master took.
	Busiest float64 `json:"busiest_master_cpu"`
}

// shards floods a cluster of n masters with as many shards as it takes to give
// each master some.
func (p place) shards(ctx context.Context, c Contender, k Case, masters int) (x Shards, err error) {
	cl, err := startCluster(ctx, masters, k.AOF, p.redis)
	if err != nil {
		return x, err
	}
	defer func() { err = errors.Join(err, cl.close()) }()
	x.Masters, x.Shards = masters, evenShards(masters)
	sys, err := c.Open(ctx, cl.nodes[0], OpenOptions{Prefix: prefix, Shards: x.Shards, Nodes: cl.addrs()})
	if err != nil {
		return x, fmt.Errorf("bench: %s: %w", c.Name, err)
	}
	s := &session{srv: cl.nodes[0], sys: sys, c: c, ledger: NewLedger(k.Tasks)}
	defer func() { err = errors.Join(err, sys.Close()) }()
	stop, err := sys.Work(ctx, k.Workers, s.ledger.handler(k.Handler))
	if err != nil {
		return x, err
	}
	before, err := readEach(ctx, cl.nodes)
	if err == nil {
		err = s.produce(ctx, 0, k.Tasks, k.Payload, nil)
	}
	if err == nil {
		err = s.await(ctx)
	}
	after, err2 := readEach(ctx, cl.nodes)
	if err = errors.Join(err, err2, stop()); err != nil {
		return x, err
	}
	x.account(s.ledger, before, after)
	return x, nil
}

// account sums up what all masters took.
func (x *Shards) account(l *Ledger, before, after []meter) {
	n := len(l.wait)
	end := l.end
	if end.IsZero() {
		end = after[0].at
	}
	f := &x.Flood
	f.Seconds = end.Sub(before[len(before)-1].at).Seconds()
	f.PerSecond = quotient(float64(n), f.Seconds)
	last := len(before) - 1
	f.Cost = after[last].since(before[last], n)
	f.Cost.RedisUS = 0
	for i := range before {
		cpu := after[i].redis.CPU - before[i].redis.CPU
		f.Cost.RedisUS += float64(cpu.Nanoseconds()) / 1000 / float64(n)
		x.Busiest = max(x.Busiest, quotient(cpu.Seconds(), f.Seconds))
	}
	f.Wait, f.Audit = l.Waits(0, n), l.Audit()
}

func readEach(ctx context.Context, servers []*Server) (list []meter, err error) {
	for _, s := range servers {
		m, err := read(ctx, s)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// evenShards is the least number of shards, up to 16 for each master, whose tags
// {0}, {1}, … fall most evenly on that many masters: slots are fixed by CRC16,
// and few tags may all fall on one.
func evenShards(masters int) int {
	best, shards := 0.0, masters
	for n := masters; n <= 16*masters; n++ {
		count := make([]int, masters)
		for i := range n {
			count[slotOf(strconv.Itoa(i))*masters/clusterSlots]++
		}
		least, most := count[0], count[0]
		for _, c := range count {
			least, most = min(least, c), max(most, c)
		}
		if even := float64(least) / float64(most); even > best {
			best, shards = even, n
		}
		if best == 1 {
			break
		}
	}
	return shards
}

// slotOf is a key's slot by the cluster's own specification: CRC16 (XMODEM) of
// its tag, modulo 16384.
func slotOf(tag string) int {
	crc := uint16(0)
	for i := range len(tag) {
		crc ^= uint16(tag[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % clusterSlots
}
