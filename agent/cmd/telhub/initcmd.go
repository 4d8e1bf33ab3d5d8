package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/telhub/telhub/agent/config"
)

// cmdInit writes a commented configuration. It never overwrites a file.
func (e *env) cmdInit(args []string) error {
	rest, err := parse(e.flags("init"), args)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return config.Init(e.stdout)
	}
	if len(rest) > 1 {
		return usagef("init takes one FILE, not %q", rest[1])
	}
	// What is written holds no secret, and the agent's user has to read it. #nosec G302
	f, err := os.OpenFile(rest[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists and is not overwritten; give another name, or none to print it", rest[0])
	}
	if err != nil {
		return err
	}
	if err := config.Init(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
