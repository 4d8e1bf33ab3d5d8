package audit

import "github.com/telhub/telhub/uplink/frame"

// Report is what an audit found.
type Report struct {
	Balanced    bool      `json:"balanced"` // nothing is unexplained
	Unexplained int       `json:"unexplained"`
	Devices     []Device  `json:"devices"`
	Foreign     []Finding `json:"foreign"` // entries that are no frames
	MoreForeign int       `json:"more_foreign,omitempty"`
}

// Device is the balance of a device: Acquired = Delivered + Lost, and what
// Unknown gap records cannot number.
type Device struct {
	Device      string    `json:"device"`
	Shard       *int      `json:"shard,omitempty"`
	Balanced    bool      `json:"balanced"`
	Acquired    int64     `json:"acquired"`
	Delivered   int64     `json:"delivered"`
	Lost        int64     `json:"declared_lost"`
	Unknown     int64     `json:"unknown_losses"`
	Runs        Runs      `json:"runs"`
	Lanes       []Lane    `json:"lanes"`
	Unexplained int       `json:"unexplained"`
	Findings    []Finding `json:"findings"`
	More        int       `json:"more_findings,omitempty"` // not shown

	shard int
}

// Runs are the device's starts, as far as frames of them are there.
type Runs struct {
	First    uint64 `json:"first"` // epochs
	Last     uint64 `json:"last"`
	Seen     int    `json:"seen"`
	AfterCut int    `json:"after_power_cut"` // of them declare that the one before ended without its shutdown
	Silent   int64  `json:"without_any"`     // between First and Last, of which there is no frame
}

// Lane is what a lane holds.
type Lane struct {
	Lane       string   `json:"lane"`
	Epochs     int64    `json:"epochs"`
	Frames     int64    `json:"frames"`
	Unreadable int64    `json:"unreadable_frames"`
	Samples    int64    `json:"samples"` // delivered
	First      string   `json:"first"`   // epoch/seq, "" = no entry
	Last       string   `json:"last"`
	GapRecords int64    `json:"gap_records"`
	Lost       int64    `json:"declared_lost"`
	Unknown    int64    `json:"unknown_losses"`
	Causes     []Cause  `json:"causes"`
	Missing    int64    `json:"missing_frames"` // that no gap record covers
	Trimmed    *Trimmed `json:"trimmed,omitempty"`
	Marked     bool     `json:"mark_compared"` // with the state hash
}

// Cause is what gap records of one cause declare.
type Cause struct {
	Cause   string `json:"cause"`
	Records int64  `json:"records"`
	Samples int64  `json:"samples"`
	Unknown int64  `json:"unknown"` // records that cannot tell a number
}

// Trimmed is what a stream no longer holds: MAXLEN cuts its beginning off.
type Trimmed struct {
	First     string `json:"first,omitempty"` // the lane begins with this frame
	Frames    int64  `json:"frames"`          // of the epoch of First, before it; elder epochs may have had more
	All       bool   `json:"all,omitempty"`   // nothing is left; Frames are those of the last epoch
	WhileRead int64  `json:"while_read,omitempty"`
}

// Kind is a kind of finding.
type Kind string

// The kinds.
const (
	Hole        Kind = "hole"          // frames are missing and nobody has declared it
	Twice       Kind = "twice"         // one identity, two entries
	Order       Kind = "out_of_order"  // an entry behind one that comes after it
	Overlap     Kind = "overlap"       // declared lost, and delivered or declared again
	Payload     Kind = "payload"       // does not decode
	Header      Kind = "header"        // fields that are wrong or disagree with the payload
	Record      Kind = "gap_record"    // a gap record that is wrong
	Boot        Kind = "boot"          // one epoch, two boots
	MarkDiffers Kind = "mark"          // state hash and stream disagree
	Fence       Kind = "fence"         // an entry of an epoch that never opened the lane
	Beginning   Kind = "beginning"     // is missing, with Options.Whole
	Foreign     Kind = "foreign_entry" // no frame
)

// Finding is something that nothing in the streams explains.
type Finding struct {
	Kind   Kind   `json:"kind"`
	ID     string `json:"id"`              // correlation ID of the frame, or the lane
	Until  string `json:"until,omitempty"` // the last one, of several
	Frames int64  `json:"frames,omitempty"`
	At     string `json:"at,omitempty"` // entry of the stream, line of an export
	Text   string `json:"text"`
	Cure   string `json:"cure"`

	from, to frame.ID
	lane     bool   // about the lane as a whole
	stem     string // Text, for findings that grow
}

// named returns f with its correlation IDs.
func (f Finding) named(lane string) Finding {
	f.ID = lane
	if f.lane {
		return f
	}
	f.ID += "/" + f.from.String()
	if f.to != f.from {
		f.Until = lane + "/" + f.to.String()
	}
	return f
}

// What findings mean and what to do about them.
const (
	cureHole = "nothing in the streams tells where it went: somebody deleted entries (XDEL), the server lost writes that it " +
		"had confirmed, or telhub is at fault; look whether the board still has it (telhub spool export)"
	cureTwice = "telhub's script appends an identity once: another program wrote it, a stream was restored beside its state hash, " +
		"or the hash was deleted; count each identity once"
	cureOrder   = "telhub's script appends in order: another program wrote here, or the state hash was deleted or restored; sort by epoch and number"
	cureOverlap = "the balance counts it as delivered and as lost: another program wrote here, or the state hash was deleted or restored"
	cureHeader  = "a reader goes by the payload; telhub writes no such header: another program wrote or changed it, or telhub is at fault"
	curePayload = "its samples are in no sum: another program wrote it, it is of a newer version than this telhub, or telhub is at fault"
	cureRecord  = "docs/wire.md, section 4, says how gap records look: another program wrote it, or telhub is at fault"
	cureBoot    = "an epoch is one start: two agents use this device's name, as after a card was copied; give one another name"
	cureMark    = "another program wrote into the stream or the hash, or one of them was deleted or restored without the other"
	cureTail    = "the stream lost its end, which trimming never takes: somebody deleted entries (XDEL), or the stream was restored without its state hash"

	cureBeginning = "the stream was trimmed (redis.maxlen, XTRIM), or somebody deleted entries (XDEL); without --whole a trimmed beginning is no finding"
	cureForeign   = "another program writes into telhub's streams: let it use other keys, or choose another redis.stream"
)

// view turns the state of a lane into its part of the report.
func (l *lane) view() Lane {
	v := Lane{
		Lane: laneName(l.name), Epochs: l.epochs, Frames: l.frames, Unreadable: l.empty, Samples: l.samples, GapRecords: l.records,
		Causes: append([]Cause{}, l.causes...), Missing: l.missing, Trimmed: l.trimmed, Marked: l.mark != nil,
	}
	if !l.none() {
		v.First, v.Last = l.first.id.String(), l.last.String()
	}
	for _, c := range l.causes {
		v.Lost += c.Samples
		v.Unknown += c.Unknown
	}
	return v
}

func laneName(name string) string {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '/' {
			return name[i+1:]
		}
	}
	return name
}

func (d *Device) sum(l *Lane) {
	d.Delivered += l.Samples
	d.Lost += l.Lost
	d.Unknown += l.Unknown
	d.Acquired = d.Delivered + d.Lost
}
