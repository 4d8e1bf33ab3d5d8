package redis

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

var _ uplink.Witness = (*Sink)(nil)

// seenDepth is how many of a stream's last entries are looked through for one
// of this device. Where many devices share a shard it may not be among them.
const seenDepth = 100

// LastSeen implements uplink.Witness: it looks for the entry of the lane's mark
// among the last ones. A user without the right +xrevrange finds nothing, which
// only makes gap records less precise, and lets one of a conflict that was none.
// A server that has forgotten the mark meanwhile is an error.
func (s *Sink) LastSeen(ctx context.Context, lane frame.Lane, mark frame.ID) (uplink.Seen, bool, error) {
	if s.appender == nil || mark == (frame.ID{}) {
		return uplink.Seen{}, false, nil
	}
	entries, err := s.appender.XRevRangeN(ctx, s.keys.stream[lane], "+", "-", seenDepth).Result()
	if err != nil {
		if _, said := errors.AsType[redis.Error](err); said {
			err = nil
		}
		return uplink.Seen{}, false, s.classify(err)
	}
	for _, m := range entries {
		e, err := ParseEntry(m.Values)
		if err != nil || e.Device != s.o.Device || e.ID != mark {
			continue
		}
		return uplink.Seen{Stamp: e.T1, Dated: e.Quality != frame.Unset.String(), Boot: e.Boot}, true, nil
	}
	return uplink.Seen{}, false, s.marked(ctx, lane, mark)
}

// errForgot: the server lost data between two questions.
var errForgot = errors.New("the server forgot a mark that it told a moment ago")

// marked returns an error if a lane's mark is not what it was when the lane was
// opened: then that its entry was not found says nothing, and the lanes are to be
// opened anew.
func (s *Sink) marked(ctx context.Context, lane frame.Lane, mark frame.ID) error {
	text, err := s.appender.HGet(ctx, s.keys.state, s.keys.field[lane]).Result()
	if err != nil && !absent(err) {
		if _, said := errors.AsType[redis.Error](err); said {
			return nil // no right to ask
		}
		return s.classify(err)
	}
	if m, ok := parseMark(text); !ok || m.ID != mark {
		return errForgot
	}
	return nil
}
