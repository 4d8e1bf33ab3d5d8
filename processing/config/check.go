package config

import (
	"net"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/telhub/telhub/internal/redisurl"
)

// Bounds on names: they stand in every key, metric or entry.
const (
	maxName = 64
	maxType = 128
)

// checkPrintable rejects control characters: no setting of ours means them.
func checkPrintable(s string) fault {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return fault{"holds a control character", "delete it"}
	}
	return fault{}
}

// checkName holds the name of a queue, group or service to what a key and a
// label carry without quotes.
func checkName(s string) fault {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	}
	switch {
	case s == "":
		return fault{"is empty", "give it a name"}
	case len(s) > maxName:
		return fault{"is longer than " + strconv.Itoa(maxName) + " characters", "choose a shorter name"}
	case strings.ContainsFunc(s, odd):
		return fault{"may hold only the letters A to Z, a to z, digits, and - _ .", "choose such a name"}
	}
	return fault{}
}

// checkWorkerName is checkName for a name that may be missing.
func checkWorkerName(s string) fault {
	if s == "" {
		return fault{}
	}
	return checkName(s)
}

// checkQueue is checkName for what is part of a key beside these words.
func checkQueue(s string) fault {
	if slices.Contains([]string{"id", "u", "r", "batch"}, s) {
		return fault{"is a word that keys of single tasks use", "take another name"}
	}
	return checkName(s)
}

// checkTaskType holds the type of tasks to what queue accepts.
func checkTaskType(s string) fault {
	switch {
	case s == "":
		return fault{"is empty", "name a type of task, as in [handler.invoice]"}
	case len(s) > maxType:
		return fault{"is longer than " + strconv.Itoa(maxType) + " bytes", "choose a shorter type"}
	}
	return checkPrintable(s)
}

// checkStream holds the name of telhub's streams to what
// "<stream>:{<shard>}:<lane>" can carry without moving its hash tag.
func checkStream(s string) fault {
	switch {
	case strings.ContainsAny(s, "{} \t"):
		return fault{"may not hold spaces or braces", "braces mark the shard in a key"}
	case len(s) > maxName:
		return fault{"is longer than " + strconv.Itoa(maxName) + " characters", "write telhub's redis.stream"}
	}
	return checkPrintable(s)
}

// checkPath holds a file name to a full path, because nobody knows the
// directory in which a service runs. Empty is none.
func checkPath(s string) fault {
	switch {
	case s == "":
		return fault{}
	case !path.IsAbs(s):
		return fault{"is not a full path", "begin it with /"}
	}
	return checkPrintable(s)
}

// checkProgram wants the full path of a program: a search path is one more
// thing that can be changed behind our back.
func checkProgram(s string) fault {
	if !path.IsAbs(s) {
		return fault{"the program " + strconv.Quote(s) + " is not a full path", "begin it with /, as in /usr/local/bin/report"}
	}
	return checkPrintable(s)
}

func checkRedisURL(s string) fault {
	if _, err := redisurl.Parse(s); err != nil {
		return fault{err.Error(), ""}
	}
	return checkPrintable(s)
}

func checkPostgresURL(s string) fault {
	if s == "" {
		return fault{}
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql":
		return fault{"is not the address of a database", `write it as "postgres://user@host:5432/database"; percent-encode odd characters of a password`}
	case strings.Trim(u.Path, "/") == "":
		return fault{"names no database", `end it with its name, as in "postgres://user@host:5432/telemetry"`}
	}
	return checkPrintable(s)
}

// checkEndpoint is checkHTTPURL for one that may be missing.
func checkEndpoint(s string) fault {
	if s == "" {
		return fault{}
	}
	return checkHTTPURL(s)
}

func checkHTTPURL(s string) fault {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return fault{"is not an http URL", `write it as "http://127.0.0.1:4318" or "https://host/path"`}
	}
	return checkPrintable(s)
}

// reserved are the headers that ttp sets itself.
var reserved = []string{"host", "content-length", "traceparent", "ttp-task-id", "ttp-task-type", "ttp-attempt", "ttp-correlation"}

// checkHeader wants "Name: value".
func checkHeader(s string) fault {
	name, value, found := strings.Cut(s, ":")
	odd := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`()<>@,;\"/[]?={}`, r) } // RFC 9110, 5.6.2
	switch {
	case !found || name == "" || strings.ContainsFunc(name, odd):
		return fault{"is not a header", `write it as "Name: value"`}
	case slices.Contains(reserved, strings.ToLower(name)):
		return fault{"names a header that ttp sets itself", "delete it"}
	}
	return checkPrintable(value)
}

// checkListen holds an address to "", "host:port" or "unix:/path".
func checkListen(s string) fault {
	if s == "" {
		return fault{}
	}
	if p, isUnix := strings.CutPrefix(s, "unix:"); isUnix {
		if p == "" {
			return fault{"names no socket", "write unix:/run/ttp/http.sock"}
		}
		return checkPath(p)
	}
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return fault{"is not host:port", "write 127.0.0.1:9156, unix:/path/to/socket, or nothing for off"}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fault{"has no port from 1 to 65535", "write 127.0.0.1:9156"}
	}
	return checkPrintable(s)
}
