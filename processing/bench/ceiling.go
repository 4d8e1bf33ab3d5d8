package bench

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"net"
	"os/exec"
	"strconv"
	"strings"
)

// Ceiling is what Redis does when nothing but one operation is asked of it.
type Ceiling struct {
	Name      string  `json:"name"`
	PerSecond float64 `json:"per_second"`
	RedisUS   float64 `json:"redis_cpu_us"`
}

// xaddDepths are the pipelines of redis-benchmark.
var xaddDepths = [...]int{1, 16, 100}

// benchmarkClients is how many connections redis-benchmark has.
const benchmarkClients = 8

// xadd runs redis-benchmark on a server of its own.
func (p place) xadd(ctx context.Context, k Case, depth int) (c Ceiling, err error) {
	c.Name = fmt.Sprintf("redis-benchmark XADD -P %d", depth)
	srv, err := p.start(ctx, k.AOF)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	// A request at a time takes long: a fifth is enough to tell.
	n := k.Tasks
	if depth == 1 {
		n = max(n/5, 1)
	}
	before, err := srv.Usage(ctx)
	if err != nil {
		return c, err
	}
	out, err := redisBenchmark(ctx, srv, k.Payload, depth, n)
	if err != nil {
		return c, err
	}
	after, err := srv.Usage(ctx)
	if err != nil {
		return c, err
	}
	c.RedisUS = float64((after.CPU - before.CPU).Microseconds()) / float64(n)
	c.PerSecond, err = rateOf(out)
	return c, err
}

func redisBenchmark(ctx context.Context, srv *Server, payload, depth, n int) (string, error) {
	host, port, err := net.SplitHostPort(srv.Addr)
	if err != nil {
		return "", fmt.Errorf("bench: %w", err)
	}
	o := srv.admin.Options()
	args := []string{
		"-h", host, "-p", port, "--dbnum", strconv.Itoa(srv.DB), "-c", strconv.Itoa(benchmarkClients),
		"-P", strconv.Itoa(depth), "-n", strconv.Itoa(n), "--csv",
	}
	if o.Username != "" {
		args = append(args, "--user", o.Username)
	}
	if o.Password != "" {
		args = append(args, "-a", o.Password) // it knows no other way; other users of this machine can see it
	}
	args = append(args, "XADD", prefix+":xadd", "*", "t", rawHead, "d", strings.Repeat("x", payload))
	out, err := exec.CommandContext(ctx, "redis-benchmark", args...).Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", errors.New("bench: redis-benchmark is not installed (Debian: apt-get install redis-tools)")
	}
	if err != nil {
		return "", fmt.Errorf("bench: redis-benchmark: %w", err)
	}
	return string(out), nil
}

// rateOf finds the requests per second in the last line of redis-benchmark's
// --csv: test, rps, latencies. The test's name holds the arguments, which may
// be long.
func rateOf(out string) (float64, error) {
	r := csv.NewReader(strings.NewReader(out))
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	rows, err := r.ReadAll()
	if err != nil || len(rows) == 0 || len(rows[len(rows)-1]) < 2 {
		return 0, fmt.Errorf("bench: redis-benchmark says %.200q", out)
	}
	v, err := strconv.ParseFloat(rows[len(rows)-1][1], 64)
	if err != nil {
		return 0, fmt.Errorf("bench: redis-benchmark says %.200q", out)
	}
	if math.IsInf(v, 0) {
		return 0, nil // so few requests that no time passed: not measured
	}
	return v, nil
}
