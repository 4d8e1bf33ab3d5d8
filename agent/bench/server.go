package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"

	client "github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis"
)

// server is the Redis under test.
type server struct {
	opts   redis.Options
	client *client.Client
}

func newServer(o redis.Options) (*server, error) {
	if o.Server.Topology != redis.Single || o.Server.TLS || len(o.Server.Addrs) != 1 {
		return nil, errors.New("bench: redis-benchmark needs one server without TLS; name one with --url redis://host:port")
	}
	if o.User != "" {
		o.Server.User = o.User
	}
	if o.Password != nil {
		p, err := o.Password()
		if err != nil {
			return nil, fmt.Errorf("bench: password: %w", err)
		}
		if p != "" {
			o.Server.Password = p
		}
	}
	o.Durability, o.Shards, o.MaxLen = "memory", 1, 1<<20
	return &server{opts: o, client: client.NewClient(&client.Options{
		Network: o.Server.Network, Addr: o.Server.Addrs[0], DB: o.Server.DB,
		Username: o.Server.User, Password: o.Server.Password, MaxRetries: -1,
	})}, nil
}

// cpu is the processor time that the server has used: what /proc/PID/stat
// counts as utime and stime, in microseconds instead of ticks, and from
// another machine as well.
func (s *server) cpu(ctx context.Context) (time.Duration, error) {
	text, err := s.client.Info(ctx, "cpu").Result()
	if err != nil {
		return 0, fmt.Errorf("bench: redis: %w", err)
	}
	var total float64
	for _, name := range []string{"used_cpu_user:", "used_cpu_sys:"} {
		_, rest, _ := strings.Cut(text, "\n"+name)
		line, _, _ := strings.Cut(rest, "\r\n")
		v, err := strconv.ParseFloat(line, 64)
		if err != nil {
			return 0, fmt.Errorf("bench: redis: INFO cpu lacks %s", name)
		}
		total += v
	}
	return time.Duration(total * float64(time.Second)), nil
}

// version is the server's, for the report.
func (s *server) version(ctx context.Context) string {
	text, err := s.client.Info(ctx, "server").Result()
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, "redis_version:"); ok {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

// entry is what redis-benchmark adds: a reading of four values and its stamp,
// 157 bytes on the wire.
var entry = []string{
	"ts", "1719829812345", "temperature", "21.53", "humidity", "45.12", "pressure", "1013.27", "voltage", "3.702",
}

// reference runs redis-benchmark XADD -P 256 for n operations.
func (s *server) reference(ctx context.Context, n int) (opsPerSecond float64, err error) {
	const key = "telhub-bench:reference"
	args := []string{"-c", "8", "-P", "256", "-n", strconv.Itoa(n), "--dbnum", strconv.Itoa(s.opts.Server.DB), "--csv"}
	if s.opts.Server.Network == "unix" {
		args = append(args, "-s", s.opts.Server.Addrs[0])
	} else {
		host, port, err := net.SplitHostPort(s.opts.Server.Addrs[0])
		if err != nil {
			return 0, fmt.Errorf("bench: %w", err)
		}
		args = append(args, "-h", host, "-p", port)
	}
	if u := s.opts.Server.User; u != "" {
		args = append(args, "--user", u)
	}
	if p := s.opts.Server.Password; p != "" {
		args = append(args, "-a", p) // it knows no other way; other users of this machine can see it
	}
	args = append(args, "XADD", key, "MAXLEN", "~", "10000", "*")
	cmd := exec.CommandContext(ctx, "redis-benchmark", append(args, entry...)...)
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return 0, errors.New("bench: redis-benchmark is not installed; on Debian: apt-get install redis-tools")
	}
	if err != nil {
		return 0, fmt.Errorf("bench: redis-benchmark: %w", err)
	}
	if err := s.client.Del(ctx, key).Err(); err != nil {
		return 0, fmt.Errorf("bench: redis: %w", err)
	}
	return parseCSV(string(out))
}

// parseCSV finds the rate in the last line of redis-benchmark's --csv.
func parseCSV(out string) (float64, error) {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, field := range strings.Split(lines[len(lines)-1], ",") {
		if v, err := strconv.ParseFloat(strings.Trim(field, `"`), 64); err == nil {
			return v, nil
		}
	}
	return 0, fmt.Errorf("bench: redis-benchmark says %q", out)
}

// audit reads everything back from a device's stream, in order and without a
// hole, decodes it and returns what it holds.
func (s *server) audit(ctx context.Context, device string) (got sum, bytes uint64, err error) {
	var dec frame.Decoder
	key := redis.StreamKey(s.opts.Stream, redis.Shard(device, 1), frame.Live.String())
	from, last := "-", frame.ID{}
	for {
		entries, err := s.client.XRangeN(ctx, key, from, "+", 1000).Result()
		if err != nil || len(entries) == 0 {
			return got, bytes, err
		}
		for _, x := range entries {
			e, err := redis.ParseEntry(x.Values)
			if err != nil {
				return got, bytes, err
			}
			if !e.ID.Follows(last) || e.Encoding != "compact" {
				return got, bytes, fmt.Errorf("entry %v (%s) follows %v", e.ID, e.Encoding, last)
			}
			last, bytes = e.ID, bytes+uint64(len(e.Data))
			if err := dec.Decode(e.Data, e.N, e.T0); err != nil {
				return got, bytes, err
			}
			for i := range dec.Len() {
				r := dec.At(i)
				got.add(hashName(r.Name), r.Stamp, r.Value)
			}
		}
		from = "(" + entries[len(entries)-1].ID
	}
}

// forget deletes what a run wrote.
func (s *server) forget(ctx context.Context, device string) error {
	shard := redis.Shard(device, 1)
	keys := []string{redis.StateKey(s.opts.Stream, shard)}
	for l := range frame.Lanes {
		keys = append(keys, redis.StreamKey(s.opts.Stream, shard, frame.Lane(l).String()))
	}
	return s.client.Del(ctx, keys...).Err()
}

// options are the sink's for a device.
func (s *server) options(device string) redis.Options {
	o := s.opts
	o.Device = device
	return o
}
