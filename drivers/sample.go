package drivers

// Quality says how far a channel's value can be trusted.
type Quality uint8

// The qualities of a channel, in the words that its status channel sends.
const (
	OK    Quality = iota // measured and plausible
	Stale                // nothing new for three periods
	Bad                  // answered, but the value is invalid: range, CRC, "not measured"
	Lost                 // no answer
)

// String gives the word that stands in the stream and in metrics.
func (q Quality) String() string {
	switch q {
	case OK:
		return "ok"
	case Stale:
		return "stale"
	case Bad:
		return "bad"
	case Lost:
		return "lost"
	}
	return "unknown"
}

// Kind tells a measured value from a change of status or of an alarm.
type Kind uint8

// The kinds of sample.
const (
	KindValue  Kind = iota // Value holds a measurement
	KindStatus             // Quality holds the channel's new status; Value is unused
	KindAlarm              // Alarm holds the channel's new alarm state; Value is unused
)

// Alarm is the state of a channel's alarm.
type Alarm uint8

// The states of an alarm, in the words that lane alarm carries.
const (
	AlarmClear Alarm = iota // no alarm
	AlarmHigh               // above its upper limit
	AlarmLow                // below its lower limit
	AlarmStale              // no valid value for too long
)

// String gives the word that stands in the stream and in metrics.
func (a Alarm) String() string {
	switch a {
	case AlarmClear:
		return "clear"
	case AlarmHigh:
		return "high"
	case AlarmLow:
		return "low"
	case AlarmStale:
		return "stale"
	}
	return "unknown"
}

// Sample is one value of one channel. It holds no pointers, so buffers of
// samples are never scanned by the garbage collector; names resolve by Channel.
type Sample struct {
	Stamp   int64   // nanoseconds of CLOCK_BOOTTIME
	Value   float64 // in the channel's unit; never NaN or infinite when Kind is KindValue
	Channel uint16  // index into the agent's channel table
	Quality Quality
	Kind    Kind
	Alarm   Alarm
}
