package link

import "time"

// Form is what an answer looks like as far as it says itself: where two
// requests' answers have the same form, one can be taken for the other. 0 is
// no form.
type Form uint32

// maxOwed bounds the answers that a link remembers to be owed; the oldest is
// forgotten for a newer one. A device that is dead owes one a back-off period.
const maxOwed = 64

// owedFor is how long an answer may be late at least, if it comes in its turn:
// a gateway keeps requests in a queue while it waits for another device.
const owedFor = 5 * time.Second

// debt is an answer that did not come in time and still may.
type debt struct {
	until  time.Time // when it is forgotten
	held   time.Time // until when it may come even out of its turn
	form   Form
	device byte
}

// Owe notes that device did not answer a request whose answer has this form.
// Where two requests to one device have answers of one form, nothing but the
// order tells them apart: the late one would be taken for the next. silent says
// that nothing of the answer came at all, so that all of it may still come.
func (l *Link) Owe(device byte, form Form, silent bool) {
	now := time.Now()
	d := debt{until: now.Add(max(owedFor, 5*l.opts.Timeout)), form: form, device: device}
	if silent {
		d.held = now.Add(2 * l.opts.Timeout)
	}
	l.owed[l.owing] = d
	l.owing = (l.owing + 1) % maxOwed
}

// Owes reports whether a late answer of this form may still come from device;
// held, whether that is so whatever else the device answers: for three timeouts
// from its request.
func (l *Link) Owes(device byte, form Form) (owed, held bool) {
	now := time.Now()
	for i := range l.owed {
		d := &l.owed[i]
		if d.form == form && d.device == device && now.Before(d.until) {
			owed = true
			held = held || now.Before(d.held)
		}
	}
	return owed, held
}

// Settle notes that device gave an answer that can be none of those it owed.
// Devices and gateways answer in the order in which they are asked, so that
// only what is held may still come.
func (l *Link) Settle(device byte) {
	now := time.Now()
	for i := range l.owed {
		if d := &l.owed[i]; d.device == device && !now.Before(d.held) {
			*d = debt{}
		}
	}
}

// Number gives the next number of a request, for protocols whose answers
// repeat it. All devices of a line draw from one row, so that none takes
// another's answer for its own.
func (l *Link) Number() uint16 {
	l.number++
	return l.number
}
