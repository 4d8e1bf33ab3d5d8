package localhttp

import (
	"net"
	"net/http"
	"strings"
)

// Guard sets the headers that every answer carries and refuses requests for
// names that are not this machine's, where the listener is a loopback one.
func Guard(next http.Handler, loopback bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if loopback && !isLocalName(r.Host) {
			Problem(w, r, http.StatusMisdirectedRequest,
				"this server answers only to localhost, 127.0.0.1 and [::1]; to reach it from elsewhere set http.listen to an address of this machine")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLocalName tells whether a Host header names this machine whatever the DNS
// says. The port does not matter: it may have been forwarded.
func isLocalName(host string) bool {
	name := host
	if n, _, err := net.SplitHostPort(host); err == nil {
		name = n
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if name == "localhost" || strings.HasSuffix(name, ".localhost") { // RFC 6761, 6.3
		return true
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return ip != nil && ip.IsLoopback()
}

// Read lets GET and HEAD through (RFC 9110, 15.5.6 asks for Allow).
func Read(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			Problem(w, r, http.StatusMethodNotAllowed, "this resource can only be read: use GET")
			return
		}
		next(w, r)
	}
}
