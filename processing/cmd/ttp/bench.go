package main

import "github.com/telhub/telhub/processing/bench"

// cmdBench measures; the options are package bench's.
func (e *env) cmdBench(args []string) error {
	if code := bench.Main(e.ctx, args, e.stdout, e.stderr); code != exitOK {
		return exitCode(code)
	}
	return nil
}
