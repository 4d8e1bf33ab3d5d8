package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/internal/toml"
)

// Default returns the configuration of an empty file: no bus, no sensor, and
// the host's name for the device, made fit to be one.
func Default() *Config {
	c := &Config{}
	for i := range rootKeys {
		k := &rootKeys[i]
		if k.Default != "" {
			setDefault(k, target{cfg: c})
		}
	}
	host, _ := os.Hostname() // without one, sanitise finds a name
	c.Device = sanitise(host)
	return c
}

// setDefault stores a key's default, which a test has seen to be valid.
func setDefault(k *Key, t target) {
	v, f := k.parse(&toml.Node{Kind: toml.Untyped, Text: k.Default})
	if !f.ok() {
		panic("config: default of " + k.Path + ": " + f.Msg)
	}
	assign(k.field(t), v)
}

// Load reads the configuration: defaults, the file at path, the profiles in
// the directory telhub.d beside it, then those elements of env ("NAME=value",
// as os.Environ gives) that concern it. An empty path means no file. An error
// is Problems, all of them.
func Load(path string, env []string) (*Config, error) {
	if path == "" {
		return Parse("", nil, env)
	}
	data, err := readFile(path)
	if err != nil {
		return nil, Problems{unreadableConfig(path, err)}
	}
	sources, problems := profileSources(path)
	return parse(path, data, env, sources, problems)
}

// unreadableConfig says what to do about a file that could not be read. Packages make
// it readable to root and the service only: it may hold a password.
func unreadableConfig(path string, err error) Problem {
	p := Problem{Source: path, Msg: "cannot be read: " + reason(err), Cure: "check the path and its permissions"}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.Cure = "write one with: telhub init > " + path
	case errors.Is(err, fs.ErrPermission):
		p.Cure = "run it as root (sudo), or as a user who may read it"
	}
	return p
}

// readFile reads at most one byte more than a configuration may have, so that
// a device node or a huge file does no harm.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, toml.MaxBytes+1))
}

// Parse is Load for a file that is in memory, without a directory beside it;
// name stands for it in messages.
func Parse(name string, data []byte, env []string) (*Config, error) {
	return parse(name, data, env, nil, nil)
}

// newLoader makes the loader of the file of that name.
func newLoader(name string) *loader {
	l := &loader{
		file: name, cfg: Default(),
		set: make(map[string]place), places: make(map[string]place), broken: make(map[string]bool),
		engines: make(map[string]catalog.Engine), byName: make(map[string]*draft),
	}
	l.cfg.file = name
	return l
}

// parse reads the configuration with the profiles of other files; problems are
// those that reading them met.
func parse(name string, data []byte, env []string, others []document, problems Problems) (*Config, error) {
	root, mistakes, ok := toml.Read(data)
	l := newLoader(name)
	l.problems = problems
	for _, m := range mistakes {
		l.add(place{source: name, line: m.Line}, m.Path, fault(m.Fault))
	}
	if !ok {
		return nil, l.problems.OrNil()
	}
	l.table(root, "")
	l.profiles(root.Fields["profile"])
	for _, s := range others {
		l.profileFile(s)
	}
	l.buses(root.Fields["bus"])
	l.environment(env)
	l.indicators(root.Fields["indicator"])
	l.sensors(root.Fields["sensor"])
	l.validate()
	if err := l.problems.OrNil(); err != nil {
		return nil, err
	}
	return l.cfg, nil
}

// place is where a value came from, for messages about it.
type place struct {
	source string
	line   int
	shown  string // the value as written
}

// loader carries what one Parse knows.
type loader struct {
	file     string
	cfg      *Config
	set      map[string]place // root keys that the file or the environment set
	places   map[string]place // "bus.NAME" → its header
	broken   map[string]bool  // "bus.NAME", "profile.NAME" and "indicator.NAME" that are wrong: no complaints about consequences
	engines  map[string]catalog.Engine
	byName   map[string]*draft // sensors
	unsure   bool              // an expression does not compile: nobody can tell what it is derived from
	problems Problems

	credentials string // directory with systemd's credentials; "" = there is none
}

func (l *loader) add(at place, path string, f fault) {
	l.problems = append(l.problems, Problem{
		Source: at.source, Line: at.line, Path: path, Value: at.shown, Msg: f.Msg, Cure: f.Cure,
	})
}

// at gives a node's place in the file.
func (l *loader) at(n *toml.Node) place { return place{l.file, n.Line, n.Shown()} }

// line gives a node's place without its value, for problems of a whole table.
func (l *loader) line(n *toml.Node) place { return place{l.file, n.Line, ""} }

// put checks a value and stores it under its key.
func (l *loader) put(k *Key, path string, at place, n *toml.Node, t target) bool {
	v, f := k.parse(n)
	if !f.ok() {
		l.add(at, path, f)
		return false
	}
	assign(k.field(t), v)
	return true
}

// table reads a table of root keys; prefix is its path.
func (l *loader) table(t *toml.Node, prefix string) {
	for _, name := range t.Keys {
		n, path := t.Fields[name], join(prefix, name)
		k := findKey(rootKeys, path)
		switch {
		case k != nil:
			at := l.at(n)
			if k.secret && n.Kind == toml.Text {
				at.shown = strconv.Quote(toml.Shorten(Redacted(n.Text)))
			}
			if l.put(k, path, at, n, target{cfg: l.cfg}) {
				l.set[path] = at
			}
		case prefix == "" && (name == "bus" || name == "sensor" || name == "profile" || name == "indicator"):
			// Read when all else is known.
		case path == "log.components":
			l.components(n)
		case isSection(path) && n.Kind == toml.Table:
			l.table(n, path)
		case isSection(path):
			l.add(l.at(n), path, fault{"is " + n.Kind.String(), "write it as a table: [" + path + "]"})
		default:
			l.unknown(n, prefix, name)
		}
	}
}

// components reads [log.components].
func (l *loader) components(t *toml.Node) {
	if t.Kind != toml.Table {
		l.add(l.at(t), "log.components", fault{"is " + t.Kind.String(), "write it as a table: [log.components]"})
		return
	}
	for _, name := range t.Keys {
		l.component(name, l.at(t.Fields[name]), t.Fields[name])
	}
}

// component sets one part's level.
func (l *loader) component(name string, at place, n *toml.Node) {
	path := "log.components." + toml.Shorten(name)
	if !slices.Contains(components, name) {
		l.add(at, path, fault{"no part of the agent logs under this name", didYouMean(name, components)})
		return
	}
	v, f := componentKey.parse(n)
	if !f.ok() {
		l.add(at, path, f)
		return
	}
	if l.cfg.Log.Components == nil {
		l.cfg.Log.Components = make(map[string]string)
	}
	l.cfg.Log.Components[name] = v.(string)
}

func findKey(keys []Key, path string) *Key {
	for i := range keys {
		if keys[i].Path == path {
			return &keys[i]
		}
	}
	return nil
}
