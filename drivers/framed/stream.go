package framed

import (
	"fmt"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/profile"
)

// Stream decodes a device that sends by itself.
type Stream struct {
	*Scanner
	dec   *profile.Decoder
	began int64  // stamp of the first byte of the telegram under way
	last  []byte // the telegram of the last reading, the scanner's
}

var _ drivers.Stream = (*Stream)(nil)

// NewStream makes the decoder of a device that prog describes, with consts
// over the profile's constants.
func NewStream(prog *profile.Program, consts map[string]float64) (*Stream, error) {
	dec, err := decoder(prog, consts)
	if err != nil {
		return nil, err
	}
	return &Stream{Scanner: NewScanner(prog.Telegram()), dec: dec}, nil
}

func decoder(prog *profile.Program, consts map[string]float64) (*profile.Decoder, error) {
	if prog.Kind() != profile.Framed {
		return nil, fmt.Errorf("%s: a profile of kind %s has no telegrams", prog.Name(), prog.Kind())
	}
	return prog.NewDecoder(consts)
}

// Outputs lists what the device sends.
func (s *Stream) Outputs() []drivers.Output { return s.dec.Outputs() }

// Feed implements drivers.Stream. A reading is dated to the arrival of its
// telegram's first byte.
func (s *Stream) Feed(p []byte, stamp int64, dst *drivers.Reading) (n int, ok bool) {
	for i, b := range p {
		if s.Empty() {
			s.began = stamp
		}
		if telegram, ok := s.Push(b); ok {
			dst.Reset()
			dst.Stamp = s.began
			s.last = telegram
			s.dec.Decode(telegram, dst)
			return i + 1, true
		}
	}
	return len(p), false
}

// Idle implements drivers.Stream: silence completes nothing.
func (s *Stream) Idle(time.Duration, *drivers.Reading) bool { return false }
