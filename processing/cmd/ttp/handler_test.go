package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telhub/telhub/processing/config"
	"github.com/telhub/telhub/processing/queue"
)

// handlers reads handlers from a configuration, as users write them.
func handlers(t *testing.T, text string) map[string]func(context.Context, *queue.Delivery) ([]byte, error) {
	t.Helper()
	c, err := config.Parse("ttp.toml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]func(context.Context, *queue.Delivery) ([]byte, error))
	for name, h := range builtin(c.Handlers) {
		all[name] = h
	}
	return all
}

func delivery(payload string) *queue.Delivery {
	return &queue.Delivery{
		Task: queue.Task{
			ID: "id-1", Type: "t", Payload: []byte(payload), Correlation: "pi-01/live/1/2#0", Trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		}, Attempt: 3,
	}
}

// kind tells what a handler's error asks for, by what package worker makes of
// it.
func kind(err error) string {
	if err == nil {
		return "done"
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", err), "worker.")
}

func TestEchoAndSleep(t *testing.T) {
	all := handlers(t, "[handler.twin]\nkind = \"echo\"\n[handler.nap]\nkind = \"sleep\"\n")
	for _, name := range []string{"echo", "twin"} {
		if got, err := all[name](t.Context(), delivery("x")); string(got) != "x" || err != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for _, payload := range []string{"", "soon", "-1s", `"x`, "1d1h"} {
		if _, err := all["nap"](t.Context(), delivery(payload)); kind(err) != "fatalError" {
			t.Errorf("sleep %q: got %v", payload, err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		for _, payload := range []string{"90s", `"1m30s"`, " 90s\n"} {
			began := time.Now()
			if _, err := all["sleep"](t.Context(), delivery(payload)); err != nil || time.Since(began) != 90*time.Second {
				t.Errorf("sleep %q: %v after %v", payload, err, time.Since(began))
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := all["sleep"](ctx, delivery("1h")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("beyond its timeout: %v", err)
		}
	})
}

func TestHTTPHandler(t *testing.T) {
	var got *http.Request
	var body []byte
	code, retry := 200, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		if retry != "" {
			w.Header().Set("Retry-After", retry)
		}
		if code/100 == 3 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(code)
		io.WriteString(w, "answer")
	}))
	defer server.Close()
	h := handlers(t, "[handler.t]\nkind = \"http\"\nurl = \""+server.URL+"/hook?token=geheim\"\nheaders = [\"Authorization: Bearer x\", \"X-Y: z\"]\n")["t"]

	result, err := h(t.Context(), delivery(`{"a":1}`))
	if err != nil || string(result) != "answer" || string(body) != `{"a":1}` || got.Method != "POST" || got.URL.Path != "/hook" {
		t.Errorf("got %q, %v; the server saw %s %s %q", result, err, got.Method, got.URL, body)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Authorization": "Bearer x", "X-Y": "z", "Ttp-Task-Id": "id-1", "Ttp-Task-Type": "t", "Ttp-Attempt": "3",
		"Ttp-Correlation": "pi-01/live/1/2#0", "Idempotency-Key": `"id-1"`, "Traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("header %s is %q, want %q", name, v, want)
		}
	}
	if _, err := h(t.Context(), delivery("plain")); err != nil || got.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("plain payload: %v, %s", err, got.Header.Get("Content-Type"))
	}
	for _, test := range []struct {
		code        int
		retry, want string
	}{
		{204, "", "done"}, {302, "", "fatalError"}, {400, "", "fatalError"}, {404, "", "fatalError"}, {408, "", "*errors.errorString"},
		{429, "7", "laterError"}, {503, "Fri, 01 Jan 2100 00:00:00 GMT", "laterError"}, {500, "", "*errors.errorString"}, {503, "soon", "*errors.errorString"},
	} {
		code, retry = test.code, test.retry
		_, err := h(t.Context(), delivery("x"))
		if k := kind(err); k != test.want {
			t.Errorf("%d with Retry-After %q: got %s (%v), want %s", test.code, test.retry, k, err, test.want)
		}
		if err != nil && (!strings.Contains(err.Error(), "answer") || strings.Contains(err.Error(), "geheim")) {
			t.Errorf("%d: %v", test.code, err)
		}
	}
	server.Close()
	if _, err := h(t.Context(), delivery("x")); err == nil || strings.Contains(err.Error(), "geheim") || strings.HasPrefix(kind(err), "fatal") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestRetryAfterHeader(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "x": 0, "999999": time.Hour,
		"Sun, 22 Nov 2026 08:00:30 GMT": 30 * time.Second, "Sun, 22 Nov 2026 07:00:00 GMT": 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
}

// script writes a program for an exec handler.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return "[handler.t]\nkind = \"exec\"\ncommand = [\"" + path + "\", \"one two\"]\n"
}

func TestExecHandler(t *testing.T) {
	t.Setenv("TTP_REDIS_PASSWORD", "geheim")
	t.Setenv("CREDENTIALS_DIRECTORY", "/geheim")
	h := handlers(t, script(t, `echo "$1|$(cat)|$TTP_TASK_ID|$TTP_TASK_TYPE|$TTP_ATTEMPT|$TTP_CORRELATION|$TRACEPARENT|$TTP_REDIS_PASSWORD$CREDENTIALS_DIRECTORY"`))["t"]
	got, err := h(t.Context(), delivery("$(payload)"))
	want := "one two|$(payload)|id-1|t|3|pi-01/live/1/2#0|00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01|\n"
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	for text, want := range map[string]string{"exit 1": "", "exit 75": "", "exit 100": "fatalError", "echo broken >&2; exit 3": ""} {
		_, err := handlers(t, script(t, text))["t"](t.Context(), delivery(""))
		if err == nil || (kind(err) == "fatalError") != (want != "") || strings.Contains(text, "broken") != strings.Contains(err.Error(), "exit status 3: broken") {
			t.Errorf("%s: got %v", text, err)
		}
	}
	got, err = handlers(t, script(t, "yes x | head -c 1000000"))["t"](t.Context(), delivery(""))
	if err != nil || len(got) != maxResult {
		t.Errorf("a long output: %d bytes, %v", len(got), err)
	}
	if _, err := handlers(t, "[handler.t]\nkind = \"exec\"\ncommand = [\"/none\"]\n")["t"](t.Context(), delivery("")); err == nil || !strings.Contains(err.Error(), "/none") {
		t.Errorf("no such program: %v", err)
	}
}

// A command that runs too long ends with all that it started.
func TestExecHandlerEndsTheWholeGroup(t *testing.T) {
	note := filepath.Join(t.TempDir(), "pid")
	text := script(t, "sleep 300 &\necho $! > "+note+"\nwait") + "timeout = \"300ms\"\n"
	began := time.Now()
	_, err := handlers(t, text)["t"](t.Context(), delivery(""))
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > killAfter {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
	pid, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the child is gone", func() bool {
		state, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		return err != nil || strings.Contains(string(state), ") Z ")
	})
}
