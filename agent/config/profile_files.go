package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/telhub/telhub/drivers/profile"
	"github.com/telhub/telhub/internal/spell"
	"github.com/telhub/telhub/internal/toml"
)

// profileDir is the directory beside the configuration whose files hold
// profiles: /etc/telhub.d beside /etc/telhub.toml.
const profileDir = "telhub.d"

// maxProfileFiles bounds what is read of it.
const maxProfileFiles = 256

// document is a file that was read.
type document struct {
	name string
	data []byte
}

// profileSources reads the files beside the configuration at path, in the
// order of their names. That there is no directory is no problem.
func profileSources(path string) (list []document, problems Problems) {
	dir := filepath.Join(filepath.Dir(path), profileDir)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, Problems{unreadable(dir, err)}
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool {
		return !strings.HasSuffix(e.Name(), ".toml") || strings.HasPrefix(e.Name(), ".")
	})
	if len(entries) > maxProfileFiles {
		return nil, Problems{{Source: dir, Msg: "holds more than 256 .toml files", Cure: "a file may hold many profiles: put them together"}}
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		data, err := readFile(name)
		if err != nil {
			problems = append(problems, unreadable(name, err))
			continue
		}
		list = append(list, document{name, data})
	}
	return list, problems
}

func unreadable(name string, err error) Problem {
	return Problem{Source: name, Msg: "cannot be read: " + reason(err), Cure: "check its permissions, or remove it"}
}

// profileFile reads one of those files, which holds profiles and nothing else.
func (l *loader) profileFile(s document) {
	main := l.file
	l.file = s.name
	defer func() { l.file = main }()
	root, mistakes, ok := toml.Read(s.data)
	for _, m := range mistakes {
		l.add(place{source: s.name, line: m.Line}, m.Path, fault(m.Fault))
	}
	if !ok {
		return
	}
	for _, name := range root.Keys {
		if name != "profile" {
			cure := "move it to the configuration itself"
			if spell.Nearest(name, []string{"profile"}) != "" {
				cure = "did you mean profile?"
			}
			l.add(l.line(root.Fields[name]), toml.Shorten(name), fault{"a file in " + profileDir + " holds [profile.NAME] tables only", cure})
		}
	}
	l.profiles(root.Fields["profile"])
}

// UserProfile is a profile that a user describes.
type UserProfile struct {
	Program *profile.Program
	File    string
	Text    string // as it stands there, comments included
}

// LoadProfiles reads the profiles that the configuration at path and the files
// beside it describe, by name, and nothing else of them: a configuration that
// is wrong elsewhere, or does not exist yet, is none of its business. An error
// is Problems.
func LoadProfiles(path string) (map[string]UserProfile, error) {
	sources, problems := profileSources(path)
	main, err := readFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		problems = append(problems, unreadable(path, err))
	}
	l := newLoader(path)
	l.problems = problems
	all := make(map[string]UserProfile)
	collect := func(s document, read func()) {
		read()
		root, _, ok := toml.Read(s.data)
		if !ok || root.Fields["profile"] == nil {
			return
		}
		for _, name := range root.Fields["profile"].Keys {
			if p := l.cfg.Profiles[name]; p != nil && l.places["profile."+name].source == s.name {
				all[name] = UserProfile{p, s.name, textOf(s.data, root, name)}
			}
		}
	}
	collect(document{path, main}, func() {
		if root, mistakes, ok := toml.Read(main); ok {
			l.profiles(root.Fields["profile"])
		} else {
			l.add(place{source: path, line: mistakes[0].Line}, mistakes[0].Path, fault(mistakes[0].Fault))
		}
	})
	for _, s := range sources {
		collect(s, func() { l.profileFile(s) })
	}
	return all, l.problems.OrNil()
}

// textOf gives the lines of a document that describe the profile of that name,
// and the comments above them.
func textOf(data []byte, root *toml.Node, name string) string {
	owner := make(map[int]bool) // line on which a value or table begins → it is the profile's
	begin(root, owner, false)
	begin(root.Fields["profile"].Fields[name], owner, true)
	var out, comments strings.Builder
	inside, number := false, 0
	for line := range strings.Lines(string(data)) {
		number++
		own, begins := owner[number]
		text := strings.TrimSpace(line)
		switch {
		case begins:
			if own && !inside && out.Len() > 0 {
				out.WriteByte('\n') // instead of what stood between two pieces
			}
			inside = own
		case text == "" && !inside:
			comments.Reset() // a gap: what stands above it belongs to something else
			continue
		case text == "" || strings.HasPrefix(text, "#"):
			comments.WriteString(line) // of what follows
			continue
		}
		if inside {
			out.WriteString(comments.String() + line)
		}
		comments.Reset()
	}
	return strings.TrimSuffix(out.String(), "\n") + "\n"
}

// begin notes the lines on which n and what is in it begin.
func begin(n *toml.Node, owner map[int]bool, own bool) {
	if n.Line > 0 {
		owner[n.Line] = own
	}
	for _, key := range n.Keys {
		begin(n.Fields[key], owner, own)
	}
	for _, it := range n.Items {
		begin(it, owner, own)
	}
}
