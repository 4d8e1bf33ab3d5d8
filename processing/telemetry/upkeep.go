package telemetry

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink/frame"
)

// keepUp renews what is under way, takes over what others have left, and
// removes consumers that are gone.
func (r *reader) keepUp(ctx context.Context) error {
	for _, l := range r.c.o.Lanes {
		if err := r.renew(ctx, l, 0); err != nil {
			return err
		}
		if err := r.takeOver(ctx, l); err != nil {
			return err
		}
		err := forget.Run(ctx, r.c.o.Client, []string{r.keys[l]}, r.c.o.Group, r.c.o.Name, "", goneAfter(r.c.o.Lease).Milliseconds()).Err()
		if err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	return nil
}

// goneAfter is how long a consumer without pending entries may be silent until
// its name is removed from the group.
func goneAfter(lease time.Duration) time.Duration { return max(time.Hour, 10*lease) }

// forget removes consumers that have nothing pending, in one step: removing one
// that has would take its entries out of the group, and nobody would ever see
// them. ARGV: group, own name, idle milliseconds.
var forget = redis.NewScript(`
local gone = 0
for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
	local f = {}
	for i = 1, #c, 2 do f[c[i]] = c[i + 1] end
	local meant = f.name ~= ARGV[2] and (ARGV[3] == '' or f.name == ARGV[3])
	if meant and f.pending == 0 and f.idle >= tonumber(ARGV[4]) then
		redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], f.name)
		gone = gone + 1
	end
end
return gone`)

// renewChunk bounds the entries of one XCLAIM.
const renewChunk = 500

// renew sets the idle time of entries under way: 0 to keep them, the lease or
// more to give them away at once.
func (r *reader) renew(ctx context.Context, l frame.Lane, idle time.Duration) error {
	for ids := range slices.Chunk(r.holding(l), renewChunk) {
		args := []any{"XCLAIM", r.keys[l], r.c.o.Group, r.c.o.Name, 0}
		for _, id := range ids {
			args = append(args, id)
		}
		// JUSTID: no entry comes back, and the number of deliveries stays
		args = append(args, "IDLE", idle.Milliseconds(), "JUSTID")
		if err := r.c.o.Client.Do(ctx, args...).Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	return nil
}

// takeOver claims entries whose consumer has not stirred for a lease: a dead
// one's. Own entries of that age were lost on the way here and come along.
func (r *reader) takeOver(ctx context.Context, l frame.Lane) error {
	for {
		room := r.c.queue.reserve(l, r.c.o.Batch)
		if room == 0 {
			return nil
		}
		got, next, deleted, err := r.c.o.Client.XAutoClaimWithDeleted(ctx, &redis.XAutoClaimArgs{
			Stream: r.keys[l], Group: r.c.o.Group, Consumer: r.c.o.Name, MinIdle: r.c.o.Lease, Start: r.claim[l], Count: int64(room),
		}).Result()
		if err != nil {
			r.c.queue.unreserve(l, room)
			r.suspect(l) // what was claimed may be ours now
			return err
		}
		if len(deleted) > 0 { // trimmed away while they waited
			r.c.count.trimmed.Add(int64(len(deleted)))
			r.c.o.Log.Error("entries were trimmed before they were stored: set redis.maxlen of the agents to 0 or higher",
				"stream", r.keys[l], "group", r.c.o.Group, "entries", len(deleted), "first", deleted[0])
		}
		r.c.count.taken.Add(int64(r.admit(l, got, room)))
		r.claim[l] = next
		if next == "0-0" {
			return nil
		}
	}
}

// leave gives back what was not stored, so that another consumer takes it at
// once, and removes the name if nothing hangs on it.
func (r *reader) leave(ctx context.Context) {
	for _, l := range r.c.o.Lanes {
		// Without an answer the others wait for the lease, that is all.
		if r.renew(ctx, l, 2*r.c.o.Lease) != nil {
			return
		}
		forget.Run(ctx, r.c.o.Client, []string{r.keys[l]}, r.c.o.Group, "", r.c.o.Name, 0)
	}
}
