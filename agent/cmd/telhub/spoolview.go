package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/internal/brief"
	"github.com/telhub/telhub/uplink/frame"
)

// inspection is what `telhub spool status` and `verify` print, as JSON too.
type inspection struct {
	Dir        string    `json:"dir"`
	Epoch      uint64    `json:"epoch"`
	Clean      bool      `json:"clean"` // the last run ended in order
	Sound      bool      `json:"sound"`
	MetaDamage string    `json:"meta_damage,omitempty"`
	Segments   []segment `json:"segments"`
	Undeclared []note    `json:"undeclared"` // losses for which no gap record is out yet
	SetAside   []string  `json:"set_aside"`
}

type segment struct {
	File   string      `json:"file"`
	Bytes  int64       `json:"bytes"`
	Lanes  []laneRange `json:"lanes"`
	Damage string      `json:"damage,omitempty"`
}

type laneRange struct {
	Lane    string `json:"lane"`
	First   string `json:"first"` // epoch/seq
	Last    string `json:"last"`
	Frames  int    `json:"frames"`
	Samples int64  `json:"samples"`
}

type note struct {
	Lane    string `json:"lane"`
	After   string `json:"after"`
	Until   string `json:"until"`
	Samples *int64 `json:"samples"` // null where nobody can know
	Cause   string `json:"cause"`
}

func viewInspection(dir string, in *store.Inspection) *inspection {
	v := &inspection{
		Dir: dir, Epoch: in.Epoch, Clean: in.Clean, Sound: in.Sound(), MetaDamage: text(in.Meta),
		Segments: []segment{}, Undeclared: []note{}, SetAside: []string{},
	}
	for i := range in.Segments {
		v.Segments = append(v.Segments, viewSegment(&in.Segments[i]))
	}
	for _, n := range in.Notes {
		x := note{Lane: n.Lane.String(), After: n.From.String(), Until: n.To.String(), Cause: string(n.Cause)}
		if n.N >= 0 {
			x.Samples = &n.N
		}
		v.Undeclared = append(v.Undeclared, x)
	}
	for _, path := range in.Bad {
		v.SetAside = append(v.SetAside, filepath.Base(path))
	}
	return v
}

func viewSegment(s *store.SegmentInfo) segment {
	v := segment{File: filepath.Base(s.File), Bytes: s.Bytes, Lanes: []laneRange{}, Damage: text(s.Damage)}
	for lane, r := range s.Lanes {
		if r.Frames > 0 {
			v.Lanes = append(v.Lanes, laneRange{
				Lane: frame.Lane(lane).String(), First: r.First.String(), Last: r.Last.String(), Frames: r.Frames, Samples: r.Samples,
			})
		}
	}
	return v
}

// text is an error's text, "" for none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (v *inspection) print(w io.Writer) error {
	p := printer{w: w}
	frames, samples := 0, int64(0)
	for _, s := range v.Segments {
		p.linef("%-16s %8s", s.File, brief.Bytes(s.Bytes))
		for _, r := range s.Lanes {
			p.linef("  %-8s %s to %s: %d frames, %d samples", r.Lane, r.First, r.Last, r.Frames, r.Samples)
			frames, samples = frames+r.Frames, samples+r.Samples
		}
		if s.Damage != "" {
			p.linef("  damaged: %s", s.Damage)
		}
	}
	if v.MetaDamage != "" {
		p.linef("%-16s damaged: %s", "meta.db", v.MetaDamage)
	}
	for _, n := range v.Undeclared {
		count := "an unknown number of"
		if n.Samples != nil {
			count = fmt.Sprint(*n.Samples)
		}
		p.linef("lost, to be declared: lane %s after %s until %s: %s samples, %s", n.Lane, n.After, n.Until, count, n.Cause)
	}
	for _, name := range v.SetAside {
		p.linef("%s was set aside as damaged; delete it when it is no longer wanted", name)
	}
	ended := "ended in order"
	if !v.Clean {
		ended = "goes on, or ended without its shutdown"
	}
	p.linef("%s: %d frames, %d samples in %d files; run %d %s", v.Dir, frames, samples, len(v.Segments), v.Epoch, ended)
	return p.err
}

// repair is what `telhub spool repair` prints.
type repair struct {
	Dir      string    `json:"dir"`
	Frames   int       `json:"frames"` // in use now
	Salvaged []salvage `json:"salvaged"`
}

type salvage struct {
	File    string `json:"file"`
	Bad     string `json:"set_aside_as,omitempty"`
	Damage  string `json:"damage"`
	Frames  int    `json:"frames_saved"`
	Partial int    `json:"frames_incomplete"`
	Error   string `json:"error,omitempty"`
}

func viewRepair(dir string, r *store.Report) *repair {
	v := &repair{Dir: dir, Frames: r.Frames, Salvaged: []salvage{}}
	for _, s := range r.Salvaged {
		x := salvage{File: filepath.Base(s.File), Damage: text(s.Damage), Frames: s.Frames, Partial: s.Partial, Error: text(s.Err)}
		if s.Bad != "" {
			x.Bad = filepath.Base(s.Bad)
		}
		v.Salvaged = append(v.Salvaged, x)
	}
	return v
}

func (v *repair) print(w io.Writer) error {
	p := printer{w: w}
	for _, s := range v.Salvaged {
		p.linef("%s was damaged: %s", s.File, s.Damage)
		p.linef("  %d frames saved, %d incomplete; the old file is kept as %s", s.Frames, s.Partial, s.Bad)
		if s.Error != "" {
			p.linef("  not done: %s; it is tried again when the agent starts", s.Error)
		}
	}
	if len(v.Salvaged) == 0 {
		p.linef("nothing was damaged")
	}
	p.linef("%s: %d frames are in use", v.Dir, v.Frames)
	return p.err
}

// printer remembers the first error of a run of lines.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) linef(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}
