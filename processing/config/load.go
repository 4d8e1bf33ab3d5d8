package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"

	"github.com/telhub/telhub/internal/toml"
)

// Default returns the configuration of an empty file.
func Default() *Config {
	c := &Config{}
	for i := range rootKeys {
		setDefault(&rootKeys[i], target{cfg: c})
	}
	return c
}

// setDefault stores a key's default, which a test has seen to be valid.
func setDefault(k *key, t target) {
	if k.def == "" {
		return
	}
	v, f := k.parse(&toml.Node{Kind: toml.Untyped, Text: k.def})
	if !f.ok() {
		panic("config: default of " + k.path + ": " + f.Msg)
	}
	assign(k.field(t), v)
}

// Load reads the configuration: defaults, the file at path, then those
// elements of env ("NAME=value", as os.Environ gives) that concern it. An
// empty path means no file. An error is Problems, all of them.
func Load(path string, env []string) (*Config, error) {
	if path == "" {
		return Parse("", nil, env)
	}
	data, err := readFile(path)
	if err != nil {
		return nil, Problems{unreadableConfig(path, err)}
	}
	return Parse(path, data, env)
}

// unreadableConfig says what to do about a file that could not be read. Packages make
// it readable to root and the service only: it may hold a password.
func unreadableConfig(path string, err error) Problem {
	p := Problem{Source: path, Msg: "cannot be read: " + reason(err), Cure: "check the path and its permissions"}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.Cure = "write one with: ttp check --example > " + path
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

// Parse is Load for a file that is in memory; name stands for it in messages.
func Parse(name string, data []byte, env []string) (*Config, error) {
	root, mistakes, ok := toml.Read(data)
	l := &loader{file: name, cfg: Default(), set: make(map[string]place)}
	l.cfg.file = name
	for _, m := range mistakes {
		l.add(place{source: name, line: m.Line}, m.Path, fault(m.Fault))
	}
	if !ok {
		return nil, l.problems.OrNil()
	}
	l.table(root, "")
	l.handlers(root.Fields["handler"])
	l.environment(env)
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
	set      map[string]place // keys that the file or the environment set, also "handler.TYPE.key"
	problems Problems
}

func (l *loader) add(at place, path string, f fault) {
	l.problems = append(l.problems, Problem{
		Source: at.source, Line: at.line, Path: path, Value: at.shown, Msg: f.Msg, Cure: f.Cure,
	})
}

// at gives a node's place in the file; a secret is shown without its password.
func (l *loader) at(k *key, n *toml.Node) place {
	at := place{l.file, n.Line, n.Shown()}
	if k != nil && k.secret && n.Kind == toml.Text {
		at.shown = strconv.Quote(toml.Shorten(Redacted(n.Text)))
	}
	return at
}

// put checks a value and stores it under its key.
func (l *loader) put(k *key, path string, at place, n *toml.Node, t target) {
	v, f := k.parse(n)
	if !f.ok() {
		l.add(at, path, f)
		return
	}
	assign(k.field(t), v)
	l.set[path] = at
	if t.cfg != nil {
		if t.cfg.set == nil {
			t.cfg.set = make(map[string]bool)
		}
		t.cfg.set[path] = true
	}
}

// table reads a table of root keys; prefix is its path.
func (l *loader) table(t *toml.Node, prefix string) {
	for _, name := range t.Keys {
		n, path := t.Fields[name], join(prefix, name)
		k := findKey(rootKeys, path)
		switch {
		case k != nil:
			l.put(k, path, l.at(k, n), n, target{cfg: l.cfg})
		case path == "handler":
			// Read when all else is known.
		case isSection(path) && n.Kind == toml.Table:
			l.table(n, path)
		case isSection(path):
			l.add(l.at(nil, n), path, fault{"is " + n.Kind.String(), "write it as a table: [" + path + "]"})
		default:
			l.unknown(n, prefix, name)
		}
	}
}

func findKey(keys []key, path string) *key {
	for i := range keys {
		if keys[i].path == path {
			return &keys[i]
		}
	}
	return nil
}
