package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/telhub/telhub/agent/doctor"
)

// examTime bounds an examination: a server that hangs takes some seconds a step.
const examTime = 90 * time.Second

// cmdDoctor examines what the agent depends on.
func (e *env) cmdDoctor(args []string) error {
	f := e.flags("doctor")
	f.BoolVar(&e.json, "json", false, "print JSON")
	user := f.String("user", "", "`USER` who is to run the agent; else the unit's, else this one")
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return usagef("doctor takes no argument %q; name a configuration with --config FILE", rest[0])
	}
	cfg, err := e.load()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e.ctx, examTime)
	defer cancel()
	r := doctor.Run(ctx, doctor.Options{Config: cfg, File: e.config, User: *user, Built: builtTime()})
	if e.json {
		err = json.NewEncoder(e.stdout).Encode(r.View())
	} else {
		err = r.Print(e.stdout)
	}
	if n := r.Count(doctor.Fail); err == nil && n > 0 {
		err = fmt.Errorf("the doctor found what keeps the agent from its work: %d", n)
	}
	return err
}
