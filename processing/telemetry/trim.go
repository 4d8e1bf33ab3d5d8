package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/frame"
)

// Trimmer removes entries that every group has acknowledged. It belongs beside
// agents that trim nothing themselves (redis.maxlen = 0): a limit on length
// takes what is old, acknowledged or not.
type Trimmer struct {
	Client redis.UniversalClient
	Stream string
	Shards int
	// Groups must exist on a lane's stream before anything is trimmed there. All
	// other groups that the server knows count as well.
	Groups [frame.Lanes][]string
	Keep   time.Duration // acknowledged entries stay that long by the server's clock
	Every  time.Duration // of Run; 10 s
	Log    *slog.Logger  // none
}

// floorScript finds the oldest entry that a group has not acknowledged; of all
// groups where ARGV names none. It answers {floor, oldest}: everything below
// the ID floor is acknowledged by all; oldest is the first entry that is not,
// or "". An empty answer: a group of ARGV is missing. KEYS: the stream.
const floorSource = `
local function parts(id)
	local a, b = string.match(id, '^(%d+)-(%d+)$')
	return a, b
end
local function number(a, b) -- orders decimals without leading zeros
	if #a ~= #b then return #a < #b end
	return a < b
end
local function less(x, y)
	local xa, xb = parts(x)
	local ya, yb = parts(y)
	if xa ~= ya then return number(xa, ya) end
	return number(xb, yb)
end
local function floors(key, wanted)
	if redis.call('EXISTS', key) == 0 then return nil end
	local missing, any, floor = 0, false, nil
	local want = {}
	for _, w in ipairs(wanted) do
		want[w] = true
		missing = missing + 1
	end
	for _, g in ipairs(redis.call('XINFO', 'GROUPS', key)) do
		local f = {}
		for i = 1, #g, 2 do f[g[i]] = g[i + 1] end
		if want[f.name] then missing = missing - 1 end
		any = true
		local p = redis.call('XPENDING', key, f.name)
		local id
		if p[1] > 0 then
			id = p[2]
		else
			local next = redis.call('XRANGE', key, '(' .. f['last-delivered-id'], '+', 'COUNT', 1)
			if next[1] then id = next[1][1] end
		end
		if id and (not floor or less(id, floor)) then floor = id end
	end
	if missing > 0 or not any then return nil end
	return floor or ''
end
`

// floorScript answers {key, oldest entry of one group that is not
// acknowledged}; ARGV: the group.
var floorScript = redis.NewScript(`
for _, g in ipairs(redis.call('EXISTS', KEYS[1]) == 1 and redis.call('XINFO', 'GROUPS', KEYS[1]) or {}) do
	local f = {}
	for i = 1, #g, 2 do f[g[i]] = g[i + 1] end
	if f.name == ARGV[1] then
		local p = redis.call('XPENDING', KEYS[1], f.name)
		if p[1] > 0 then return {KEYS[1], p[2]} end
		local next = redis.call('XRANGE', KEYS[1], '(' .. f['last-delivered-id'], '+', 'COUNT', 1)
		return {KEYS[1], next[1] and next[1][1] or ''}
	end
end
return {}`)

// trimScript looks and trims in one step, so that no group can fall back in
// between. The last entry stays: an empty stream looks to an audit as if its
// end were lost. ARGV: milliseconds to keep, the groups that must exist.
var trimScript = redis.NewScript(floorSource + `
local floor = floors(KEYS[1], {unpack(ARGV, 2)})
if not floor then return -1 end
local now = redis.call('TIME')
local keep = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000) - tonumber(ARGV[1])) .. '-0'
if floor == '' or less(keep, floor) then floor = keep end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
if not last[1] then return 0 end
if less(last[1][1], floor) then floor = last[1][1] end
return redis.call('XTRIM', KEYS[1], 'MINID', '~', floor)`)

// Trim trims each stream once and returns how many entries went. A stream that
// lacks a group of Groups, or has none, is left alone.
func (t *Trimmer) Trim(ctx context.Context) (removed int64, err error) {
	var errs []error
	for shard := range max(t.Shards, 1) {
		for l := range frame.Lanes {
			args := []any{t.Keep.Milliseconds()}
			for _, g := range t.Groups[l] {
				args = append(args, g)
			}
			key := StreamKey(t.Stream, shard, frame.Lane(l))
			n, err := trimScript.Run(ctx, t.Client, []string{key}, args...).Int64()
			if err != nil {
				errs = append(errs, fmt.Errorf("trim %s: %w", key, explain(err)))
				continue
			}
			removed += max(n, 0)
		}
	}
	return removed, errors.Join(errs...)
}

// Run trims until ctx ends.
func (t *Trimmer) Run(ctx context.Context) {
	every, log := t.Every, t.Log
	if every <= 0 {
		every = 10 * time.Second
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	sick := trouble{log: log, what: "trim " + t.Stream}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if _, err := t.Trim(ctx); err == nil {
			sick.over()
		} else if ctx.Err() == nil {
			sick.is(err)
		}
	}
}
