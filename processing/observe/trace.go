package observe

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/processing/worker"
)

// TracerOptions configure a Tracer.
type TracerOptions struct {
	Endpoint string  // base URL of an OTLP/HTTP receiver; empty: off
	Service  string  // service.name
	Version  string  // service.version
	Ratio    float64 // of the traces that begin here
}

// Tracer makes spans of tasks. A nil Tracer makes none.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	exporter *exporter
}

// exportTimeout bounds one delivery of spans.
const exportTimeout = 10 * time.Second

// NewTracer returns nil where there is no endpoint. It connects to nothing
// before the first spans are sent, from a goroutine that Close ends.
func NewTracer(ctx context.Context, o TracerOptions) (*Tracer, error) {
	if o.Endpoint == "" {
		return nil, nil
	}
	out, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(strings.TrimSuffix(o.Endpoint, "/")+"/v1/traces"), // OTLP 1.x, "OTLP/HTTP Request"
		otlptracehttp.WithTimeout(exportTimeout))
	if err != nil {
		return nil, fmt.Errorf("tracing.endpoint = %q: %w", o.Endpoint, err)
	}
	return newTracer(o, out), nil
}

func newTracer(o TracerOptions, out sdktrace.SpanExporter) *Tracer {
	t := &Tracer{exporter: &exporter{SpanExporter: out}}
	t.provider = sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(t.exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(o.Ratio))),
		sdktrace.WithIDGenerator(ids{}),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", o.Service), attribute.String("service.version", o.Version))),
	)
	t.tracer = t.provider.Tracer("github.com/telhub/telhub/processing")
	return t
}

// Close sends what is left and ends.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Failures counts deliveries that the receiver did not take, and gives the
// last reason.
func (t *Tracer) Failures() (n uint64, last string) {
	if t == nil {
		return 0, ""
	}
	if s := t.exporter.last.Load(); s != nil {
		last = *s
	}
	return t.exporter.failed.Load(), last
}

// Traces adds how many deliveries of spans failed. A nil Tracer has none.
func (m *Metrics) Traces(t *Tracer) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Namespace: namespace, Name: "trace_export_failures_total", Help: "Deliveries of spans that the receiver did not take; those spans are gone.",
	}, func() float64 {
		n, _ := t.Failures()
		return float64(n)
	}))
}

// Middleware makes a span of each attempt.
func (t *Tracer) Middleware() worker.Middleware {
	return func(next worker.Handler) worker.Handler {
		if t == nil {
			return next
		}
		return func(ctx context.Context, d *queue.Delivery) ([]byte, error) {
			ctx, span := t.tracer.Start(parent(ctx, d.Trace, d.Correlation), "process "+d.Type,
				trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attributes(d)...))
			defer span.End()
			result, err := next(ctx, d)
			if err != nil {
				span.SetStatus(codes.Error, err.Error())
			}
			return result, err
		}
	}
}

// Producing begins the span of an Enqueue and gives each task that has no
// traceparent the one of this span. The caller calls end with the outcome.
func (t *Tracer) Producing(ctx context.Context, tasks []*queue.Task) (_ context.Context, end func(error)) {
	if t == nil || len(tasks) == 0 {
		return ctx, func(error) {}
	}
	ctx, span := t.tracer.Start(parent(ctx, tasks[0].Trace, tasks[0].Correlation), "send "+tasks[0].Queue,
		trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
			attribute.String("messaging.system", system), attribute.Int("messaging.batch.message_count", len(tasks))))
	own := Traceparent(ctx)
	for _, task := range tasks {
		if task.Trace == "" {
			task.Trace = own
		}
	}
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

const system = "ttp"

// attributes are of OpenTelemetry's semantic conventions for messaging, and
// ours.
func attributes(d *queue.Delivery) []attribute.KeyValue {
	list := []attribute.KeyValue{
		attribute.String("messaging.system", system),
		attribute.String("messaging.operation.type", "process"),
		attribute.String("messaging.destination.name", d.Queue),
		attribute.String("messaging.message.id", d.ID),
		attribute.Int("messaging.message.body.size", len(d.Payload)),
		attribute.String("ttp.task.type", d.Type),
		attribute.String("ttp.class", d.Class.String()),
		attribute.Int("ttp.attempt", d.Attempt),
	}
	if d.Correlation != "" {
		list = append(list, attribute.String("ttp.correlation_id", d.Correlation))
	}
	return list
}

// parent is the context that a span begins under: the trace that the task
// carries; else the caller's; else a new one named after the correlation ID.
func parent(ctx context.Context, traceparent, correlation string) context.Context {
	if traceparent != "" {
		remote := propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": traceparent})
		if trace.SpanContextFromContext(remote).IsValid() {
			return remote
		}
	}
	if correlation != "" && !trace.SpanContextFromContext(ctx).IsValid() {
		return context.WithValue(ctx, correlationKey{}, correlation)
	}
	return ctx
}

// Traceparent gives the W3C traceparent of the span in ctx; "" without one.
func Traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"]
}

// TraceID is the trace that everything about a sample stands in, unless
// somebody else began one.
func TraceID(correlation string) (id trace.TraceID) {
	sum := sha256.Sum256([]byte(correlation))
	copy(id[:], sum[:])
	return id
}

type correlationKey struct{}

// ids makes IDs: a trace's from the correlation ID, where there is one.
type ids struct{}

// NewIDs implements sdktrace.IDGenerator for a span that begins a trace.
func (g ids) NewIDs(ctx context.Context) (t trace.TraceID, s trace.SpanID) {
	if c, ok := ctx.Value(correlationKey{}).(string); ok {
		t = TraceID(c)
	} else {
		rand.Read(t[:]) // never fails (crypto/rand since Go 1.24)
	}
	return t, g.NewSpanID(ctx, t)
}

// NewSpanID implements sdktrace.IDGenerator.
func (ids) NewSpanID(context.Context, trace.TraceID) (s trace.SpanID) {
	rand.Read(s[:])
	return s
}

// exporter keeps failures from OpenTelemetry's global error handler, which
// writes to stderr: they are counted.
type exporter struct {
	sdktrace.SpanExporter
	failed atomic.Uint64
	last   atomic.Pointer[string]
}

// ExportSpans implements sdktrace.SpanExporter.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		text := err.Error()
		e.last.Store(&text)
		e.failed.Add(1)
	}
	return nil
}
