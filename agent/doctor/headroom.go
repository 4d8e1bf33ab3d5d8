package doctor

import (
	"fmt"
	"strconv"

	"github.com/telhub/telhub/internal/brief"
)

// What an entry of a stream takes in the server's memory, by rough measure.
const (
	entryBytes  = 120 // field names and numbers, listpack included
	senmlSample = 70
	smallSample = 3 // of a compact frame
)

// headroom compares the memory that the server may still take with what the
// streams come to when they are as long as redis.maxlen lets them.
func (j *judge) headroom() {
	used, limit := j.number("used_memory"), j.number("maxmemory")
	total := limit
	if total == 0 {
		total = j.number("total_system_memory")
	}
	if used == 0 || total == 0 || j.costs == nil {
		return
	}
	seen := fmt.Sprintf("%s used of %s", brief.Bytes(used), brief.Bytes(total))
	if limit == 0 {
		seen += " (no maxmemory is set: that is the machine's)"
	}
	need := j.streamBytes()
	switch {
	case limit > 0 && used > limit-limit/20:
		j.fail("memory", seen+": nearly full, writes will be refused", "give the server more, or lower redis.maxlen")
	case j.cfg.Redis.MaxLen == 0:
		j.warn("memory", seen+"; redis.maxlen = 0 never trims the streams", "trim them by what consumes them, or set redis.maxlen")
	case need > total-used:
		j.warn("memory", fmt.Sprintf("%s; %d entries (redis.maxlen) of the live stream come to about %s", seen, j.cfg.Redis.MaxLen, brief.Bytes(need)),
			"lower redis.maxlen, use uplink.encoding = \"compact\", or give the server more")
	default:
		j.ok("memory", fmt.Sprintf("%s; the live stream takes at most about %s (redis.maxlen)", seen, brief.Bytes(need)))
	}
}

// streamBytes estimates the live stream at its longest, from the configured
// rates: a frame is sealed when it is full or uplink.flush old.
func (j *judge) streamBytes() int64 {
	samples := min(max(j.costs.SamplesPerSecond*j.cfg.Uplink.Flush.Seconds(), 1), float64(j.cfg.Uplink.Frame))
	each := float64(smallSample)
	if j.cfg.Uplink.Encoding == "senml" {
		each = senmlSample
	}
	return int64(float64(j.cfg.Redis.MaxLen) * (entryBytes + samples*each))
}

// number reads a field of INFO; 0 if it is not told.
func (j *judge) number(field string) int64 {
	n, _ := strconv.ParseInt(j.e.Info[field], 10, 64)
	return n
}
