package profiles

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/telhub/telhub/drivers/profile"
	"github.com/telhub/telhub/internal/toml"
)

//go:embed *.toml
var files embed.FS

// Names lists the profiles in alphabetical order.
func Names() []string {
	entries, _ := fs.ReadDir(files, ".") // of an embedded directory, which cannot fail
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), path.Ext(e.Name())))
	}
	return names
}

// Source gives a profile's TOML, comments included.
func Source(name string) (text string, ok bool) {
	if strings.ContainsRune(name, '/') {
		return "", false
	}
	b, err := files.ReadFile(name + ".toml")
	return string(b), err == nil
}

// Lookup compiles the profile of that name; ok is false when there is none.
// An error means that the shipped file itself is wrong.
func Lookup(name string) (p *profile.Program, ok bool, err error) {
	text, ok := Source(name)
	if !ok {
		return nil, false, nil
	}
	p, err = compile(name, text)
	return p, true, err
}

// All compiles all profiles, in the order of Names.
func All() ([]*profile.Program, error) {
	var all []*profile.Program
	for _, name := range Names() {
		p, _, err := Lookup(name)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// compile reads a file with the one table profile.NAME.
func compile(name, text string) (*profile.Program, error) {
	root, mistakes, ok := toml.Read([]byte(text))
	if !ok || len(mistakes) > 0 {
		return nil, fmt.Errorf("profile %s: %v", name, mistakes)
	}
	table, found := root.Find("profile." + name)
	if !found || len(root.Keys) != 1 || len(root.Fields["profile"].Keys) != 1 {
		return nil, fmt.Errorf("profile %s: want the one table [profile.%s]", name, name)
	}
	tree, ok := table.Plain().(map[string]any)
	if !ok {
		return nil, fmt.Errorf("profile %s: [profile.%s] is no table", name, name)
	}
	p, problems := profile.Compile(name, tree)
	if len(problems) > 0 {
		return nil, fmt.Errorf("profile %s: %v", name, problems)
	}
	return p, nil
}
