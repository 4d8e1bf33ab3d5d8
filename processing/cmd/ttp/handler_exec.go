package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/telhub/telhub/processing/observe"
	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/processing/worker"
)

// program runs a command that the configuration names: never a part of a
// task, which reaches it on standard input and in variables.
type program struct {
	path string
	args []string
}

const (
	exitFatal = 100             // of a command: no further attempt can succeed
	killAfter = 5 * time.Second // SIGTERM to SIGKILL
	maxStderr = 1 << 10
)

// handle runs the command once. When ctx ends its whole process group gets
// SIGTERM, and the command SIGKILL if it does not end.
func (p *program) handle(ctx context.Context, t *queue.Delivery) ([]byte, error) {
	out, complaint := &head{max: maxResult}, &tail{max: maxStderr}
	cmd := exec.CommandContext(ctx, p.path, p.args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(t.Payload), out, complaint
	cmd.Env = append(inherited(os.Environ()),
		"TTP_TASK_ID="+t.ID, "TTP_TASK_TYPE="+t.Type, "TTP_ATTEMPT="+strconv.Itoa(t.Attempt),
		"TTP_CORRELATION="+t.Correlation, "TRACEPARENT="+traceOf(ctx, t))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = killAfter
	err := cmd.Run()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) { // it succeeded, and left something behind that holds its output
		return out.b, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s: %w", p.path, context.Cause(ctx))
	}
	if said := strings.TrimSpace(string(complaint.b)); said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	err = fmt.Errorf("%s: %w", p.path, err)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == exitFatal {
		return nil, worker.Fatal(err)
	}
	return nil, err
}

// inherited is the environment without what concerns ttp alone, where
// passwords stand.
func inherited(environ []string) []string {
	var list []string
	for _, v := range environ {
		if !strings.HasPrefix(v, "TTP_") && !strings.HasPrefix(v, "CREDENTIALS_DIRECTORY=") {
			list = append(list, v)
		}
	}
	return list
}

// traceOf is the trace that goes on behind a handler: that of the span in ctx,
// or what the task brought along.
func traceOf(ctx context.Context, t *queue.Delivery) string {
	if own := observe.Traceparent(ctx); own != "" {
		return own
	}
	return t.Trace
}
