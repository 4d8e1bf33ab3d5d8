package flash

import "time"

const (
	// meterSpan is over what time own writes and the device's are compared: a
	// journal and its write-back follow a commit by half a minute.
	meterSpan = 10 * time.Minute

	// attributed is how many times its own writes a program is charged at most:
	// more was written by others.
	attributed = 2

	// unseen is what a byte costs where no device can be looked at: ext4's
	// journal takes a fifth, measured; other file systems are like it.
	unseen = 1.25
)

// Meter finds what a program's own writes come to at the block layer. Where
// the device's counter is seen, that is what the device was written, the file
// system's journal included, but no more than twice what the program gave to
// write calls: beyond that others wrote. The zero value is ready; it belongs
// to one goroutine.
type Meter struct {
	begun   bool
	start   int64 // of the span, ns
	own     int64 // totals at its start
	device  int64
	charged int64 // in the span
}

// Charge takes in the totals of own writes and of the device (negative: not
// known) at now and returns what came to be charged since the last call.
func (m *Meter) Charge(now, own, device int64) (bytes int64) {
	if !m.begun || own < m.own || (device < 0) != (m.device < 0) || device >= 0 && device < m.device {
		m.begin(now, own, device)
		return 0
	}
	o := own - m.own
	cost := int64(float64(o) * unseen)
	if device >= 0 {
		cost = min(max(device-m.device, o), attributed*o)
	}
	bytes = max(cost-m.charged, 0)
	m.charged += bytes
	// While nothing is written here, what others write is no concern of ours.
	if age := time.Duration(now - m.start); age >= meterSpan || o == 0 && age >= meterSpan/10 {
		m.begin(now, own, device)
	}
	return bytes
}

func (m *Meter) begin(now, own, device int64) {
	*m = Meter{begun: true, start: now, own: own, device: device}
}
