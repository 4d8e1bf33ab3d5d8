package redisurl

import (
	"strings"

	"github.com/telhub/telhub/internal/secret"
)

// Secret is text that never shows itself: whatever prints it prints "***".
type Secret = secret.Text

// Redacted replaces the password in a URL by ***. It also works on text that
// is not a valid URL, because messages show those: everything between a colon
// and the last @ goes, and so does whatever stands where a port should but is
// no number, because then the @ may have been forgotten.
func Redacted(url string) string {
	start := 0
	if i := strings.Index(url, "://"); i >= 0 {
		start = i + len("://")
	}
	scheme, rest := url[:start], url[start:]
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if colon := strings.IndexByte(rest[:at], ':'); colon >= 0 {
			return scheme + rest[:colon+1] + "***" + rest[at:]
		}
		return url
	}
	hosts, path, hasPath := strings.Cut(rest, "/")
	parts := strings.Split(hosts, ",")
	for i, h := range parts {
		name, port, found := strings.Cut(h, ":")
		if found && !strings.HasPrefix(h, "[") && strings.Trim(port, "0123456789") != "" {
			parts[i] = name + ":***"
		}
	}
	if hasPath {
		path = "/" + path
	}
	return scheme + strings.Join(parts, ",") + path
}
