package frame

import "fmt"

// Lane is one of the three ordered ways into Redis, each a stream with a
// sequence of its own. Lower values go first.
type Lane uint8

// The lanes, most urgent first.
const (
	Alarm    Lane = iota // alarms; overtake everything
	Live                 // samples sent as they are taken
	Backfill             // samples kept by the store while the uplink was away

	Lanes = 3 // how many lanes there are
)

// String gives the lane's name as it stands in stream keys and metrics.
func (l Lane) String() string {
	switch l {
	case Alarm:
		return "alarm"
	case Live:
		return "live"
	case Backfill:
		return "backfill"
	}
	return fmt.Sprintf("lane%d", uint8(l))
}

// ID numbers a frame within its device and lane. Epoch grows by one at each
// start of the agent; Seq counts from 1 within (lane, epoch). The zero ID
// stands before every frame.
type ID struct {
	Epoch uint64
	Seq   uint64
}

// Compare orders IDs as frames follow each other in a lane: -1, 0 or +1.
func (a ID) Compare(b ID) int {
	switch {
	case a.Epoch < b.Epoch, a.Epoch == b.Epoch && a.Seq < b.Seq:
		return -1
	case a == b:
		return 0
	}
	return 1
}

// Less reports whether a comes before b in their lane.
func (a ID) Less(b ID) bool { return a.Compare(b) < 0 }

// Follows reports whether a can directly follow prev without a hole: the next
// number of the same epoch, or the first of a later one.
func (a ID) Follows(prev ID) bool {
	return a.Epoch == prev.Epoch && a.Seq == prev.Seq+1 || a.Epoch > prev.Epoch && a.Seq == 1
}

// String gives "epoch/seq" as it stands in correlation IDs.
func (a ID) String() string { return fmt.Sprintf("%d/%d", a.Epoch, a.Seq) }

// BootID is the kernel's random identifier of a boot
// (/proc/sys/kernel/random/boot_id), as 16 bytes.
type BootID [16]byte

// String gives the usual 8-4-4-4-12 form.
func (b BootID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// ClockQuality says how good a frame's dates are.
type ClockQuality uint8

// The clock qualities, worst first.
const (
	Unset    ClockQuality = iota // no date known: stamps are milliseconds since boot
	Holdover                     // a plausible date nobody confirmed since the start
	NTP                          // the kernel's clock is synchronised
	GNSS                         // from a satellite receiver
)

// String gives the word of stream field "q".
func (q ClockQuality) String() string {
	switch q {
	case Unset:
		return "unset"
	case Holdover:
		return "holdover"
	case NTP:
		return "ntp"
	case GNSS:
		return "gnss"
	}
	return "unknown"
}

// Dating is what was known of wall time: Unix milliseconds = boot-relative
// milliseconds + Offset, unless Quality is Unset.
type Dating struct {
	Offset  int64 // milliseconds from CLOCK_BOOTTIME to Unix time
	Quality ClockQuality
}

// Kind tells frames of samples from gap records.
type Kind uint8

// The kinds of frame.
const (
	Data Kind = iota // Payload is compact bytes
	Gap              // Payload is a GapInfo, see AppendGapInfo
)

// Class says how a frame is treated when not everything can be sent or kept.
type Class uint8

// The classes.
const (
	Normal Class = iota
	High         // of sensors with priority = "high": rides before others when the uplink is narrow, is dropped last
	Urgent       // alarms: travels in lane Alarm
)

// String gives the word of sensor key "priority", and "urgent".
func (c Class) String() string {
	switch c {
	case Normal:
		return "normal"
	case High:
		return "high"
	case Urgent:
		return "urgent"
	}
	return "unknown"
}

// Frame is a sealed run of samples of one lane, or a gap record. Frames come
// from a Pool and belong to whoever holds them until Free.
type Frame struct {
	Lane  Lane
	Kind  Kind
	Class Class // of its samples; who submits it says so
	ID    ID
	Prev  ID // the frame's predecessor in its lane; a gap record covers (Prev, ID]

	N      uint32 // samples in Payload; for a gap record the number lost, see GapInfo
	T0, T1 int64  // first and last stamp, milliseconds of CLOCK_BOOTTIME of boot Boot
	Boot   BootID
	Dating Dating // what was known of the date when the frame was sealed

	Arrived int64 // when the uplink took it, milliseconds of CLOCK_BOOTTIME; stays in memory

	Payload []byte // owned by the frame; capacity fixed by its pool

	pool *stack
}

// Free hands the frame back to the pool it came from. The caller must not use
// it afterwards. A frame without a pool is left to the garbage collector.
func (f *Frame) Free() {
	if f.pool == nil {
		return
	}
	*f = Frame{Payload: f.Payload[:0], pool: f.pool}
	f.pool.push(f)
}

// CopyFrom makes f a copy of src, payload included, and reports whether
// f's payload capacity was enough. f keeps its own pool.
func (f *Frame) CopyFrom(src *Frame) bool {
	if cap(f.Payload) < len(src.Payload) {
		return false
	}
	payload, pool := append(f.Payload[:0], src.Payload...), f.pool
	*f = *src
	f.Payload, f.pool = payload, pool
	return true
}
