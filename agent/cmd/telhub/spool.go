package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
	switch rest[0] {
	case "status", "verify", "repair", "export":
	default:
		return usagef("spool %q: use status, verify, repair or export", rest[0])
	}
	if *dir == "" {
		cfg, err := e.load()
		if err != nil {
			return err
		}
		*dir = cfg.Spool.Path
	}
	if _, err := os.Stat(*dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no spool %s: the agent makes it when it first runs; spool.path or --dir says where it is", *dir)
	} else if err != nil {
		return fmt.Errorf("spool: %w; run this as the agent's user", err)
	}
	switch rest[0] {
	case "status":
		return e.spoolStatus(*dir)
	case "verify":
		return e.spoolVerify(*dir)
	case "repair":
		return e.spoolRepair(*dir)
	}
	return e.spoolExport(*dir)
}

func (e *env) spoolStatus(dir string) error {
	in, err := store.Verify(dir)
	if err != nil {
		return err
	}
	return e.printInspection(dir, in)
}

func (e *env) spoolVerify(dir string) error {
	in, err := store.Verify(dir)
	if err != nil {
		return err
	}
	if err := e.printInspection(dir, in); err != nil {
		return err
	}
	if !in.Sound() {
		return errors.New("the spool is damaged; `telhub spool repair` saves what can be read and keeps the rest under another name, as the agent does by itself when it starts")
	}
	return nil
}

func (e *env) printInspection(dir string, in *store.Inspection) error {
	v := viewInspection(dir, in)
	if e.json {
		return json.NewEncoder(e.stdout).Encode(v)
	}
	return v.print(e.stdout)
}

func (e *env) spoolRepair(dir string) error {
	report, err := store.Repair(dir)
	if errors.Is(err, store.ErrLocked) {
		return fmt.Errorf("%s is in use: stop the agent first (systemctl stop telhub); it repairs its spool by itself when it starts", dir)
	}
	if err != nil {
		return err
	}
	v := viewRepair(dir, report)
	if e.json {
		return json.NewEncoder(e.stdout).Encode(v)
	}
	return v.print(e.stdout)
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

// spoolExport prints every stored frame as a line of JSON, samples as SenML. What
// cannot be read is reported, and what can be still printed.
func (e *env) spoolExport(dir string) error {
	var dec frame.Decoder
	enc := json.NewEncoder(e.stdout)
	bad := 0
	for f, err := range store.Frames(dir) {
		if err != nil { // of one file; the others follow
			fmt.Fprintln(e.stderr, "telhub:", err)
			bad++
			continue
		}
		if err := enc.Encode(export(&dec, f)); err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d files were not read to their end; what could be read is printed", bad)
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
