package httpapi

import (
	_ "embed"
	"fmt"
	"net/http"
	"strings"

	"github.com/telhub/telhub/internal/localhttp"
)

// page is the status page, served as it is: it gets its data from the API.
//
//go:embed page.html
var page []byte

type handler struct {
	source      Source
	metrics     func(dst []byte) []byte
	metricsType string
	csp         string
}

// mux routes by path; methods are checked in Read, so that a wrong one gets a
// problem document too.
func (h *handler) mux() *http.ServeMux {
	m := http.NewServeMux()
	m.HandleFunc("/{$}", localhttp.Read(h.page))
	m.HandleFunc("/metrics", localhttp.Read(h.metricsText))
	m.HandleFunc("/health/live", localhttp.Read(h.live))
	m.HandleFunc("/health/ready", localhttp.Read(h.ready))
	m.HandleFunc("/health/detailed", localhttp.Read(h.detailed))
	m.HandleFunc("/api/status", localhttp.Read(h.status))
	m.HandleFunc("/api/sensors", localhttp.Read(h.sensors))
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		localhttp.Problem(w, r, http.StatusNotFound, "nothing is here; see / for the status page")
	})
	return m
}

func (h *handler) page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Security-Policy", h.csp)
	localhttp.Send(w, http.StatusOK, "text/html; charset=utf-8", page)
}

func (h *handler) metricsText(w http.ResponseWriter, _ *http.Request) {
	localhttp.Send(w, http.StatusOK, h.metricsType, h.metrics(nil))
}

func (h *handler) status(w http.ResponseWriter, r *http.Request) {
	s := h.source.Status()
	s.Problems, s.Alarms = notNil(s.Problems), notNil(s.Alarms)
	s.Uplink.Lanes = notNil(s.Uplink.Lanes)
	localhttp.SendJSON(w, r, s)
}

func (h *handler) sensors(w http.ResponseWriter, r *http.Request) {
	all := notNil(h.source.Sensors())
	for i := range all {
		all[i].Channels = notNil(all[i].Channels)
		for j := range all[i].Channels {
			all[i].Channels[j].Recent = notNil(all[i].Channels[j].Recent)
		}
	}
	localhttp.SendJSON(w, r, all)
}

// detailed always answers 200 with what was checked: it is for people and
// dashboards. live and ready are for supervisors, which look at the code.
func (h *handler) detailed(w http.ResponseWriter, r *http.Request) {
	s := h.source.Health()
	s.Checks = notNil(s.Checks)
	localhttp.SendJSON(w, r, s)
}

func (h *handler) live(w http.ResponseWriter, r *http.Request) {
	s := h.source.Health()
	sendHealth(w, r, "live", s.Live, s)
}

func (h *handler) ready(w http.ResponseWriter, r *http.Request) {
	s := h.source.Health()
	sendHealth(w, r, "ready", s.Ready, s)
}

// sendHealth answers 200 with the program's version, or 503 with what failed.
func sendHealth(w http.ResponseWriter, r *http.Request, what string, ok bool, s Health) {
	if ok {
		localhttp.SendJSON(w, r, map[string]string{"status": what, "version": s.Version})
		return
	}
	var failed []string
	for _, c := range s.Checks {
		if !c.OK {
			failed = append(failed, strings.TrimSuffix(c.Name+": "+c.Detail, ": "))
		}
	}
	localhttp.Problem(w, r, http.StatusServiceUnavailable, fmt.Sprintf("not %s: %s", what, strings.Join(failed, "; ")))
}

// notNil makes an absent list [] instead of null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
