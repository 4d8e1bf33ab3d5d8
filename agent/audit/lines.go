package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/telhub/telhub/uplink/frame"
)

// maxLine bounds a line of an export; a frame of 65,536 samples takes about 6 MB.
const maxLine = 64 << 20

// line is a line of `telhub tail --json` (ID is set then) or of
// `telhub spool export` (Lane is).
type line struct {
	ID string `json:"id"`

	Lane    string          `json:"lane"`
	Epoch   uint64          `json:"ep"`
	Seq     uint64          `json:"seq"`
	N       uint32          `json:"n"`
	T0      int64           `json:"t0"`
	T1      int64           `json:"t1"`
	Quality string          `json:"q"`
	Boot    string          `json:"boot"`
	Samples json.RawMessage `json:"samples"`
	Raw     string          `json:"raw"`

	Gap json.RawMessage `json:"gap"`
}

// errLine: the input is not what the audit reads.
var errLine = errors.New("not a line of `telhub tail --json` or `telhub spool export`")

// Lines reads an export until its end. Of `telhub tail --json` it takes all
// devices, or only one; a spool does not name its device, so it gets that name.
// It sets Options.Partial for a spool.
func (a *Auditor) Lines(in io.Reader, device string) error {
	l := lines{a: a, device: device}
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 0, 64<<10), maxLine)
	for s.Scan() {
		l.n++
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		if err := l.take(s.Bytes()); err != nil {
			return fmt.Errorf("line %d: %w", l.n, err)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("line %d: %w", l.n+1, err)
	}
	l.flush()
	return nil
}

// lines turns lines into entries.
type lines struct {
	a      *Auditor
	device string
	n      int    // number of the line
	kind   string // "tail" or "spool", once known
	e      Entry  // of tail: the frame whose samples are being read
	open   bool   // e is one
}

func (l *lines) take(text []byte) error {
	var x line
	if err := json.Unmarshal(text, &x); err != nil {
		return fmt.Errorf("%w: %w", errLine, err)
	}
	kind := "spool"
	if x.ID != "" {
		kind = "tail"
	}
	if l.kind == "" {
		l.kind, l.a.o.Partial = kind, kind == "spool"
	}
	switch {
	case kind != l.kind:
		return fmt.Errorf("a line of another kind than those before it; audit exports of streams and of spools apart")
	case kind == "tail":
		return l.sample(&x)
	}
	return l.frame(&x)
}

// sample takes a line of `telhub tail --json`: a sample or a gap record.
func (l *lines) sample(x *line) error {
	device, lane, id, index, err := correlation(x.ID)
	if err != nil {
		return err
	}
	if l.device != "" && device != l.device {
		return nil
	}
	if (index < 0) != (x.Gap != nil) {
		return fmt.Errorf("%w: id %q and its members do not fit", errLine, x.ID)
	}
	e := &l.e
	if l.open && index > 0 && e.ID == id && e.Lane == lane && e.Device == device {
		if index != e.Samples && e.damage == "" {
			e.damage = fmt.Sprintf("sample %d follows sample %d", index, e.Samples-1)
		}
		e.Samples = index + 1
		return nil
	}
	l.flush()
	*e = Entry{Shard: NoShard, Lane: lane, At: l.at(), Device: device, ID: id, Bare: true, Samples: index + 1}
	if l.open = true; index > 0 {
		e.damage = fmt.Sprintf("its first sample is number %d", index)
	}
	if x.Gap != nil {
		e.Encoding, e.Data, e.Samples = "gap", x.Gap, 0
	}
	return nil
}

func (l *lines) at() string { return "line " + strconv.Itoa(l.n) }

// flush hands over the frame whose samples have been read.
func (l *lines) flush() {
	if l.open {
		l.a.Add(&l.e)
	}
	l.open = false
}

// correlation takes a correlation ID apart (docs/wire.md, section 2); index is
// -1 where there is none.
func correlation(s string) (device string, lane frame.Lane, id frame.ID, index int, err error) {
	bad := fmt.Errorf("%w: id %.80q is not device/lane/epoch/seq#index", errLine, s)
	rest, tail, hasIndex := strings.Cut(s, "#")
	index = -1
	if hasIndex {
		if index, err = strconv.Atoi(tail); err != nil || index < 0 || index >= frame.MaxSamples {
			return "", 0, id, 0, bad
		}
	}
	var part [3]string
	for i := range part {
		k := strings.LastIndexByte(rest, '/')
		if k < 0 {
			return "", 0, id, 0, bad
		}
		rest, part[i] = rest[:k], rest[k+1:]
	}
	seq, err1 := strconv.ParseUint(part[0], 10, 63)
	epoch, err2 := strconv.ParseUint(part[1], 10, 63)
	lane, known := laneOf(part[2])
	if err1 != nil || err2 != nil || !known || rest == "" || seq == 0 || epoch == 0 {
		return "", 0, id, 0, bad
	}
	return rest, lane, frame.ID{Epoch: epoch, Seq: seq}, index, nil
}

func laneOf(name string) (frame.Lane, bool) {
	for l := range frame.Lane(frame.Lanes) {
		if l.String() == name {
			return l, true
		}
	}
	return 0, false
}

// frame takes a line of `telhub spool export`.
func (l *lines) frame(x *line) error {
	lane, ok := laneOf(x.Lane)
	if !ok || x.Epoch == 0 || x.Seq == 0 {
		return errLine
	}
	device := l.device
	if device == "" {
		device = "spool"
	}
	e := &Entry{
		Shard: NoShard, Lane: lane, At: l.at(), Device: device, ID: frame.ID{Epoch: x.Epoch, Seq: x.Seq},
		N: x.N, T0: x.T0, T1: x.T1, Quality: x.Quality, Boot: x.Boot, Encoding: "senml", Data: x.Samples, base: "/",
	}
	switch {
	case x.Gap != nil:
		return l.gap(e, x.Gap)
	case x.Raw != "":
		e.damage = "the store could not decode it, either"
	case x.Samples == nil:
		e.Bare = true // an empty frame: there is nothing to compare
	}
	l.a.Add(e)
	return nil
}

// gap takes a gap record as the store keeps it: not in its wire form yet.
func (l *lines) gap(e *Entry, raw []byte) error {
	e.Encoding, e.Bare = "gap", true
	info, err := frame.ParseGapInfo(raw)
	if err == nil {
		e.Data, err = frame.AppendGapJSON(nil, &info, 0)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errLine, err)
	}
	l.a.Add(e)
	return nil
}
