package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"time"
)

func (e *env) cmdVersion(args []string) error {
	f := e.flags("version")
	f.BoolVar(&e.json, "json", false, "print JSON")
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return usagef("version takes no argument %q", rest[0])
	}
	if e.json {
		return json.NewEncoder(e.stdout).Encode(map[string]string{
			"version": version, "go": runtime.Version(), "arch": runtime.GOARCH,
			"built": builtTime().UTC().Format(time.RFC3339),
		})
	}
	_, err = fmt.Fprintf(e.stdout, "telhub %s (%s, linux/%s, %s)\n", version,
		builtTime().UTC().Format(time.DateOnly), runtime.GOARCH, runtime.Version())
	return err
}
