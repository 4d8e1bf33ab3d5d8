package powercut

import (
	"fmt"
	"strings"

	"github.com/telhub/telhub/uplink/frame"
)

// item is a frame that a lane holds, or a gap record in the place of some.
type item struct {
	ID  frame.ID
	N   int64
	Gap bool
}

// lineage is what is known of the spool of one device over its lives.
type lineage struct {
	Epoch uint64                // highest one that the store has returned
	Items [frame.Lanes][]item   // what it held when the recording began, in order
	Marks [frame.Lanes]frame.ID // what the sink had taken then
	Saved int                   // what the checkpoint said then
}

// promise is what the store owes at a cut.
type promise struct {
	lineage                       // Items: all that was put, or about to be
	Sure    [frame.Lanes]frame.ID // Commit has returned for what is up to here
	Saving  int                   // the checkpoint is between lineage.Saved and this
	Closed  bool                  // the store was closed in order and not opened again
}

// at returns what is owed at a cut: what the workload had said by then.
func (r *recording) at(c cut) (p promise, err error) {
	p.lineage, p.Saving = r.Begin, r.Begin.Saved
	for lane := range p.Items {
		p.Items[lane] = append([]item(nil), r.Begin.Items[lane]...)
		if n := len(p.Items[lane]); n > 0 {
			p.Sure[lane] = p.Items[lane][n-1].ID
		}
	}
	for i := range r.Entries[:c.At] {
		if e := &r.Entries[i]; e.Kind == mark {
			if err := p.hear(e.Note); err != nil {
				return p, fmt.Errorf("mark %q: %w", e.Note, err)
			}
		}
	}
	return p, nil
}

// hear takes in one line of the workload.
func (p *promise) hear(note string) error {
	word, rest, _ := strings.Cut(note, " ")
	switch word {
	case "opening":
		p.Closed = false
	case "up":
		_, err := fmt.Sscan(rest, &p.Epoch)
		return err
	case "put", "ok":
		ids, err := parseIDs(rest)
		if err != nil {
			return err
		}
		for lane, id := range ids {
			if word == "ok" {
				p.Sure[lane] = later(p.Sure[lane], id)
			} else {
				p.extend(frame.Lane(lane), id)
			}
		}
	case "took":
		ids, err := parseIDs(rest)
		if err != nil {
			return err
		}
		for lane, id := range ids {
			p.Marks[lane] = later(p.Marks[lane], id)
		}
	case "saving":
		_, err := fmt.Sscan(rest, &p.Saving)
		return err
	case "saved":
		_, err := fmt.Sscan(rest, &p.Saved)
		return err
	case "closed":
		p.Closed = true
	default:
		return fmt.Errorf("unknown word")
	}
	return nil
}

// extend notes that frames of a lane were put up to id.
func (p *promise) extend(lane frame.Lane, id frame.ID) {
	seq := uint64(1)
	if n := len(p.Items[lane]); n > 0 && p.Items[lane][n-1].ID.Epoch == id.Epoch {
		seq = p.Items[lane][n-1].ID.Seq + 1
	}
	for ; id.Epoch > 0 && seq <= id.Seq && id.Epoch == p.Epoch; seq++ {
		f := makeFrame(lane, frame.ID{Epoch: id.Epoch, Seq: seq}, frame.ID{})
		p.Items[lane] = append(p.Items[lane], item{ID: f.ID, N: int64(f.N)})
	}
}

func later(a, b frame.ID) frame.ID {
	if a.Less(b) {
		return b
	}
	return a
}

func parseIDs(s string) (ids [frame.Lanes]frame.ID, err error) {
	_, err = fmt.Sscanf(s, "%d/%d %d/%d %d/%d", &ids[0].Epoch, &ids[0].Seq, &ids[1].Epoch, &ids[1].Seq, &ids[2].Epoch, &ids[2].Seq)
	return ids, err
}

// makeFrame returns the frame of an identity: its content, size and class
// follow from it. It compresses well, as recordings are kept.
func makeFrame(lane frame.Lane, id, prev frame.ID) *frame.Frame {
	size := int(id.Seq*977%6000) / (1 + int(id.Seq)%5)
	f := &frame.Frame{Lane: lane, ID: id, Prev: prev, N: uint32(size/2 + 1),
		T0: int64(id.Seq) * 1000, T1: int64(id.Seq)*1000 + 999, Boot: frame.BootID{9},
		Dating: frame.Dating{Offset: 1 << 40, Quality: frame.NTP}, Payload: make([]byte, size)}
	switch {
	case lane == frame.Alarm:
		f.Class = frame.Urgent
	case id.Seq%7 == 0:
		f.Class = frame.High
	}
	step := byte(1 + id.Seq%13)
	for i := range f.Payload {
		f.Payload[i] = byte(lane)*17 + byte(id.Epoch)*7 + byte(id.Seq)*31 + byte(i)*step
	}
	return f
}
