package bench

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
)

// Main is `ttp bench`: it reads flags, measures, and writes the report to
// stdout and progress to stderr. It returns the exit code: 0; 1 for a failure,
// or a run of ttp in which a task was lost or executed twice; 2 for wrong flags.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := Parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "ttp: %v\n", err)
		return 2
	}
	r, err := Run(ctx, o, stderr)
	if r != nil {
		// An hour's run that is broken off has measured something.
		err = errors.Join(err, r.write(o, stdout))
	}
	if err != nil {
		fmt.Fprintf(stderr, "ttp: %v\n", err)
		return 1
	}
	if n := r.inexact(ttpName); n > 0 {
		fmt.Fprintf(stderr, "ttp: bench: in %d runs of ttp not every task was executed exactly once\n", n)
		return 1
	}
	return 0
}

func (r *Report) write(o Options, w io.Writer) error {
	if o.Plot != "" {
		if err := r.Plot(o.Plot); err != nil {
			return err
		}
	}
	if !o.JSON {
		r.Text(w)
		return nil
	}
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(r)
}
