// Command monitoring checks the dashboards and rules under deployment:
//
//	monitoring validate FILE...
//	    reads dashboards strictly by Grafana's schema, and looks for what a
//	    schema cannot tell: panels that overlap, lack a unit or a description
//	monitoring evaluate -url URL -catalogue FILE -empty FILE -pending NAMES FILE...
//	    evaluates every expression of the dashboards and of the loaded rules in
//	    a Prometheus that has scraped for a while; each must give data
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "monitoring:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("say validate or evaluate")
	}
	switch args[0] {
	case "validate":
		return validate(args[1:])
	case "evaluate":
		return evaluate(args[1:])
	}
	return fmt.Errorf("unknown: %s; there are validate and evaluate", args[0])
}

// validate reads all dashboards and tells everything that is wrong with them.
func validate(files []string) error {
	uids, problems, panels := map[string]string{}, 0, 0
	for _, file := range files {
		d, err := readDashboard(file)
		if err != nil {
			return err
		}
		list := d.lint()
		if other, ok := uids[d.UID]; ok {
			list = append(list, "has the uid of "+other)
		}
		uids[d.UID] = file
		for _, p := range list {
			fmt.Printf("%s: %s\n", file, p)
		}
		problems, panels = problems+len(list), panels+len(d.Panels)
	}
	if problems > 0 {
		return fmt.Errorf("%d problems", problems)
	}
	fmt.Printf("%d dashboards with %d panels are well formed\n", len(files), panels)
	return nil
}

func evaluate(args []string) error {
	f := flag.NewFlagSet("evaluate", flag.ContinueOnError)
	url := f.String("url", "http://127.0.0.1:9090", "of Prometheus")
	since := f.Duration("since", 10*time.Minute, "how far back data count")
	catalogue := f.String("catalogue", "", "`FILE` that describes every metric in a table")
	empty := f.String("empty", "", "`FILE` of metrics that may have no series, with the reason")
	pending := f.String("pending", "", "`NAMES` of alerts that must have been pending or firing, with commas")
	if err := f.Parse(args); err != nil {
		return err
	}
	excused, err := readExcused(*empty)
	if err != nil {
		return err
	}
	c := &check{prom: &prometheus{url: *url, since: *since}, excused: excused}
	if err := c.catalogue(*catalogue); err != nil {
		return err
	}
	if err := c.rules(); err != nil {
		return err
	}
	if err := c.alerts(strings.FieldsFunc(*pending, func(r rune) bool { return r == ',' })); err != nil {
		return err
	}
	for _, file := range f.Args() {
		d, err := readDashboard(file)
		if err != nil {
			return err
		}
		if err := c.dashboard(d); err != nil {
			return err
		}
	}
	return c.report()
}
