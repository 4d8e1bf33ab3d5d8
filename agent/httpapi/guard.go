package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"strings"
)

// guard sets the headers that every answer carries and refuses requests for
// names that are not this machine's, where the listener is a loopback one.
func guard(next http.Handler, loopback bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if loopback && !isLocalName(r.Host) {
			problem(w, r, http.StatusMisdirectedRequest,
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

// contentPolicy is the page's Content-Security-Policy: exactly its own style
// and script run, by their hashes, and nothing is loaded from anywhere else.
func contentPolicy(page []byte) string {
	return "default-src 'none'; connect-src 'self'" +
		"; style-src " + hashOf(page, "style") +
		"; script-src " + hashOf(page, "script") +
		"; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// hashOf gives the source expression (CSP Level 3, 2.3.1) of the page's only
// element of that name.
func hashOf(page []byte, element string) string {
	_, body, ok := strings.Cut(string(page), "<"+element+">")
	body, _, closed := strings.Cut(body, "</"+element+">")
	if !ok || !closed {
		panic("httpapi: the page has no <" + element + ">")
	}
	sum := sha256.Sum256([]byte(body))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
