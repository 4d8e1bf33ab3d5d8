// Package helm_test holds the charts to the programs; scripts/test-helm.sh does the rest.
package helm_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/telhub/telhub/processing/observe"
	"github.com/telhub/telhub/processing/queue"
	"github.com/telhub/telhub/processing/telemetry"
)

// series are the names of all that ttp may show.
func series(t *testing.T) map[string]bool {
	t.Helper()
	m := observe.NewMetrics("test")
	ask := func(context.Context) (queue.Stats, error) { return queue.Stats{}, nil }
	if err := m.Register(observe.NewWatch(ask, nil, time.Minute, m)); err != nil {
		t.Fatal(err)
	}
	m.Telemetry("storage", func() telemetry.Stats { return telemetry.Stats{} })
	all, ok := m.Gatherer().(prometheus.Collector)
	if !ok {
		t.Fatalf("%T does not describe its series", m.Gatherer())
	}
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		all.Describe(descs)
	}()
	names := make(map[string]bool)
	fqName := regexp.MustCompile(`fqName: "([^"]+)"`)
	for d := range descs {
		names[fqName.FindStringSubmatch(d.String())[1]] = true
	}
	return names
}

func TestAdapterReadsSeriesThatExist(t *testing.T) {
	rules := read(t, "ttp/examples/prometheus-adapter.yaml")
	queries := regexp.MustCompile(`seriesQuery: '(\w+)\{`).FindAllStringSubmatch(rules, -1)
	if len(queries) != 3 {
		t.Fatalf("%d rules, want 3", len(queries))
	}
	have := series(t)
	for _, q := range queries {
		if !have[q[1]] {
			t.Errorf("the adapter reads %s, which ttp does not have", q[1])
		}
	}
}

// Both charts are of one version, and of the same program's.
func TestChartsHaveOneVersion(t *testing.T) {
	version := regexp.MustCompile(`(?m)^(version|appVersion): .*$`)
	one, two := version.FindAllString(read(t, "telhub/Chart.yaml"), -1), version.FindAllString(read(t, "ttp/Chart.yaml"), -1)
	if len(one) != 2 || strings.Join(one, "\n") != strings.Join(two, "\n") {
		t.Errorf("telhub has %q, ttp %q", one, two)
	}
}

// A schema that takes unknown keys anywhere lets a misspelled value pass.
func TestSchemasAreStrict(t *testing.T) {
	for _, chart := range []string{"telhub", "ttp"} {
		schema := read(t, chart+"/values.schema.json")
		objects, closed := strings.Count(schema, `"properties":`), strings.Count(schema, `"additionalProperties": false`)
		if objects == 0 || objects != closed {
			t.Errorf("%s: %d objects with properties, %d of them closed", chart, objects, closed)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
