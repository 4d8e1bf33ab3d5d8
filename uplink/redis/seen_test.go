package redis

import (
	"errors"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// A lane's last entry is found; one that is trimmed is not, and that is no
// error; of a server that has forgotten the mark, too, nothing can be said.
func TestLastSeen(t *testing.T) {
	srv := redistest.Start(t)
	s := newSink(t, options(srv.Addr()))
	open(t, s, 1)
	mustAppend(t, s, batch(1, 1, 1, 3))
	mark := frame.ID{Epoch: 1, Seq: 3}

	if seen, ok, err := s.LastSeen(t.Context(), frame.Live, mark); err != nil || !ok || seen.Stamp == 0 {
		t.Errorf("%+v, %v, %v", seen, ok, err)
	}
	srv.Do("XTRIM telhub:{0}:live MAXLEN 0")
	if seen, ok, err := s.LastSeen(t.Context(), frame.Live, mark); err != nil || ok {
		t.Errorf("of a trimmed stream: %+v, %v, %v", seen, ok, err)
	}
	if seen, ok, err := s.LastSeen(t.Context(), frame.Alarm, frame.ID{}); err != nil || ok {
		t.Errorf("without a mark: %+v, %v, %v", seen, ok, err)
	}
	srv.Do("FLUSHALL")
	if seen, ok, err := s.LastSeen(t.Context(), frame.Live, mark); !errors.Is(err, errForgot) {
		t.Errorf("after FLUSHALL: %+v, %v, %v", seen, ok, err)
	}
}
