package sim

import "time"

// AnswerFault is what happens on a half-duplex line to an answer.
type AnswerFault struct {
	Kind  AnswerFaultKind
	Delay time.Duration // of AnswerLate, and before the rest of AnswerTorn
	Times int           // answers that it hits before it ends by itself; 0: until it is replaced
}

// AnswerFaultKind tells the faults apart.
type AnswerFaultKind uint8

const (
	// AnswerClear: all is well.
	AnswerClear AnswerFaultKind = iota
	// AnswerEchoed: the adapter hears the request, too, before the answer.
	AnswerEchoed
	// AnswerLate: Delay passes before it comes, and the line goes on meanwhile.
	AnswerLate
	// AnswerCut: only its first half comes.
	AnswerCut
	// AnswerTorn: its second half comes Delay later than its first.
	AnswerTorn
	// AnswerFlipped: one bit of it is wrong.
	AnswerFlipped
	// AnswerStranger: an answer of another unit comes first.
	AnswerStranger
	// AnswerTwice: it comes twice, one behind the other.
	AnswerTwice
	// AnswerNone: nothing comes.
	AnswerNone
)

// piece is bytes that reach the master some time after the answer was due.
type piece struct {
	after time.Duration
	data  []byte
}

// take counts an answer and gives what holds for it.
func (f *AnswerFault) take() AnswerFault {
	now := *f
	if f.Times > 0 {
		if f.Times--; f.Times == 0 {
			*f = AnswerFault{}
		}
	}
	return now
}

// play says what comes of an answer. n numbers the answers, so that damage
// moves through the frame. The pieces are copies.
func (f AnswerFault) play(request, answer []byte, n int) []piece {
	own := append([]byte(nil), answer...)
	switch f.Kind {
	case AnswerEchoed:
		return []piece{{0, append(append([]byte(nil), request...), own...)}}
	case AnswerLate:
		return []piece{{f.Delay, own}}
	case AnswerCut:
		return []piece{{0, own[:len(own)/2]}}
	case AnswerTorn:
		return []piece{{0, own[:len(own)/2]}, {f.Delay, own[len(own)/2:]}}
	case AnswerFlipped:
		bit := (n * 13) % max(1, 8*len(own))
		if len(own) > 0 {
			own[bit/8] ^= 1 << (bit % 8)
		}
	case AnswerStranger:
		return []piece{{0, append(stranger(own), own...)}}
	case AnswerTwice:
		return []piece{{0, own}, {0, own}}
	case AnswerNone:
		return nil
	}
	return []piece{{0, own}}
}

// stranger is another unit's valid answer of the same form, with other values.
func stranger(answer []byte) []byte {
	if len(answer) < 5 {
		return nil
	}
	pdu := append([]byte(nil), answer[1:len(answer)-2]...)
	for i := 2; i < len(pdu); i++ {
		pdu[i] ^= 0xff
	}
	return AppendRTU(nil, answer[0]^0x15, pdu...)
}
