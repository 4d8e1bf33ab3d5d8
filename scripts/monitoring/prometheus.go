package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// prometheus asks a server's API (prometheus.io/docs/prometheus/latest/querying/api).
type prometheus struct {
	url   string
	since time.Duration
}

func (p *prometheus) get(path string, query url.Values, into any) error {
	resp, err := http.Get(p.url + path + "?" + query.Encode())
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: into}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %s: %w", path, resp.Status, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", path, answer.Error)
	}
	return nil
}

// data counts the numbers that an expression gave within p.since: neither
// nothing nor NaN, which Grafana shows as nothing.
func (p *prometheus) data(expr string) (n int, err error) {
	var r struct {
		Result []struct{ Values [][2]any }
	}
	now := time.Now()
	err = p.get("/api/v1/query_range", url.Values{
		"query": {expr}, "step": {"2"}, "start": {stamp(now.Add(-p.since))}, "end": {stamp(now)},
	}, &r)
	for _, series := range r.Result {
		for _, v := range series.Values {
			if x, err := strconv.ParseFloat(fmt.Sprint(v[1]), 64); err == nil && !math.IsNaN(x) {
				n++
			}
		}
	}
	return n, err
}

func stamp(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// values lists a label's values, of the series that match; "" is all.
func (p *prometheus) values(label, match string) (list []string, err error) {
	q := url.Values{}
	if match != "" {
		q.Set("match[]", match)
	}
	err = p.get("/api/v1/label/"+url.PathEscape(label)+"/values", q, &list)
	return list, err
}

type rule struct {
	Name, Query, Type, Health, LastError string
	Alerts                               []struct{ Annotations map[string]string }
}

func (p *prometheus) rules() (all []rule, err error) {
	var r struct{ Groups []struct{ Rules []rule } }
	err = p.get("/api/v1/rules", nil, &r)
	for _, g := range r.Groups {
		all = append(all, g.Rules...)
	}
	return all, err
}
