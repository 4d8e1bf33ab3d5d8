package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/telhub/telhub/internal/spell"
	"github.com/telhub/telhub/internal/units"
	"github.com/telhub/telhub/processing/queue"
)

// taskLine is a task as a line of JSON. One of the payloads may be there.
type taskLine struct {
	ID            string          `json:"id"`
	Type          string          `json:"type"`
	Queue         string          `json:"queue"`
	Class         queue.Class     `json:"class"`
	Payload       json.RawMessage `json:"payload"`        // any JSON, handed over as it is
	PayloadText   *string         `json:"payload_text"`   // its characters
	PayloadBase64 *string         `json:"payload_base64"` // any bytes
	NotBefore     time.Time       `json:"not_before"`
	NotAfter      time.Time       `json:"not_after"`
	Delay         jsonSpan        `json:"delay"` // instead of not_before
	Timeout       jsonSpan        `json:"timeout"`
	MaxAttempts   int             `json:"max_attempts"`
	Unique        string          `json:"unique"`
	Keep          jsonSpan        `json:"keep"`
	Correlation   string          `json:"correlation"`
	Trace         string          `json:"trace"`
}

// jsonSpan is a duration as text: "10s".
type jsonSpan time.Duration

// UnmarshalJSON implements json.Unmarshaler.
func (s *jsonSpan) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf(`a duration is text with a unit, as in "10s", not %s`, b)
	}
	d, err := units.Duration(text)
	if err != nil {
		return fmt.Errorf(`%q is not a duration: write it as in "10s" or "1h30m"`, text)
	}
	*s = jsonSpan(d)
	return nil
}

// taskFields are the names that a line may have, for messages.
var taskFields = []string{"id", "type", "queue", "class", "payload", "payload_text", "payload_base64", "not_before", "not_after", "delay",
	"timeout", "max_attempts", "unique", "keep", "correlation", "trace"}

// parseTask reads a line. defaults gives what the line does not say.
func parseTask(line []byte, defaults queue.Task) (*queue.Task, error) {
	l := taskLine{
		Type: defaults.Type, Queue: defaults.Queue, Class: defaults.Class, NotBefore: defaults.NotBefore, NotAfter: defaults.NotAfter,
		Timeout: jsonSpan(defaults.Timeout), MaxAttempts: defaults.MaxAttempts, Keep: jsonSpan(defaults.Keep),
		Correlation: defaults.Correlation, Trace: defaults.Trace,
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return nil, explainJSON(err)
	}
	if d.More() {
		return nil, errors.New("more than one JSON object: write one task a line")
	}
	payload, err := l.payload()
	if err != nil {
		return nil, err
	}
	if l.Delay != 0 && !l.NotBefore.IsZero() && defaults.NotBefore.IsZero() {
		return nil, errors.New("has both delay and not_before: keep one of them")
	}
	if l.Delay != 0 {
		l.NotBefore = time.Now().Add(time.Duration(l.Delay))
	}
	return &queue.Task{
		ID: l.ID, Type: l.Type, Queue: l.Queue, Class: l.Class, Payload: payload, NotBefore: l.NotBefore, NotAfter: l.NotAfter,
		Timeout: time.Duration(l.Timeout), MaxAttempts: l.MaxAttempts, Unique: l.Unique, Keep: time.Duration(l.Keep),
		Correlation: l.Correlation, Trace: l.Trace,
	}, nil
}

func (l *taskLine) payload() ([]byte, error) {
	given := 0
	for _, is := range []bool{l.Payload != nil, l.PayloadText != nil, l.PayloadBase64 != nil} {
		if is {
			given++
		}
	}
	switch {
	case given > 1:
		return nil, errors.New("has more than one of payload, payload_text and payload_base64: keep one of them")
	case l.PayloadText != nil:
		return []byte(*l.PayloadText), nil
	case l.PayloadBase64 != nil:
		b, err := base64.StdEncoding.DecodeString(*l.PayloadBase64)
		if err != nil {
			return nil, fmt.Errorf("payload_base64: %w", err)
		}
		return b, nil
	}
	return l.Payload, nil
}

// explainJSON says what is wrong with a line in words for people.
func explainJSON(err error) error {
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	var name string
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("is not JSON (byte %d: %v): write an object, as in {\"type\":\"echo\",\"payload\":1}", syntax.Offset, err)
	case errors.As(err, &wrong):
		if wrong.Field == "" {
			return fmt.Errorf("is JSON, but %s: write an object, as in {\"type\":\"echo\",\"payload\":1}", article(wrong.Value))
		}
		return fmt.Errorf("%s is %s, which does not fit", wrong.Field, article(wrong.Value))
	}
	if n, _ := fmt.Sscanf(err.Error(), "json: unknown field %q", &name); n == 1 {
		if near := spell.Nearest(name, taskFields); near != "" {
			return fmt.Errorf("unknown field %q; did you mean %s?", name, near)
		}
		return fmt.Errorf("unknown field %q; what the handler should see belongs into payload", name)
	}
	return err
}

func article(kind string) string {
	if kind == "array" || kind == "object" {
		return "an " + kind
	}
	return "a " + kind
}
