package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"

	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/uplink/frame"
)

// Sums of segments let Open start without reading gigabytes: one line in a file
// beside the segments says what each holds that is written to no more. The
// file is a cache. It is never synced, a line that is torn, missing or of
// another file than stands there now costs only the time to read that segment,
// and what a line vouches for is what the segment's own meta pages prove: these
// lines are made after the commit that they sum up, and any later one changes
// the transaction number. Records prove themselves when they are read, as do the
// pages on the way to them; a segment that was taken on trust is checked whole
// when a frame is missing that it should hold.
const sumsName = "segments.sum"

// sum is one line.
type sum struct {
	File    string                 `json:"file"`
	Mark    fileMark               `json:"mark"`
	Largest int                    `json:"largest"` // payload
	Lanes   [frame.Lanes]*spanLine `json:"lanes"`   // nil: no frame
}

// spanLine is a span as it is written.
type spanLine struct {
	Extent
	Thinned           int64
	Prev, First, Last frame.ID
	Parts             [2]partLine
}

type partLine struct {
	Frames int
	Bytes  int64
	Last   frame.ID
	T1     int64
}

func (sp *span) line() *spanLine {
	l := &spanLine{Extent: sp.Extent, Thinned: sp.thinned, Prev: sp.prev, First: sp.first, Last: sp.last}
	for i, p := range sp.parts {
		l.Parts[i] = partLine{p.frames, p.bytes, p.last, p.t1}
	}
	return l
}

func (l *spanLine) span() span {
	sp := span{Extent: l.Extent, prev: l.Prev, first: l.First, last: l.Last}
	sp.thinned = l.Thinned
	for i, p := range l.Parts {
		sp.parts[i] = part{p.Frames, p.Bytes, p.Last, p.T1}
	}
	return sp
}

// fileMark tells a segment's content: its file and its last transaction. An
// inode is given out again as soon as it is free, and files of one shape have
// equal meta pages; so the page of buckets is part of it, in which each file has
// a random number of its own.
type fileMark struct {
	Inode   uint64    `json:"inode"`
	Bytes   int64     `json:"bytes"`
	Meta    [2]uint64 `json:"meta"`    // checksums of the meta pages, which hold transaction number and root
	Buckets uint32    `json:"buckets"` // checksum of the page of buckets
}

// markFile reads the mark of a segment's file, whose meta pages must be sound.
func markFile(path string) (m fileMark, err error) {
	f, err := os.Open(path)
	if err != nil {
		return m, err
	}
	defer f.Close()
	// Two pages of each of many files: reading ahead would take longer than all.
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM)
	info, err := f.Stat()
	if err != nil {
		return m, err
	}
	c := checker{f: f, size: info.Size()}
	if err := c.readMeta(); err != nil {
		return m, err
	}
	buckets := make([]byte, pageSize)
	if err := c.read(buckets, c.meta.root); err != nil {
		return m, err
	}
	m.Buckets = crc32.Checksum(buckets, castagnoli)
	m.Bytes = info.Size()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		m.Inode = st.Ino
	}
	page := make([]byte, pageHeader+metaLen)
	for i := range m.Meta {
		if _, err := f.ReadAt(page, int64(i)*pageSize); err != nil {
			return m, err
		}
		m.Meta[i] = order.Uint64(page[len(page)-8:])
	}
	return m, nil
}

// sumsFile is the file of sums. It changes under commitMu and mu.
type sumsFile struct {
	path  string
	lines int
	size  int64
}

// load reads the sums of all files, by name. Nothing in it is an error.
func (f *sumsFile) load() map[string]*sum {
	sums := make(map[string]*sum)
	b, _ := os.ReadFile(f.path)
	f.size = int64(len(b))
	for line := range bytes.Lines(b) {
		f.lines++
		if s, ok := parseSum(bytes.TrimSpace(line)); ok {
			sums[s.File] = s
		}
	}
	return sums
}

// parseSum reads a line: the CRC-32C of the rest in hexadecimal, a space, and
// the sum.
func parseSum(line []byte) (s *sum, ok bool) {
	crc, rest, found := bytes.Cut(line, []byte{' '})
	want, err := strconv.ParseUint(string(crc), 16, 32)
	if !found || err != nil || uint32(want) != crc32.Checksum(rest, castagnoli) {
		return nil, false
	}
	s = &sum{}
	return s, json.Unmarshal(rest, s) == nil
}

func appendSum(dst []byte, s *sum) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return dst // numbers and names: it cannot be
	}
	return fmt.Appendf(dst, "%08x %s\n", crc32.Checksum(b, castagnoli), b)
}

// sumOf sums up a segment that is not being written to. ok is false if the
// store does not know for certain what is in its file.
func sumOf(g *segment) (s *sum, ok bool) {
	if g.unread || g.fresh || g.failed {
		return nil, false
	}
	if g.sum != nil {
		return g.sum, true
	}
	m, err := markFile(g.path)
	if err != nil {
		return nil, false
	}
	s = &sum{File: g.name(), Mark: m, Largest: g.largest}
	for lane := range g.spans {
		if sp := &g.spans[lane]; sp.Frames > 0 {
			s.Lanes[lane] = sp.line()
		}
	}
	return s, true
}

// noteSum writes the line of a segment that was just sealed. That the
// disk does not take it is no error: the next Open will read the segment. The
// caller holds commitMu.
func (s *Store) noteSum(g *segment) {
	sum, ok := sumOf(g)
	if !ok {
		return
	}
	if s.sums.lines > 64+2*len(s.segs) {
		g.sum = sum
		s.packSums()
		return
	}
	line := appendSum(nil, sum)
	file, err := os.OpenFile(s.sums.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW, fileMode)
	if err != nil {
		return
	}
	n, err := file.Write(line)
	if errors.Join(err, file.Close()) == nil {
		g.sum = sum
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums.lines++
	s.sums.size += int64(n)
	s.written += int64(n)
}

// packSums writes the file anew, with the lines that are of use.
func (s *Store) packSums() {
	var b []byte
	n := 0
	for _, g := range s.segs {
		if g == s.active {
			continue
		}
		if sum, ok := sumOf(g); ok {
			b, g.sum = appendSum(b, sum), sum
			n++
		}
	}
	made := s.sums.path + tmpSuffix
	if os.WriteFile(made, b, fileMode) != nil || os.Rename(made, s.sums.path) != nil {
		os.Remove(made)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums.lines, s.sums.size = n, int64(len(b))
	s.written += int64(len(b))
}

// trust takes a segment's sum in the place of reading it.
func (g *segment) trust(s *sum, as aliases) bool {
	if s == nil {
		return false
	}
	m, err := markFile(g.path)
	if err != nil || m != s.Mark {
		return false
	}
	if g.size, err = diskSize(g.path); err != nil {
		return false
	}
	for lane, l := range s.Lanes {
		if l != nil {
			g.spans[lane] = l.span()
			g.spans[lane].translate(as)
		}
	}
	g.largest, g.unproved, g.sum = s.Largest, true, s
	return true
}
