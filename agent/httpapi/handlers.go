package httpapi

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
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

// mux routes by path; methods are checked in read, so that a wrong one gets a
// problem document too.
func (h *handler) mux() *http.ServeMux {
	m := http.NewServeMux()
	m.HandleFunc("/{$}", read(h.page))
	m.HandleFunc("/metrics", read(h.metricsText))
	m.HandleFunc("/health/live", read(h.live))
	m.HandleFunc("/health/ready", read(h.ready))
	m.HandleFunc("/health/detailed", read(h.detailed))
	m.HandleFunc("/api/status", read(h.status))
	m.HandleFunc("/api/sensors", read(h.sensors))
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem(w, r, http.StatusNotFound, "nothing is here; see / for the status page")
	})
	return m
}

// read lets GET and HEAD through (RFC 9110, 15.5.6 asks for Allow).
func read(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			problem(w, r, http.StatusMethodNotAllowed, "this resource can only be read: use GET")
			return
		}
		next(w, r)
	}
}

func (h *handler) page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Security-Policy", h.csp)
	send(w, http.StatusOK, "text/html; charset=utf-8", page)
}

func (h *handler) metricsText(w http.ResponseWriter, _ *http.Request) {
	send(w, http.StatusOK, h.metricsType, h.metrics(nil))
}

func (h *handler) status(w http.ResponseWriter, r *http.Request) {
	s := h.source.Status()
	s.Problems, s.Alarms = notNil(s.Problems), notNil(s.Alarms)
	s.Uplink.Lanes = notNil(s.Uplink.Lanes)
	sendJSON(w, r, s)
}

func (h *handler) sensors(w http.ResponseWriter, r *http.Request) {
	all := notNil(h.source.Sensors())
	for i := range all {
		all[i].Channels = notNil(all[i].Channels)
		for j := range all[i].Channels {
			all[i].Channels[j].Recent = notNil(all[i].Channels[j].Recent)
		}
	}
	sendJSON(w, r, all)
}

// detailed always answers 200 with what was checked: it is for people and
// dashboards. live and ready are for supervisors, which look at the code.
func (h *handler) detailed(w http.ResponseWriter, r *http.Request) {
	s := h.source.Health()
	s.Checks = notNil(s.Checks)
	sendJSON(w, r, s)
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
		sendJSON(w, r, map[string]string{"status": what, "version": s.Version})
		return
	}
	var failed []string
	for _, c := range s.Checks {
		if !c.OK {
			failed = append(failed, strings.TrimSuffix(c.Name+": "+c.Detail, ": "))
		}
	}
	problem(w, r, http.StatusServiceUnavailable, fmt.Sprintf("not %s: %s", what, strings.Join(failed, "; ")))
}

// notNil makes an absent list [] instead of null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// sendJSON encodes before it answers, so that a value that JSON cannot carry
// becomes an error and not half an answer.
func sendJSON(w http.ResponseWriter, r *http.Request, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		problem(w, r, http.StatusInternalServerError, err.Error())
		return
	}
	send(w, http.StatusOK, "application/json", append(b, '\n'))
}

func send(w http.ResponseWriter, code int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body) // a client that went away is no error of ours
}

// document is a problem document (RFC 9457, 3.1). Its type is "about:blank",
// which says that the status code tells all there is to tell apart.
type document struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"`
}

func problem(w http.ResponseWriter, r *http.Request, code int, detail string) {
	d := document{Type: "about:blank", Title: http.StatusText(code), Status: code, Detail: detail, Instance: r.URL.EscapedPath()}
	b, err := json.Marshal(d)
	if err != nil { // strings and a number always encode
		b = []byte(`{"type":"about:blank"}`)
	}
	send(w, code, "application/problem+json", append(b, '\n'))
}
