package framed

import "github.com/telhub/telhub/drivers/profile"

// Scanner finds telegrams in a stream of bytes.
type Scanner struct {
	shape *profile.Telegram
	buf   []byte // what may be a telegram; its capacity is that of the longest
	used  int    // bytes at the start of buf that belong to the telegram that was found last

	flag, escape, xor byte
	stuffed           bool
	escaped           bool // the byte before announced a changed one
	lost              bool // no telegram until the next flag

	good, corrupt uint64
}

// NewScanner makes a scanner for telegrams of shape.
func NewScanner(shape *profile.Telegram) *Scanner {
	s := &Scanner{shape: shape, buf: make([]byte, 0, shape.Longest())}
	s.flag, s.escape, s.xor, s.stuffed = shape.Stuffing()
	s.lost = s.stuffed
	return s
}

// Reset drops what is half received.
func (s *Scanner) Reset() { s.buf, s.used, s.escaped, s.lost = s.buf[:0], 0, false, s.stuffed }

// Empty reports whether nothing of a telegram has been received.
func (s *Scanner) Empty() bool { return len(s.buf) == s.used }

// Counts gives the telegrams that were well-formed, of other kinds included,
// and those that were damaged.
func (s *Scanner) Counts() (good, corrupt uint64) { return s.good, s.corrupt }

// Push takes a byte. ok says that it completed a telegram of the wanted kind,
// which is valid until the next call.
func (s *Scanner) Push(b byte) (telegram []byte, ok bool) {
	s.drop(s.used)
	if s.stuffed {
		return s.pushStuffed(b)
	}
	s.buf = append(s.buf, b)
	for len(s.buf) > 0 {
		n, possible := s.shape.Need(s.buf)
		switch {
		case !possible:
			s.drop(1)
			continue
		case n == 0 || len(s.buf) < n:
			return nil, false
		}
		switch s.judge(s.buf[:n]) {
		case profile.Whole:
			s.used = n
			return s.buf[:n], true
		case profile.Foreign:
			s.drop(n)
		case profile.Damaged:
			s.drop(1)
		}
	}
	return nil, false
}

// drop forgets the first n bytes.
func (s *Scanner) drop(n int) {
	if n > 0 {
		s.buf = s.buf[:copy(s.buf, s.buf[n:])]
		s.used = 0
	}
}

// judge counts a complete telegram.
func (s *Scanner) judge(p []byte) profile.Verdict {
	v := s.shape.Judge(p)
	if v == profile.Damaged {
		s.corrupt++
	} else {
		s.good++
	}
	return v
}

// pushStuffed takes a byte where flags delimit telegrams. A flag ends one and
// may begin the next.
func (s *Scanner) pushStuffed(b byte) ([]byte, bool) {
	switch {
	case b == s.flag:
		return s.delimit()
	case s.lost:
		return nil, false
	case b == s.escape:
		s.escaped = true
		return nil, false
	case s.escaped:
		s.escaped = false
		b ^= s.xor
	}
	if len(s.buf) == cap(s.buf) {
		s.corrupt++
		s.buf, s.lost = s.buf[:0], true
		return nil, false
	}
	s.buf = append(s.buf, b)
	return nil, false
}

// delimit ends the telegram under way.
func (s *Scanner) delimit() ([]byte, bool) {
	p, cut := s.buf, s.escaped
	s.lost, s.escaped, s.used = false, false, len(s.buf)
	if len(p) == 0 {
		return nil, false
	}
	if n, ok := s.shape.Need(p); cut || !ok || n != 0 && n != len(p) {
		s.corrupt++
		return nil, false
	}
	return p, s.judge(p) == profile.Whole
}
