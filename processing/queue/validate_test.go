package queue

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestCheckTask(t *testing.T) {
	q, err := prepare(Options{MaxPayload: 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	now := time.Now()
	for want, task := range map[string]*Task{
		"task is nil":                                                       nil,
		`type = "": is missing; say what kind`:                              {},
		`type = "a b": must not contain ' '`:                                {Type: "a b"},
		"type = \"\\xff\": is not valid UTF-8":                              {Type: "\xff"},
		"id = \"" + strings.Repeat("x", 60) + "\"…: has 129 bytes, and 128": {Type: "t", ID: strings.Repeat("x", 129)},
		`id = "a\nb": must not contain '\n'`:                                {Type: "t", ID: "a\nb"},
		`unique = "\x00": must not contain`:                                 {Type: "t", Unique: "\x00"},
		`correlation = "a\tb"`:                                              {Type: "t", Correlation: "a\tb"},
		`trace = "a\tb"`:                                                    {Type: "t", Trace: "a\tb"},
		`queue = "a:b": character 2 must be`:                                {Type: "t", Queue: "a:b"},
		`queue = "id": keys of single tasks use that word`:                  {Type: "t", Queue: "id"},
		"class = class(4): must be Critical":                                {Type: "t", Class: 4},
		"payload = 11 bytes: at most 10 are allowed":                        {Type: "t", Payload: make([]byte, 11)},
		"has passed":                         {Type: "t", NotAfter: now},
		"is not after not_before":            {Type: "t", NotBefore: now.Add(2 * time.Hour), NotAfter: now.Add(time.Hour)},
		"not_before = ":                      {Type: "t", NotBefore: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"timeout = -1s":                      {Type: "t", Timeout: -time.Second},
		"max_attempts = 1001: must be":       {Type: "t", MaxAttempts: 1001},
		"keep = -1ns: must be from 0, which": {Type: "t", Keep: -1},
	} {
		err := q.check(task, now)
		if err == nil || !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	good, _ := full()
	good.NotBefore, good.NotAfter = now.Add(time.Hour), now.Add(2*time.Hour)
	good.ID = "täglich/1:2{3}"
	if err := q.check(good, now); err != nil {
		t.Error(err)
	}
}

func TestCheckOptions(t *testing.T) {
	err := Options{
		URL: "http://u:secret@h", Prefix: "a:b", Shards: 5000, MaxPayload: -1, Timeout: -1, MaxAttempts: -1,
		Dedup: time.Millisecond, Conns: -1, CertFile: "x", Retry: time.Hour,
	}.Validate()
	if !errors.Is(err, ErrInvalid) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"URL = http://u:***@h", "Prefix", "Shards = 5000", "MaxPayload = -1", "Timeout", "MaxAttempts", "Dedup = 1ms", "Conns = -1", "Retry = 1h0m0s: must be 5m0s at most", "CertFile and KeyFile"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not named in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the password shows:\n%v", err)
	}
	if err := (Options{}).Validate(); err != nil {
		t.Errorf("defaults: %v", err)
	}
}

func TestParseClass(t *testing.T) {
	for _, c := range Classes() {
		if got, err := ParseClass(c.String()); err != nil || got != c {
			t.Errorf("%v: got %v, %v", c, got, err)
		}
		if got, ok := classOf(c.letter()); !ok || got != c {
			t.Errorf("%v: letter gives %v", c, got)
		}
	}
	if c, err := ParseClass(""); err != nil || c != Normal {
		t.Errorf("empty: got %v, %v", c, err)
	}
	if _, err := ParseClass("criticl"); err == nil || !strings.Contains(err.Error(), "did you mean critical?") {
		t.Errorf("got %v", err)
	}
}
