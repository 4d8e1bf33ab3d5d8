package observe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/telhub/telhub/processing/queue"
)

const correlation = "pi-01/live/7/42#3"

// traced runs a handler under a tracer and returns the spans and the
// traceparent that the handler saw.
func traced(t *testing.T, ratio float64, task queue.Task, fail error) (spans tracetest.SpanStubs, seen string) {
	t.Helper()
	out := tracetest.NewInMemoryExporter()
	tr := newTracer(TracerOptions{Service: "ttp", Version: "v1", Ratio: ratio}, out)
	h := tr.Middleware()(func(ctx context.Context, _ *queue.Delivery) ([]byte, error) {
		seen = Traceparent(ctx)
		return []byte("r"), fail
	})
	result, err := h(t.Context(), &queue.Delivery{Task: task, Attempt: 2})
	if string(result) != "r" || !errors.Is(err, fail) {
		t.Errorf("the handler's answer became %q, %v", result, err)
	}
	if err := tr.provider.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans = out.GetSpans()
	if err := tr.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return spans, seen
}

func TestSpanContinuesTheTasksTrace(t *testing.T) {
	// the example of W3C Trace Context, 3.2.1
	const given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	spans, seen := traced(t, 0, queue.Task{ID: "a", Type: "greet", Queue: "q", Class: queue.High, Trace: given, Correlation: correlation}, nil)
	if len(spans) != 1 {
		t.Fatalf("got %d spans, want 1: a sampled trace is followed whatever the ratio", len(spans))
	}
	s := spans[0]
	if got := s.SpanContext.TraceID().String(); got != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("the trace is %s", got)
	}
	if got := s.Parent.SpanID().String(); got != "00f067aa0ba902b7" {
		t.Errorf("the parent is %s", got)
	}
	if s.Name != "process greet" || !strings.HasPrefix(seen, "00-4bf92f3577b34da6a3ce929d0e0e4736-"+s.SpanContext.SpanID().String()) {
		t.Errorf("span %q; the handler saw %s", s.Name, seen)
	}
	want := []attribute.KeyValue{
		attribute.String("messaging.message.id", "a"), attribute.String("messaging.destination.name", "q"),
		attribute.String("ttp.class", "high"), attribute.Int("ttp.attempt", 2), attribute.String("ttp.correlation_id", correlation),
	}
	set := attribute.NewSet(s.Attributes...)
	for _, w := range want {
		if got, ok := set.Value(w.Key); !ok || got != w.Value {
			t.Errorf("%s is %v, want %v", w.Key, got.Emit(), w.Value.Emit())
		}
	}
}

func TestSpansOfASampleShareATrace(t *testing.T) {
	a, _ := traced(t, 1, queue.Task{Type: "x", Correlation: correlation}, nil)
	b, _ := traced(t, 1, queue.Task{Type: "y", Correlation: correlation, Trace: "nonsense"}, errors.New("broken"))
	c, _ := traced(t, 1, queue.Task{Type: "z"}, nil)
	// printf %s 'pi-01/live/7/42#3' | sha256sum | cut -c-32
	const want = "f3e677ed83671b5bc97e633d92dc7fb8"
	if len(a) != 1 || len(b) != 1 || len(c) != 1 {
		t.Fatalf("got %d, %d and %d spans", len(a), len(b), len(c))
	}
	if got := a[0].SpanContext.TraceID().String(); got != want {
		t.Errorf("the trace is %s, want %s", got, want)
	}
	if a[0].SpanContext.TraceID() != b[0].SpanContext.TraceID() || a[0].SpanContext.SpanID() == b[0].SpanContext.SpanID() {
		t.Errorf("of one sample: %v and %v", a[0].SpanContext, b[0].SpanContext)
	}
	if a[0].SpanContext.TraceID() == c[0].SpanContext.TraceID() || a[0].Parent.IsValid() {
		t.Errorf("another task shares the trace, or the first span has a parent")
	}
	if b[0].Status.Code != codes.Error || b[0].Status.Description != "broken" {
		t.Errorf("status of a failed attempt: %+v", b[0].Status)
	}
}

func TestRatioZeroMakesNoSpans(t *testing.T) {
	if spans, _ := traced(t, 0, queue.Task{Type: "x", Correlation: correlation}, nil); len(spans) != 0 {
		t.Errorf("got %d spans, want none", len(spans))
	}
}

func TestWithoutEndpointThereIsNoTracer(t *testing.T) {
	tr, err := NewTracer(t.Context(), TracerOptions{})
	if tr != nil || err != nil {
		t.Fatalf("got %v, %v", tr, err)
	}
	called := false
	h := tr.Middleware()(func(ctx context.Context, _ *queue.Delivery) ([]byte, error) {
		called = Traceparent(ctx) == ""
		return nil, nil
	})
	d := &queue.Delivery{Task: queue.Task{Type: "x"}}
	if n := testing.AllocsPerRun(10, func() { h(t.Context(), d) }); !called || n > 2 { // Traceparent's carrier
		t.Errorf("called without a span: %v; %v allocations", called, n)
	}
	if _, end := tr.Producing(t.Context(), []*queue.Task{{}}); end == nil {
		t.Error("no end")
	}
	if n, _ := tr.Failures(); n != 0 || tr.Close(t.Context()) != nil {
		t.Error("a tracer that is off fails")
	}
}

func TestProducingGivesTasksItsTrace(t *testing.T) {
	out := tracetest.NewInMemoryExporter()
	tr := newTracer(TracerOptions{Ratio: 1}, out)
	defer tr.Close(t.Context())
	own := "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	tasks := []*queue.Task{{Type: "x", Queue: "q"}, {Type: "y", Trace: own}}
	_, end := tr.Producing(t.Context(), tasks)
	end(errors.New("full"))
	if err := tr.provider.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := out.GetSpans()
	if len(spans) != 1 || spans[0].Name != "send q" || spans[0].Status.Code != codes.Error {
		t.Fatalf("got %+v", spans)
	}
	if want := "00-" + spans[0].SpanContext.TraceID().String() + "-" + spans[0].SpanContext.SpanID().String() + "-01"; tasks[0].Trace != want || tasks[1].Trace != own {
		t.Errorf("got %q and %q, want %q and its own", tasks[0].Trace, tasks[1].Trace, want)
	}
}

// A receiver gets spans where OTLP says, and one that refuses them is counted
// and disturbs nothing.
func TestExportOverHTTP(t *testing.T) {
	var got atomic.Int64
	var path atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path.Store(r.Method + " " + r.URL.Path)
		if got.Add(1) > 1 {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer server.Close()
	tr, err := NewTracer(t.Context(), TracerOptions{Endpoint: server.URL + "/", Service: "ttp", Ratio: 1})
	if err != nil {
		t.Fatal(err)
	}
	h := tr.Middleware()(func(context.Context, *queue.Delivery) ([]byte, error) { return nil, nil })
	m := NewMetrics("v1")
	m.Traces(tr)
	for want := range uint64(2) {
		h(t.Context(), &queue.Delivery{Task: queue.Task{Type: "x"}})
		if err := tr.provider.ForceFlush(t.Context()); err != nil {
			t.Errorf("an error went on: %v", err)
		}
		if n, last := tr.Failures(); n != want || want > 0 && !strings.Contains(last, "400") {
			t.Errorf("after %d: %d failures, %q", want+1, n, last)
		}
		if line := fmt.Sprintf("ttp_trace_export_failures_total %d\n", want); !strings.Contains(gathered(t, m), line) {
			t.Errorf("no line %q", line)
		}
	}
	if p := path.Load(); p != "POST /v1/traces" {
		t.Errorf("the receiver saw %v", p)
	}
	if err := tr.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
