package p1

// Kinds of M-Bus meters that have outputs, in the order of the outputs.
const (
	gas = iota
	water
	heat
	noKind
)

// slotOf gives the outputs that a kind of meter fills, by EN 13757-3.
func slotOf(kind uint8) int {
	switch kind {
	case 3:
		return gas
	case 6, 7, 21, 22: // warm, (cold) water, hot, cold
		return water
	case 4, 12, 13: // heat at the outlet, at the inlet, heat and cooling
		return heat
	}
	return noKind
}

// exchanged is how much newer another channel's capture must be for that
// meter to replace the one that has been read.
const exchanged = 2 * 3600

// resolve fills the outputs that no single line gives.
func (d *Decoder) resolve() {
	t := &d.telegram
	if t.timed {
		d.put(outMeterTime, float64(t.time))
	}
	for slot := range d.owners {
		best := uint8(0)
		for ch := uint8(1); ch <= maxChannel; ch++ {
			if d.serves(ch, slot) && (best == 0 || d.better(ch, best, slot)) {
				best = ch
			}
		}
		if best == 0 {
			continue
		}
		d.owners[slot] = best
		m := &t.mbus[best]
		d.put(outGas+2*slot, m.value.in(m.unit))
		if m.timed {
			d.put(outGasTime+2*slot, float64(m.time))
		}
	}
}

func (d *Decoder) put(derived int, v float64) {
	out := d.table.Derived + derived
	d.telegram.values[out] = v
	d.telegram.has |= 1 << out
}

// serves reports whether a channel has a value for a slot.
func (d *Decoder) serves(ch uint8, slot int) bool {
	m := &d.telegram.mbus[ch]
	want := d.table.Outputs[d.table.Derived+outGas+2*slot].Unit
	return m.has && slotOf(m.kind) == slot && m.unit.fits(want)
}

// better reports whether channel a is to be read rather than b, which comes
// before it.
func (d *Decoder) better(a, b uint8, slot int) bool {
	x, y := &d.telegram.mbus[a], &d.telegram.mbus[b]
	if x.timed && y.timed && (x.time-y.time > exchanged || y.time-x.time > exchanged) {
		return x.time > y.time
	}
	return d.owners[slot] == a
}
