package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

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
