package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/telhub/telhub/buffer/store"
	"github.com/telhub/telhub/uplink/frame"
)

// cmdSpool looks after the spool of a configuration, or of --dir.
func (e *env) cmdSpool(args []string) error {
	f := e.flags("spool")
	dir := f.String("dir", "", "spool `DIR`, instead of the configuration's")
	f.BoolVar(&e.json, "json", false, "print JSON")
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return usagef("spool needs one of status, verify, repair, export")
	}
	if *dir == "" {
		cfg, err := e.load()
		if err != nil {
			return err
		}
		*dir = cfg.Spool.Path
	}
	if _, err := os.Stat(*dir); err != nil {
		return fmt.Errorf("spool: %w; the agent makes it when it first runs", err)
	}
	switch rest[0] {
	case "status":
		return e.spoolStatus(*dir)
	case "verify":
		return e.spoolVerify(*dir)
	case "repair":
		return e.spoolRepair(*dir)
	case "export":
		return e.spoolExport(*dir)
	}
	return usagef("spool %q: use status, verify, repair or export", rest[0])
}

func (e *env) spoolStatus(dir string) error {
	in, err := e.inspect(dir)
	if err != nil {
		return err
	}
	if e.json {
		return json.NewEncoder(e.stdout).Encode(in)
	}
	e.printInspection(dir, in)
	return nil
}

// inspect reads a spool that no agent uses.
func (e *env) inspect(dir string) (*store.Inspection, error) {
	in, err := store.Verify(dir)
	if errors.Is(err, store.ErrLocked) {
		return nil, fmt.Errorf("%s is in use by a running agent; its /api/status tells of the spool, or stop it first", dir)
	}
	return in, err
}

func (e *env) printInspection(dir string, in *store.Inspection) {
	for _, s := range in.Segments {
		fmt.Fprintf(e.stdout, "%-16s %8s", s.File, size(int(s.Bytes)))
		for lane, r := range s.Lanes {
			if r.Frames > 0 {
				fmt.Fprintf(e.stdout, "  %s %v to %v (%d frames, %d samples)", frame.Lane(lane), r.First, r.Last, r.Frames, r.N)
			}
		}
		if s.Damage != nil {
			fmt.Fprintf(e.stdout, "  damaged: %v", s.Damage)
		}
		fmt.Fprintln(e.stdout)
	}
	for _, n := range in.Notes {
		fmt.Fprintf(e.stdout, "to be declared  %s %v to %v: %d samples, %s\n", n.Lane, n.From, n.To, n.N, n.Cause)
	}
	for _, name := range in.Bad {
		fmt.Fprintf(e.stdout, "%-16s set aside as damaged\n", name)
	}
	how := "in order"
	if !in.Clean {
		how = "without its shutdown, or is still running"
	}
	fmt.Fprintf(e.stdout, "%s: %d segments; run %d ended %s\n", dir, len(in.Segments), in.Epoch, how)
}

func (e *env) spoolVerify(dir string) error {
	in, err := e.inspect(dir)
	if err != nil {
		return err
	}
	if e.json {
		if err := json.NewEncoder(e.stdout).Encode(in); err != nil {
			return err
		}
	} else {
		e.printInspection(dir, in)
	}
	if !in.Sound() {
		return errors.New("spool is damaged; `telhub spool repair` saves what can be read and keeps the rest under another name, as the agent does by itself when it starts")
	}
	return nil
}

func (e *env) spoolRepair(dir string) error {
	report, err := store.Repair(dir)
	if err != nil {
		return err
	}
	if e.json {
		return json.NewEncoder(e.stdout).Encode(report)
	}
	for _, s := range report.Salvaged {
		fmt.Fprintf(e.stdout, "%+v\n", s)
	}
	fmt.Fprintf(e.stdout, "%d damaged files were set aside; %d frames are in use\n", len(report.Salvaged), report.Frames)
	return nil
}

// exported is one line of an export.
type exported struct {
	Lane    string            `json:"lane"`
	Epoch   uint64            `json:"ep"`
	Seq     uint64            `json:"seq"`
	N       uint32            `json:"n"`
	T0      int64             `json:"t0"`
	T1      int64             `json:"t1"`
	Quality string            `json:"q"`
	Boot    string            `json:"boot"`
	Gap     *frame.GapInfo    `json:"gap,omitempty"`
	Samples []json.RawMessage `json:"samples,omitempty"`
	Raw     string            `json:"raw,omitempty"` // base64, where the payload does not decode
}

// spoolExport prints every stored frame as a line of JSON, samples as SenML.
func (e *env) spoolExport(dir string) error {
	var dec frame.Decoder
	enc := json.NewEncoder(e.stdout)
	for f, err := range store.Frames(dir) {
		if err != nil {
			return err
		}
		if err := enc.Encode(export(&dec, f)); err != nil {
			return err
		}
	}
	return nil
}

func export(dec *frame.Decoder, f *frame.Frame) exported {
	d := f.Dating
	if d.Quality == frame.Unset {
		d.Offset = 0
	}
	x := exported{
		Lane: f.Lane.String(), Epoch: f.ID.Epoch, Seq: f.ID.Seq, N: f.N,
		T0: f.T0 + d.Offset, T1: f.T1 + d.Offset, Quality: d.Quality.String(), Boot: f.Boot.String(),
	}
	if f.Kind == frame.Gap {
		if info, err := frame.ParseGapInfo(f.Payload); err == nil {
			x.Gap = &info
			return x
		}
	} else if err := dec.Decode(f.Payload, f.N, f.T0); err == nil {
		pack := frame.AppendSenML(nil, "", dec, d.Offset, d.Quality != frame.Unset)
		if json.Unmarshal(pack, &x.Samples) == nil {
			return x
		}
	}
	x.Raw = base64.StdEncoding.EncodeToString(f.Payload)
	return x
}
