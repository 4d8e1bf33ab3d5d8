//go:build chaos

package chaos

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis"
)

// gap is a gap record as docs/wire.md, section 4, describes it.
type gap struct {
	Cause string `json:"cause"`
	N     *int64 `json:"n"`
	T0    *int64 `json:"t0"`
	T1    int64  `json:"t1"`
}

// streams is what a consumer finds in the device's three streams.
type streams struct {
	t       *testing.T
	device  string
	dec     frame.Decoder
	samples int64
	frames  int64
	gaps    []gap
	cells   map[string][]int64  // feeder's channel → by line, its stamp; 0 = not there
	words   map[string][]string // "…/status" and "…/alarm" → in the order of the lanes
	hurt    bool                // lane alarm declares a loss
	faults  []string
}

// readStreams reads the streams from their beginning by XRANGE.
func readStreams(t *testing.T, configFile string) *streams {
	t.Helper()
	cfg, err := config.Load(configFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	ro := agent.RedisOptions(cfg)
	at := ro.Server
	o := &goredis.UniversalOptions{Addrs: at.Addrs, DB: at.DB, MasterName: at.Master, IsClusterMode: at.Topology == redis.Cluster}
	c := goredis.NewUniversalClient(o)
	defer c.Close()
	s := &streams{t: t, device: ro.Device, cells: map[string][]int64{}, words: map[string][]string{}}
	for _, lane := range []string{"alarm", "live", "backfill"} {
		s.readLane(c, redis.StreamKey(ro.Stream, redis.Shard(ro.Device, ro.Shards), lane))
	}
	return s
}

// page is how many entries of a stream are asked for at once.
const page = 500

func (s *streams) readLane(c goredis.UniversalClient, key string) {
	s.t.Helper()
	from := "-"
	for {
		got, err := c.XRangeN(s.t.Context(), key, from, "+", page).Result()
		if err != nil {
			s.t.Fatalf("XRANGE %s: %v", key, err)
		}
		for _, m := range got {
			s.entry(key+" "+m.ID, m.Values)
			from = "(" + m.ID
		}
		if len(got) < page {
			return
		}
	}
}

func (s *streams) fault(format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

func (s *streams) entry(at string, v map[string]any) {
	d, _ := v["d"].(string)
	if v["dev"] != s.device {
		s.fault("%s is of device %v", at, v["dev"])
		return
	}
	switch v["enc"] {
	case "gap":
		var g gap
		if err := json.Unmarshal([]byte(d), &g); err != nil {
			s.fault("%s: gap record: %v", at, err)
		}
		s.gaps = append(s.gaps, g)
		s.hurt = s.hurt || strings.Contains(at, ":alarm ")
	case "senml":
		s.frames++
		s.senml(at, d)
	case "compact":
		s.frames++
		s.compact(at, v)
	default:
		s.fault("%s is encoded as %v", at, v["enc"])
	}
}

// senml takes a pack of RFC 8428 as docs/wire.md, section 5, has it.
func (s *streams) senml(at, d string) {
	var pack []struct {
		BN, N, VS string
		BT, T     float64
		V         *float64
	}
	if err := json.Unmarshal([]byte(d), &pack); err != nil || len(pack) == 0 {
		s.fault("%s: %v, %d records", at, err, len(pack))
		return
	}
	for _, r := range pack {
		s.samples++
		if r.V == nil {
			s.words[r.N] = append(s.words[r.N], r.VS)
			continue
		}
		s.value(at, r.N, *r.V, int64(math.Round((pack[0].BT+r.T)*1000)))
	}
}

// compact uses telhub's decoder, of which decode_compact.py is an independent
// twin that the tests of uplink/frame compare it with.
func (s *streams) compact(at string, v map[string]any) {
	e, err := redis.ParseEntry(v)
	if err != nil {
		s.fault("%s: %v", at, err)
		return
	}
	samples, err := e.Samples(&s.dec)
	if err != nil {
		s.fault("%s: %v", at, err)
		return
	}
	for _, x := range samples {
		s.samples++
		if x.Text != "" {
			s.words[x.Name] = append(s.words[x.Name], x.Text)
			continue
		}
		s.value(at, x.Name, x.Value, x.Millis)
	}
}

// value takes one value of a feeder's channel.
func (s *streams) value(at, name string, value float64, stamp int64) {
	if strings.HasSuffix(name, "/a") && (value == 0 || value == 1) {
		return
	}
	_, field, _ := strings.Cut(name, "/c")
	k, err := strconv.ParseInt(field, 10, 64)
	v := int64(value)
	if err != nil || float64(v) != value || v < 0 || v%fieldBase != k || stamp == 0 {
		s.fault("%s: %s = %v at %d is nothing that a device said", at, name, value, stamp)
		return
	}
	line, cells := int(v/fieldBase), s.cells[name]
	for len(cells) <= line && line < len(cells)+1e6 {
		cells = append(cells, make([]int64, 1024)...)
	}
	s.cells[name] = cells
	switch {
	case line >= len(cells):
		s.fault("%s: %s = %v: no device has counted that far", at, name, value)
	case cells[line] != 0:
		s.fault("%s: %s: line %d is in the streams twice", at, name, line)
	default:
		cells[line] = stamp
	}
}

// stamp returns when field k of a feeder's line n was acquired, 0 = it is missing.
func (s *streams) stamp(f *feeder, n, k int) int64 {
	if cells := s.cells[fmt.Sprintf("%s/c%d", f.name, k)]; n < len(cells) {
		return cells[n]
	}
	return 0
}

// declared sums the numbers of all gap records, and counts those without one.
func (s *streams) declared() (n, unknown int64) {
	for _, g := range s.gaps {
		if g.N == nil {
			unknown++
			continue
		}
		n += *g.N
	}
	return n, unknown
}
