package sml

import "github.com/telhub/telhub/drivers/crc"

// The escape sequence is four times escape; what follows it says what it
// means. SML 1.04, chapter 8.
const (
	escape   = 0x1B
	startTag = 0x01
	endTag   = 0x1A
)

const (
	// maxFile bounds a file with its escapes. Meters send 200 to 800 bytes.
	maxFile          = 4096
	startLen, endLen = 8, 8
)

// transport takes files out of the bytes of a port.
type transport struct {
	inside  bool
	escapes int     // 1B in a row
	words   int     // bytes of word received; -1 = no escape sequence is open
	word    [4]byte // behind an escape sequence
	n       int
	buf     [maxFile]byte // the file as it came, from the start sequence on
}

// event is what a byte brought about.
type event uint8

const (
	nothing  event = iota
	opened         // an escape sequence may have begun: here, if began follows
	began          // a file begins with the sequence that has just ended
	complete       // buf[:n] is a whole file; its CRC is to be compared
	broken         // the file is damaged
)

func (t *transport) reset() { t.inside, t.escapes, t.words, t.n = false, 0, -1, 0 }

// receive takes the next byte.
func (t *transport) receive(c byte) event {
	if t.inside {
		if t.n == len(t.buf) {
			t.reset()
			return broken
		}
		t.buf[t.n] = c
		t.n++
	}
	switch {
	case t.words >= 0:
		return t.receiveWord(c)
	case c != escape:
		t.escapes = 0
		return nothing
	}
	if t.escapes++; t.escapes == 4 {
		t.escapes, t.words = 0, 0
	} else if t.escapes == 1 {
		return opened
	}
	return nothing
}

// receiveWord takes the four bytes behind an escape sequence. If data end
// with 1B, the sequence seems to begin too early: its end moves with each
// further 1B before the tag.
func (t *transport) receiveWord(c byte) event {
	if (c == endTag || c == startTag) && t.onlyEscapes() {
		t.words = 0
	}
	t.word[t.words] = c
	t.words++
	if t.words < 4 {
		return nothing
	}
	t.words = -1
	for t.escapes < 3 && t.word[3-t.escapes] == escape { // cut off, and the next file begins
		t.escapes++
	}
	switch {
	case t.word == [4]byte{startTag, startTag, startTag, startTag}:
		return t.begin()
	case t.word == [4]byte{escape, escape, escape, escape}: // data
		t.escapes = 0
		return nothing
	case !t.inside:
		return nothing
	case t.word[0] == endTag:
		t.inside = false
		return complete
	}
	t.inside = false // block transfer or timeout, of versions that no meter speaks
	return broken
}

// onlyEscapes reports whether all of the word so far is 1B.
func (t *transport) onlyEscapes() bool {
	for _, c := range t.word[:t.words] {
		if c != escape {
			return false
		}
	}
	return true
}

// begin starts a file.
func (t *transport) begin() event {
	was := t.inside
	t.inside = true
	t.n = copy(t.buf[:], "\x1b\x1b\x1b\x1b\x01\x01\x01\x01")
	if was {
		return broken
	}
	return began
}

// messages takes the messages and the filling out of the complete file, in
// place: each doubled escape sequence once.
func (t *transport) messages() []byte {
	raw := t.buf[startLen : t.n-endLen]
	out := 0
	for i := 0; i < len(raw); out++ {
		if i+8 <= len(raw) && [4]byte(raw[i:]) == [4]byte{escape, escape, escape, escape} {
			out += copy(raw[out:], raw[i:i+3])
			i += 7
		}
		raw[out] = raw[i]
		i++
	}
	return raw[:out]
}

// The checksums that meters send, as they send them: CRC-16/X-25 with the low
// byte first, CRC-16/KERMIT with the high one.
func x25(p []byte) [2]byte {
	sum := ^crc.Reflected16(0xFFFF, crc.Poly1021, p)
	return [2]byte{byte(sum), byte(sum >> 8)}
}

func kermit(p []byte) [2]byte {
	sum := crc.Reflected16(0, crc.Poly1021, p)
	return [2]byte{byte(sum >> 8), byte(sum)}
}
