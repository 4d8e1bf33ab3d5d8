package health

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// Question is what is asked of whom.
type Question struct {
	Where   string        // http.listen of the program: "host:port" or "unix:/path"
	Program string        // "telhub" or "ttp", for messages
	Live    bool          // whether it lives; otherwise whether it is ready
	JSON    bool          // answer as the program did
	Timeout time.Duration // above 0
}

// answer is that of /health/detailed, or the problem document of /health/live.
type answer struct {
	Live    bool    `json:"live"`
	Ready   bool    `json:"ready"`
	Version string  `json:"version"`
	Checks  []check `json:"checks"`

	Detail string `json:"detail"` // of a problem document
}

type check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// A program that answers, and is not well. What it says has been written by
// then, or stands behind the error.
var (
	ErrNotLive  = errors.New("not live")
	ErrNotReady = errors.New("not ready")
)

// Flags adds the options of a command that asks to f; Timeout is the default of
// --timeout. Check looks at them.
func (q *Question) Flags(f *flag.FlagSet) {
	f.BoolVar(&q.Live, "live", false, "ask only whether it lives: what a restart could mend")
	f.StringVar(&q.Where, "at", "", "ask at `ADDRESS`, host:port or unix:/path, instead of the configuration's http.listen")
	f.DurationVar(&q.Timeout, "timeout", q.Timeout, "give up after this `TIME`")
}

// Check says what is wrong with the options of a command line.
func (q *Question) Check() error {
	if q.Timeout <= 0 {
		return fmt.Errorf("--timeout %v: want a time above 0, as in 3s", q.Timeout)
	}
	if _, _, err := target(q.Where); q.Where != "" && err != nil {
		return fmt.Errorf("--at %s: want host:port, as in 127.0.0.1:9155, or unix:/path", q.Where)
	}
	return nil
}

// Ask asks and writes the answer to w. The error is ErrNotLive or ErrNotReady,
// or tells why there is no answer.
func Ask(ctx context.Context, q Question, w io.Writer) error {
	if q.Where == "" {
		return fmt.Errorf("http.listen is empty: a %s without it answers nobody", q.Program)
	}
	ctx, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	path := "/health/detailed"
	if q.Live {
		path = "/health/live"
	}
	code, body, err := get(ctx, q.Where, path)
	if err != nil {
		return fmt.Errorf("%s does not answer at %s: %w; is it running, and is this its http.listen?", q.Program, q.Where, err)
	}
	var a answer
	known := code == http.StatusOK || q.Live && code == http.StatusServiceUnavailable
	if err := json.Unmarshal(body, &a); err != nil || !known {
		return fmt.Errorf("%s answered %d to GET %s: another program has this address, or an older %s", q.Where, code, path, q.Program)
	}
	switch {
	case q.JSON:
		_, err = fmt.Fprintf(w, "%s\n", bytes.Map(printable, bytes.TrimSpace(body)))
	case !q.Live:
		_, err = io.WriteString(w, a.text())
	case code == http.StatusOK:
		_, err = fmt.Fprintln(w, "live")
	}
	switch {
	case err != nil:
		return err
	case q.Live && code != http.StatusOK:
		return fmt.Errorf("%w%s", ErrNotLive, strings.TrimPrefix(strings.Map(printable, a.Detail), ErrNotLive.Error()))
	case !q.Live && !a.Ready:
		return ErrNotReady
	}
	return nil
}

// text is an answer of /health/detailed for people: a line, and one a check.
func (a *answer) text() string {
	var b strings.Builder
	switch {
	case a.Ready:
		b.WriteString("ready")
	case a.Live:
		b.WriteString("not ready")
	default:
		b.WriteString("not live")
	}
	if a.Version != "" {
		b.WriteString(", version " + a.Version)
	}
	b.WriteString("\n")
	for _, c := range a.Checks {
		mark := "ok  "
		if !c.OK {
			mark = "FAIL"
		}
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %s  %-10s %s", mark, c.Name, c.Detail), " ") + "\n")
	}
	return strings.Map(printable, b.String())
}

// printable replaces what a terminal would obey: whoever has the port while
// the program is away chooses the text.
func printable(r rune) rune {
	if r == '\n' || r == '\t' || unicode.IsPrint(r) {
		return r
	}
	return unicode.ReplacementChar
}
