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
	path := join(prefix, toml.Shorten(name))
	f := fault{"unknown key", ""}
	if len(l.problems) <= problem.Max { // further ones are only counted
		f.Cure = unknownCure(prefix, name)
	}
	if n.Kind == toml.Table || n.Kind == toml.Tables {
		f.Msg = "unknown section"
	}
	at := l.at(n)
	at.shown = "" // may be a secret under a misspelled name
	l.add(at, path, f)
}

// misplaced maps keys that other programs have to ours.
var misplaced = map[string]string{
	"redis.password": "a password does not belong here; name a file that holds it in redis.password_file, or set TELEMETRY_REDIS_PASSWORD",
	"redis.host":     `write it into the address: url = "redis://host:6379/0"`,
	"redis.port":     `write it into the address: url = "redis://host:6379/0"`,
	"redis.addr":     `write it as url = "redis://host:6379/0"`,
	"redis.address":  `write it as url = "redis://host:6379/0"`,
	"redis.db":       `write it at the end of the address: url = "redis://host:6379/0"`,
	"redis.tls":      `write rediss:// in the address: url = "rediss://host:6379/0"`,
	"sensors":        "write [[sensor]] once for each sensor",
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
		section, last := splitPath(rootKeys[i].Path)
		if last == name && section == "" {
			return "write it before the first [section]"
		}
		if last == name {
			return "it belongs under [" + section + "]"
		}
	}
	return didYouMean(name, siblings)
}

// isSection reports whether root keys stand below path.
func isSection(path string) bool {
	for i := range rootKeys {
		if strings.HasPrefix(rootKeys[i].Path, path+".") {
			return true
		}
	}
	return false
}

// childNames lists what may stand in a section, sections included.
func childNames(prefix string) []string {
	var names []string
	for i := range rootKeys {
		rest := rootKeys[i].Path
		if prefix != "" {
			var below bool
			if rest, below = strings.CutPrefix(rest, prefix+"."); !below {
				continue
			}
		}
		first, _, _ := strings.Cut(rest, ".")
		if !slices.Contains(names, first) {
			names = append(names, first)
		}
	}
	switch prefix {
	case "":
		names = append(names, "bus", "sensor", "profile", "indicator")
	case "log":
		names = append(names, "components")
	}
	return names
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
	if path == "" || name == "" {
		return path + name
	}
	return path + "." + name
}
