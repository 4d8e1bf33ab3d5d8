package config

import (
	"slices"
	"strings"

	"github.com/telhub/telhub/internal/problem"
	"github.com/telhub/telhub/internal/spell"
	"github.com/telhub/telhub/internal/toml"
)

// unknown reports a key that does not exist, with the nearest that does.
func (l *loader) unknown(n *toml.Node, prefix, name string) {
	f := fault{"unknown key", ""}
	if len(l.problems) <= problem.Max { // further ones are only counted
		f.Cure = unknownCure(prefix, name)
	}
	if n.Kind == toml.Table || n.Kind == toml.Tables {
		f.Msg = "unknown section"
	}
	// The value is not shown: it may be a secret under a misspelled name.
	l.add(place{l.file, n.Line, ""}, join(prefix, toml.Shorten(name)), f)
}

// misplaced maps keys that other programs have to ours.
var misplaced = map[string]string{
	"redis.password":    "a password does not belong here; name a file that holds it in redis.password_file, or set TTP_REDIS_PASSWORD",
	"redis.host":        `write it into the address: url = "redis://host:6379/0"`,
	"redis.port":        `write it into the address: url = "redis://host:6379/0"`,
	"redis.addr":        `write it as url = "redis://host:6379/0"`,
	"redis.address":     `write it as url = "redis://host:6379/0"`,
	"redis.db":          `write it at the end of the address: url = "redis://host:6379/0"`,
	"redis.tls":         `write rediss:// in the address: url = "rediss://host:6379/0"`,
	"redis.prefix":      "it belongs under [queue]",
	"postgres.password": "a password does not belong here; name a file that holds it in postgres.password_file, or set TTP_POSTGRES_PASSWORD",
	"postgres.dsn":      `write it as url = "postgres://user@host:5432/database"`,
	"worker.workers":    "write it as count",
	"workers":           "write it as [worker]",
	"workers.count":     "write it as [worker] count",
	"handlers":          "write [handler.TYPE] once for each type of task",
}

func unknownCure(prefix, name string) string {
	if cure := misplaced[join(prefix, name)]; cure != "" {
		return cure
	}
	siblings := childNames(prefix)
	if near := spell.Nearest(name, siblings); near != "" {
		return "did you mean " + near + "?"
	}
	for i := range rootKeys { // the right key in the wrong section
		if section, last := splitPath(rootKeys[i].path); last == name {
			return "it belongs under [" + section + "]"
		}
	}
	return didYouMean(name, siblings)
}

// isSection reports whether root keys stand below path.
func isSection(path string) bool {
	for i := range rootKeys {
		if strings.HasPrefix(rootKeys[i].path, path+".") {
			return true
		}
	}
	return false
}

// childNames lists what may stand in a section, sections included.
func childNames(prefix string) []string {
	var list []string
	for i := range rootKeys {
		section, name := splitPath(rootKeys[i].path)
		if prefix == "" {
			name = section
		} else if section != prefix {
			continue
		}
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	if prefix == "" {
		list = append(list, "handler")
	}
	return list
}

// splitPath cuts "redis.url" into "redis" and "url".
func splitPath(path string) (section, name string) {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}

// join puts a name behind a path, which may be empty.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// didYouMean gives the cure for an unknown name: the nearest candidate, or
// else the list of all.
func didYouMean(got string, candidates []string) string {
	if n := spell.Nearest(got, candidates); n != "" {
		return "did you mean " + n + "?"
	}
	return "known are " + strings.Join(candidates, ", ")
}
