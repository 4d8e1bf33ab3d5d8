package localhttp

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// SendJSON encodes before it answers, so that a value that JSON cannot carry
// becomes an error and not half an answer.
func SendJSON(w http.ResponseWriter, r *http.Request, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		Problem(w, r, http.StatusInternalServerError, err.Error())
		return
	}
	Send(w, http.StatusOK, "application/json", append(b, '\n'))
}

// Send answers with a body.
func Send(w http.ResponseWriter, code int, contentType string, body []byte) {
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

// Problem answers with a problem document; detail says what to do.
func Problem(w http.ResponseWriter, r *http.Request, code int, detail string) {
	d := document{Type: "about:blank", Title: http.StatusText(code), Status: code, Detail: detail, Instance: r.URL.EscapedPath()}
	b, err := json.Marshal(d)
	if err != nil { // strings and a number always encode
		b = []byte(`{"type":"about:blank"}`)
	}
	Send(w, code, "application/problem+json", append(b, '\n'))
}
