package telemetry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/frame"
)

// The fields of a dead letter that are not the entry's own, which follow under
// their names with deadPrefix.
const (
	deadStream = "stream" // key that the entry stood in
	deadEntry  = "entry"  // its ID there
	deadGroup  = "group"  // who could not use it
	deadBy     = "by"     // the consumer
	deadWhy    = "why"
	deadPrefix = "f."
)

// maxReason bounds the reason of a dead letter, in bytes.
const maxReason = 1024

// buryScript adds a dead letter and acknowledges the entry, if it is still
// pending: a repetition after a lost reply adds nothing. The letter goes first:
// should the server have no memory for it, nothing was acknowledged. KEYS: the
// stream, the dead letters. ARGV: group, entry, then the letter's fields.
var buryScript = redis.NewScript(`
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', 'stream', KEYS[1], unpack(ARGV, 3))
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
return 1`)

// maxDeadFields bounds the fields of an entry that a letter keeps; Lua's unpack
// has a limit.
const maxDeadFields = 1000

func deadArgs(group, name string, it *item, why error) []any {
	args := []any{group, it.id, deadEntry, it.id, deadGroup, group, deadBy, name, deadWhy, cut(why.Error(), maxReason)}
	keys := make([]string, 0, len(it.values))
	for k := range it.values {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys[:min(len(keys), maxDeadFields)] {
		args = append(args, deadPrefix+k, it.values[k])
	}
	return args
}

// cut shortens s to n bytes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-3], "") + "..."
}

// Letter is an entry of a dead letter stream.
type Letter struct {
	ID     string         `json:"id"`     // in the dead letter stream
	Stream string         `json:"stream"` // key that the entry stood in
	Entry  string         `json:"entry"`  // its ID there
	Group  string         `json:"group"`
	Why    string         `json:"why"`
	Fields map[string]any `json:"fields"` // of the entry
}

// DeadLetters reads at most n dead letters of a shard from behind the letter
// after ("" = from the first).
func DeadLetters(ctx context.Context, c redis.UniversalClient, stream string, shard int, after string, n int64) ([]Letter, error) {
	from := "-"
	if after != "" {
		from = "(" + after
	}
	got, err := c.XRangeN(ctx, DeadKey(stream, shard), from, "+", n).Result()
	if err != nil {
		return nil, explain(err)
	}
	letters := make([]Letter, len(got))
	for i, m := range got {
		text := func(k string) string { s, _ := m.Values[k].(string); return s }
		l := Letter{
			ID: m.ID, Stream: text(deadStream), Entry: text(deadEntry), Group: text(deadGroup), Why: text(deadWhy), Fields: map[string]any{},
		}
		for k, v := range m.Values {
			if name, ok := strings.CutPrefix(k, deadPrefix); ok {
				l.Fields[name] = v
			}
		}
		letters[i] = l
	}
	return letters, nil
}

// Replay gives a dead letter to a sink and removes it when the sink has taken
// it: after the sink, or this program, has learnt what it did not know. It goes
// to the sink and not back into its stream, whose order is a promise of the
// agent's.
func Replay(ctx context.Context, c redis.UniversalClient, stream string, shard int, l Letter, s Sink) error {
	lane := -1
	for i := range frame.Lanes {
		if StreamKey(stream, shard, frame.Lane(i)) == l.Stream {
			lane = i
		}
	}
	if lane < 0 {
		return fmt.Errorf("dead letter %s is of stream %q, no lane of shard %d of %s", l.ID, l.Stream, shard, stream)
	}
	var d decoder
	f, err := d.decode(frame.Lane(lane), l.Fields)
	if err != nil {
		return fmt.Errorf("dead letter %s: %w", l.ID, err)
	}
	if _, err := s.Store(ctx, []*Frame{f}); err != nil {
		return fmt.Errorf("dead letter %s, frame %s: %w", l.ID, f.Identity(), err)
	}
	if err := c.XDel(ctx, DeadKey(stream, shard), l.ID).Err(); err != nil {
		return explain(err)
	}
	return nil
}
