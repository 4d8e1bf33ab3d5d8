package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/telhub/telhub/processing/config"
	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/processing/worker"
)

// post hands payloads to an HTTP server.
type post struct {
	url    string
	header http.Header
	client *http.Client
}

const (
	maxRetryAfter = time.Hour
	maxAnswer     = 1 << 10 // of a failed request, for the history
)

func newPost(h *config.Handler) *post {
	p := &post{url: h.URL.Reveal(), header: http.Header{}}
	for _, line := range h.Headers {
		name, value, _ := strings.Cut(line, ":")
		p.header.Add(name, strings.TrimSpace(value))
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	p.client = &http.Client{
		Transport: transport,
		// A redirect would send the payload to whom nobody has named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return p
}

// handle posts the payload once.
func (p *post) handle(ctx context.Context, t *queue.Delivery) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(t.Payload))
	if err != nil {
		return nil, worker.Fatal(errors.New("the url of the handler is not one"))
	}
	p.fill(req, t)
	resp, err := p.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) { // shows the address, which may hold a token
			err = u.Err
		}
		return nil, fmt.Errorf("post to %s: %w", req.URL.Host, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResult))
	if resp.StatusCode/100 == 2 {
		if err != nil {
			return nil, fmt.Errorf("post to %s: read the answer: %w", req.URL.Host, err)
		}
		return body, nil
	}
	return nil, verdict(resp, fmt.Errorf("post to %s: %s: %s", req.URL.Host, resp.Status, bytes.TrimSpace(body[:min(len(body), maxAnswer)])))
}

// fill sets the headers: the configuration's, and what tells the task apart.
// The task's ID lets the receiver know a repetition (Idempotency-Key).
func (p *post) fill(req *http.Request, t *queue.Delivery) {
	req.Header = p.header.Clone()
	set := func(name, value string) {
		if value != "" && req.Header.Get(name) == "" {
			req.Header.Set(name, value)
		}
	}
	kind := "application/octet-stream"
	if json.Valid(t.Payload) {
		kind = "application/json"
	}
	set("Content-Type", kind)
	set("User-Agent", "ttp/"+version)
	set("Idempotency-Key", strconv.Quote(t.ID))
	set("TTP-Task-ID", t.ID)
	set("TTP-Task-Type", t.Type)
	set("TTP-Attempt", strconv.Itoa(t.Attempt))
	set("TTP-Correlation", t.Correlation)
	set("Traceparent", traceOf(req.Context(), t))
}

// verdict decides whether another attempt may help (RFC 9110 section 15).
func verdict(resp *http.Response, err error) error {
	switch c := resp.StatusCode; {
	case c == http.StatusRequestTimeout, c == http.StatusTooEarly, c == http.StatusTooManyRequests, c >= 500:
		if d := retryAfter(resp.Header.Get("Retry-After"), time.Now()); d > 0 {
			return worker.RetryAfter(d, err)
		}
		return err
	}
	return worker.Fatal(err)
}

// retryAfter reads the header: seconds or a date (RFC 9110, 10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	if t, err := http.ParseTime(value); err == nil {
		return min(max(t.Sub(now), 0), maxRetryAfter)
	}
	return 0
}
