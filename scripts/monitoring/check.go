package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// check counts what was evaluated and collects what gave nothing.
type check struct {
	prom     *prometheus
	excused  map[string]string // metric → why it may have no series
	good     int
	empty    []string // excused
	problems []string
}

func (c *check) say(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// report prints the result; an error if anything is wrong.
func (c *check) report() error {
	for _, e := range c.empty {
		fmt.Println("no data, excused:", e)
	}
	for _, p := range c.problems {
		fmt.Println("PROBLEM:", p)
	}
	fmt.Printf("%d expressions and selectors gave data, %d are excused, %d problems\n", c.good, len(c.empty), len(c.problems))
	if len(c.problems) > 0 {
		return fmt.Errorf("%d problems", len(c.problems))
	}
	return nil
}

// readExcused reads lines of a metric and a reason.
func readExcused(file string) (map[string]string, error) {
	excused := map[string]string{}
	raw, err := os.ReadFile(file)
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		metric, reason, ok := strings.Cut(line, " ")
		if !ok {
			return nil, fmt.Errorf("%s: %s has no reason", file, metric)
		}
		excused[metric] = strings.TrimSpace(reason)
	}
	return excused, err
}

// names finds the metrics of an expression: ours, the process', Go's, recorded
// ones, and up. Strings do not count.
var (
	quoted   = regexp.MustCompile(`"[^"]*"`)
	selector = regexp.MustCompile(`\b((?:telemetry|ttp|process|go)_\w+|up|\w+:\w+:\w+)\b(\{[^}]*\})?`)
)

// give wants data of an expression.
func (c *check) give(what, expr string) error {
	n, err := c.prom.data(expr)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", what, expr, err)
	}
	if n > 0 {
		c.good++
		return nil
	}
	for _, m := range selector.FindAllStringSubmatch(quoted.ReplaceAllString(expr, `""`), -1) {
		if reason, ok := c.excused[m[1]]; ok {
			c.empty = append(c.empty, fmt.Sprintf("%s: %s: %s", what, m[1], reason))
			return nil
		}
	}
	c.say("%s gives no data: %s", what, expr)
	return nil
}

// selectors wants data of each selector of an expression.
func (c *check) selectors(what, expr string) error {
	found := selector.FindAllString(expr, -1)
	if len(found) == 0 {
		c.say("%s: no metric was found in %s", what, expr)
	}
	for _, s := range found {
		if err := c.give(what, s); err != nil {
			return err
		}
	}
	return nil
}

// rules wants data of each recording rule. An alert's expression gives nothing
// while all is well; each of its selectors must give data all the same.
func (c *check) rules() error {
	all, err := c.prom.rules()
	if err != nil {
		return err
	}
	if len(all) == 0 {
		c.say("Prometheus has loaded no rules")
	}
	for _, r := range all {
		if r.Health != "ok" {
			c.say("rule %s is %s: %s", r.Name, r.Health, r.LastError)
		}
		for _, a := range r.Alerts {
			for k, text := range a.Annotations {
				if strings.Contains(text, "<error") || strings.Contains(text, "<no value>") || strings.Contains(text, "%!") {
					c.say("alert %s: %s reads %q", r.Name, k, text)
				}
			}
		}
		ask, expr := c.selectors, r.Query
		if r.Type == "recording" {
			ask, expr = c.give, r.Name
		}
		if err := ask("rule "+r.Name, expr); err != nil {
			return err
		}
	}
	return nil
}

// alerts wants alerts that the test has provoked.
func (c *check) alerts(names []string) error {
	for _, name := range names {
		n, err := c.prom.data(fmt.Sprintf(`ALERTS{alertname=%q}`, name))
		if err != nil {
			return err
		}
		if n == 0 {
			c.say("alert %s was neither pending nor firing, although its condition was provoked", name)
			continue
		}
		c.good++
	}
	return nil
}

// catalogue wants every scraped metric of ours to be described, and every
// described one to have been scraped.
func (c *check) catalogue(file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	described := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `((?:telemetry|ttp)_\\w+)` \\| \\w+ \\|").FindAllStringSubmatch(string(raw), -1) {
		described[m[1]] = true
	}
	scraped, err := c.prom.values("__name__", `{__name__=~"(telemetry|ttp)_.+"}`)
	if err != nil {
		return err
	}
	have := map[string]bool{}
	for _, name := range scraped {
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if base := strings.TrimSuffix(name, suffix); described[base] {
				name = base
			}
		}
		if have[name] = true; !described[name] {
			c.say("%s is scraped and not described in %s", name, file)
		}
	}
	for name := range described {
		switch _, ok := c.excused[name]; {
		case have[name]:
			c.good++
		case !ok:
			c.say("%s is described in %s and was not scraped", name, file)
		}
	}
	return nil
}

var labelValues = regexp.MustCompile(`^label_values\((.+), *(\w+)\)$`)

// dashboard wants values of each variable, and data of each expression with
// all of them chosen.
func (c *check) dashboard(b *board) error {
	replace := []string{"$__rate_interval", "20s", "$__interval", "20s", "$__range", "5m"}
	for _, v := range b.Templating.List {
		if v.Type != "query" {
			continue
		}
		m := labelValues.FindStringSubmatch(v.Definition)
		if m == nil {
			c.say("%s: variable %s: %q is no label_values(metric, label)", b.File, v.Name, v.Definition)
			continue
		}
		list, err := c.prom.values(m[2], strings.NewReplacer(replace...).Replace(m[1]))
		if err != nil {
			return err
		}
		if list = slices.DeleteFunc(list, func(s string) bool { return s == "" }); len(list) == 0 {
			c.say("%s: variable %s has no values", b.File, v.Name)
		}
		// Without a value of its own Grafana takes "all" for every one that there is.
		all := v.AllValue
		if all == "" {
			for i, value := range list {
				list[i] = strings.ReplaceAll(regexp.QuoteMeta(value), `\`, `\\`)
			}
			all = strings.Join(list, "|")
		}
		replace = append(replace, "$"+v.Name, all)
	}
	r := strings.NewReplacer(replace...)
	for _, p := range b.Panels {
		for _, t := range p.Targets {
			if err := c.give(fmt.Sprintf("%s: %s %s", b.Title, p.Title, t.RefID), r.Replace(t.Expr)); err != nil {
				return err
			}
		}
	}
	return nil
}
