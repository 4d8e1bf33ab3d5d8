package modbus

import (
	"github.com/telhub/telhub/drivers/link"
	"github.com/telhub/telhub/drivers/profile"
)

// An RTU answer does not say which registers it holds: unit, function and
// length are all that tells two of them apart. After a request that nobody
// answered in time, a late answer would be taken for that of the next request
// of the same form, whichever sensor of that unit makes it. So the next request
// has another form: its answer proves that the line is in step again.

// form is what the answer to a request for b looks like.
func form(b *profile.Block) link.Form { return link.Form(b.Table)<<16 | link.Form(b.Bytes()) }

// align sees that no late answer can be taken for that to b. While one may come
// at any moment b is not asked for at all: drivers.ErrNotReady lets the others
// on the line go on. After that something is asked first whose answer cannot be
// mistaken. Over TCP answers repeat the transaction's number.
func (d *Device) align(b *profile.Block) error {
	if d.tcp {
		return nil
	}
	owed, held := d.line.Owes(d.unit, form(b))
	if !owed {
		return nil
	}
	probe, ok := d.probe(b)
	if held || !ok { // or everything that can be asked was, within seconds
		return d.fail(b, errOwed)
	}
	if _, err := d.exchange(&probe); err != nil { // a refusal is an answer, too
		return d.fail(b, d.err.Err)
	}
	return nil
}

// probe chooses a request whose answer's form is not owed: another of the
// reading's own, a single value of b, or else more or fewer registers from the
// same address, in pairs first because some devices refuse halves of numbers.
func (d *Device) probe(b *profile.Block) (probe profile.Block, ok bool) {
	free := func() bool { owed, _ := d.line.Owes(d.unit, form(&probe)); return !owed }
	for i := range d.blocks {
		if probe = d.blocks[i]; free() {
			return probe, true
		}
	}
	probe = *b
	if probe.Count = d.dec.Narrow(b); free() {
		return probe, true
	}
	step := uint16(1)
	if b.Table == profile.Coils || b.Table == profile.DiscreteInputs {
		step = 8
	}
	for _, n := range [...]uint16{2, 4, 6, 8, 1, 3, 5, 7} {
		if probe.Count = n * step; uint32(b.Addr)+uint32(probe.Count) <= 1<<16 && free() {
			return probe, true
		}
	}
	return probe, false
}
