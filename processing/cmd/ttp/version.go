package main

import (
	"runtime"
	"strconv"
	"time"
)

func (e *env) cmdVersion(args []string) error {
	if err := parseNone(e.flags(), args); err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(built, 10, 64)
	if err != nil {
		seconds = 0
	}
	date := time.Unix(seconds, 0).UTC()
	if e.json {
		return e.print(map[string]string{
			"version": version, "go": runtime.Version(), "arch": runtime.GOARCH, "built": date.Format(time.RFC3339),
		})
	}
	e.say("ttp %s (%s, %s/%s, %s)", version, date.Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, runtime.Version())
	return nil
}
