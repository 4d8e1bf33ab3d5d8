package bench

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// watch notes the most of a process' anonymous memory in each phase.
type watch struct {
	p     *process
	mu    sync.Mutex // guards what follows
	phase int
	most  [3]int
}

func newWatch(p *process) *watch { return &watch{p: p} }

func (w *watch) enter(phase int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.phase = phase
}

func (w *watch) run(ctx context.Context, t testing.TB) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		n := w.p.memory(t, "RssAnon")
		w.mu.Lock()
		w.most[w.phase] = max(w.most[w.phase], n)
		w.mu.Unlock()
		<-tick.C
	}
}

// api is the agent's HTTP on its socket.
type api struct{ http.Client }

func (d *devices) api() *api {
	var dialer net.Dialer
	return &api{http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", filepath.Join(d.dir, "http.sock"))
		},
	}}}
}

// metric sums a metric over its labels; -1: it does not answer.
func (a *api) metric(name string) (sum float64) {
	r, err := a.Get("http://telhub/metrics")
	if err != nil {
		return -1
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return -1
	}
	found := false
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if label, _, _ := strings.Cut(key, "{"); label == name {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return -1
			}
			sum, found = sum+v, true
		}
	}
	if !found {
		return -1
	}
	return sum
}
