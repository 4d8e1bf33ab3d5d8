// Package prometheus holds the rules and dashboards against what telhub and
// ttp export. The catalogue in docs/observability.md stands between: tests of
// both programs keep it equal to what they export.
package prometheus

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	catalogue = "../../docs/observability.md"
	runbooks  = "https://github.com/telhub/telhub/blob/main/docs/observability.md#"
)

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// files expands patterns; each must match something.
func files(t *testing.T, patterns ...string) (all []string) {
	t.Helper()
	for _, p := range patterns {
		found, err := filepath.Glob(p)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d files, %v", p, len(found), err)
		}
		all = append(all, found...)
	}
	return all
}

// exported reads the catalogue's tables: the labels of each metric by its name.
func exported(t *testing.T) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	row := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (counter|gauge|histogram) \\| ([^|]*) \\|")
	for _, m := range row.FindAllStringSubmatch(read(t, catalogue), -1) {
		labels := strings.Fields(strings.ReplaceAll(m[3], "`", ""))
		all[m[1]] = labels
		if m[2] == "histogram" {
			all[m[1]+"_bucket"], all[m[1]+"_sum"], all[m[1]+"_count"] = append(labels, "le"), labels, labels
		}
	}
	if len(all) < 100 {
		t.Fatalf("%s describes %d metrics: that cannot be all", catalogue, len(all))
	}
	return all
}

// notMetrics are words of documents that look like metrics and are something
// else.
var notMetrics = []string{
	"ttp_queue_lag", "ttp_telemetry_lag", // what deployment/helm/ttp/examples/prometheus-adapter.yaml makes of others
	"ttp_toml", "ttp_rights", // outputs of the Terraform module
}

func TestNamedMetricsExist(t *testing.T) {
	all := exported(t)
	name := regexp.MustCompile(`\b(?:telemetry|ttp)_[a-z0-9_]*[a-z0-9]\b(?:\{|_?\*|\.md)?`)
	for _, file := range files(t, "rules/*.yml", "tests/*.yml", "../grafana/dashboards/*.json", "../../docs/*.md", "../../README.md", "../../processing/README.md", "../helm/*/examples/*.yaml") {
		for _, n := range name.FindAllString(read(t, file), -1) {
			if strings.HasSuffix(n, ".md") || slices.Contains(notMetrics, n) {
				continue
			}
			if n = strings.TrimSuffix(n, "{"); strings.HasSuffix(n, "*") { // a family
				if !slices.ContainsFunc(keys(all), func(k string) bool { return strings.HasPrefix(k, strings.TrimSuffix(n, "*")) }) {
					t.Errorf("%s names %s: nothing begins so", file, n)
				}
				continue
			}
			// A recorded name carries the metric's without its suffix.
			if _, ok := all[n]; !ok && !slices.ContainsFunc([]string{"_total", "_bytes"}, func(s string) bool { _, ok := all[n+s]; return ok }) && !recorded(t, n) {
				t.Errorf("%s names %s, which neither program exports; if it is no metric, add it to notMetrics", file, n)
			}
		}
	}
}

func keys(m map[string][]string) (list []string) {
	for k := range m {
		list = append(list, k)
	}
	return list
}

// recorded tells whether a name is the middle of a recording rule's.
func recorded(t *testing.T, name string) bool {
	t.Helper()
	for _, file := range files(t, "rules/*-recording.yml") {
		if strings.Contains(read(t, file), ":"+name+":") {
			return true
		}
	}
	return false
}

// Labels in braces after a metric are ones that it has.
func TestNamedLabelsExist(t *testing.T) {
	all := exported(t)
	selector := regexp.MustCompile(`\b((?:telemetry|ttp)_\w+)\{([^}]*)\}`)
	label := regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)\s*\\?"`)
	for _, file := range files(t, "rules/*.yml", "tests/*.yml", "../grafana/dashboards/*.json") {
		for _, m := range selector.FindAllStringSubmatch(read(t, file), -1) {
			labels := append([]string{"job", "instance"}, all[m[1]]...)
			for _, l := range label.FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(labels, l[1]) {
					t.Errorf("%s: %s has no label %s", file, m[1], l[1])
				}
			}
		}
	}
}

// Each alert says what somebody who is woken by it needs, and is tested.
func TestAlertsAreComplete(t *testing.T) {
	doc, count := read(t, catalogue), 0
	for _, kind := range []string{"telhub", "ttp"} {
		tests := ""
		for _, file := range files(t, "tests/"+kind+"_*test.yml") {
			tests += read(t, file)
		}
		for i, text := range strings.Split(read(t, "rules/"+kind+"-alerts.yml"), "\n      - alert: ") {
			if i == 0 {
				continue
			}
			name, _, _ := strings.Cut(text, "\n")
			count++
			for _, want := range []string{`severity: (critical|warning|info)\n`, `summary: ['"].{10,}`, `description: ['"].{20,}`, `runbook_url: ` + regexp.QuoteMeta(runbooks+strings.ToLower(name)) + `\n`} {
				if !regexp.MustCompile(want).MatchString(text + "\n") {
					t.Errorf("%s has no %s", name, want)
				}
			}
			if strings.Count(doc, "\n#### "+name+"\n") != 1 {
				t.Errorf("%s has no runbook of its own in %s", name, catalogue)
			}
			expr := regexp.MustCompile(`(?m)^        expr: (.*)$`).FindStringSubmatch(text)
			if expr == nil || !strings.Contains(doc, ": `"+expr[1]+"`\n") {
				t.Errorf("the runbook of %s does not show its expression", name)
			}
			if !strings.Contains(tests, `ALERTS{alertname="`+name+`",alertstate="firing",`) {
				t.Errorf("no test wants %s to fire", name)
			}
		}
		for _, m := range regexp.MustCompile(`(?m)^  - name: (\w+)$`).FindAllStringSubmatch(tests, -1) {
			if !strings.Contains(read(t, "rules/"+kind+"-alerts.yml"), "- alert: "+m[1]+"\n") {
				t.Errorf("there is a test of %s, and no such alert", m[1])
			}
		}
	}
	if count < 50 {
		t.Errorf("%d alerts were found: that cannot be all", count)
	}
}
