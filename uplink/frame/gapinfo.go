package frame

import (
	"encoding/json"
	"fmt"
)

// Cause says why samples are missing.
type Cause string

// The causes of gap records.
const (
	RingOverrun  Cause = "ring_overrun"  // sampling outran processing
	StoreFull    Cause = "store_full"    // spool.max_size reached, or the disk full
	StoreDamaged Cause = "store_damaged" // a segment could not be read back
	StoreOff     Cause = "store_off"     // no store could be opened and memory was full
	PowerCut     Cause = "power_cut"     // the agent ended without its shutdown
	ServerRewind Cause = "server_rewind" // Redis lost what was no longer held here
	Conflict     Cause = "conflict"      // another agent used this device's name
	NotEncoded   Cause = "not_encoded"   // the codec refused the samples: a fault of the program
)

// GapInfo is the payload of a gap record: what is known of what is missing.
type GapInfo struct {
	Cause Cause `json:"cause"`
	// N is how many samples are missing, or -1 when nobody can know.
	N int64 `json:"n"`
	// T0 and T1 bound the stamps of the missing samples, in milliseconds of
	// CLOCK_BOOTTIME of the frame's boot; they can be negative when the gap
	// began in an earlier boot whose date is known. T0Known is false when
	// nothing is known of the beginning, or only Began.
	T0      int64 `json:"t0"`
	T1      int64 `json:"t1"`
	T0Known bool  `json:"t0_known"`
	// Began is the beginning in Unix milliseconds, for a gap that began in an
	// earlier boot whose date is known; 0 = not known. T0 goes before it. It
	// waits here for a date of the frame's boot and stays on the board.
	Began int64 `json:"began,omitempty"`
	// Channels names the channels concerned, where known.
	Channels []string `json:"channels,omitempty"`
	// Frames is how many numbered frames the record stands for: 0 when the
	// samples were lost before they had a number, -1 when nobody can know. It
	// stays on the board.
	Frames int64 `json:"frames,omitempty"`
}

// Seal makes f a gap record that carries g. It allocates: gaps are cold.
func (g *GapInfo) Seal(f *Frame) error {
	b, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("gap record: %w", err)
	}
	f.Kind = Gap
	f.N = uint32(min(max(g.N, 0), 1<<32-1))
	f.T0, f.T1 = g.T0, g.T1
	f.Payload = append(f.Payload[:0], b...)
	return nil
}

// ParseGapInfo reads the payload of a gap record.
func ParseGapInfo(payload []byte) (GapInfo, error) {
	var g GapInfo
	if err := json.Unmarshal(payload, &g); err != nil {
		return g, fmt.Errorf("gap record: %w", err)
	}
	return g, nil
}

// wireGap is what stands in the stream (docs/wire.md).
type wireGap struct {
	Cause    Cause    `json:"cause"`
	N        *int64   `json:"n"`
	T0       *int64   `json:"t0"`
	T1       int64    `json:"t1"`
	Channels []string `json:"channels,omitempty"`
}

// AppendGapJSON appends the wire form of a gap record: "n" and "t0" are null
// when unknown, times are shifted by offset milliseconds.
func AppendGapJSON(dst []byte, g *GapInfo, offset int64) ([]byte, error) {
	w := wireGap{Cause: g.Cause, T1: g.T1 + offset, Channels: g.Channels}
	if g.N >= 0 {
		w.N = &g.N
	}
	if t0 := g.T0 + offset; g.T0Known {
		w.T0 = &t0
	}
	b, err := json.Marshal(w)
	if err != nil {
		return dst, fmt.Errorf("gap record: %w", err)
	}
	return append(dst, b...), nil
}
