// Command yoctogen writes what the recipe of telhub cannot find out without a
// network: the modules that cmd/telhub links with the checksums of their zip
// files, the licences of those modules, and the configuration that `telhub
// init` prints. It runs in the root of the repository: yoctogen [--check].
// With --check it writes nothing and fails where a file is not what it would
// write. `go test` checks the same.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/telhub/telhub/agent/config"
)

// recipe is the recipe's directory, from the repository's root.
const recipe = "yocto/meta-telhub/recipes-telhub/telhub"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "yoctogen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	check := len(args) == 1 && args[0] == "--check"
	if len(args) > 0 && !check {
		return errors.New("usage: yoctogen [--check]")
	}
	want, err := generate(".", "go.mod")
	if err != nil {
		return err
	}
	if check {
		return compare(recipe, want)
	}
	for name, text := range want {
		if err := os.WriteFile(filepath.Join(recipe, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns the files, by their names in the recipe's directory, for the
// repository in root as modfile, and the .sum file beside it, have it.
func generate(root, modfile string) (map[string][]byte, error) {
	linked, err := modules(root, modfile)
	if err != nil {
		return nil, err
	}
	var toml bytes.Buffer
	if err := config.Init(&toml); err != nil {
		return nil, err
	}
	return map[string][]byte{
		"telhub-go-mods.inc":  modsInc(linked),
		"telhub-licenses.inc": licensesInc(linked),
		"files/telhub.toml":   toml.Bytes(),
	}, nil
}

// compare reports each file of dir that is not as wanted, with the first line
// that differs.
func compare(dir string, want map[string][]byte) error {
	var problems []error
	for name, text := range want {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, fmt.Errorf("%s is missing: run `make yocto-mods`", name))
			continue
		}
		if err != nil {
			return err
		}
		if line, has, wants, differ := difference(got, text); differ {
			problems = append(problems, fmt.Errorf("%s:%d disagrees with go.mod, go.sum or the code: run `make yocto-mods`\n\thas   %s\n\twants %s", name, line, has, wants))
		}
	}
	return errors.Join(problems...)
}

// difference finds the first line in which got and want differ, counted from 1.
func difference(got, want []byte) (line int, has, wants string, differ bool) {
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range max(len(g), len(w)) {
		var a, b []byte
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if !bytes.Equal(a, b) {
			return i + 1, string(a), string(b), true
		}
	}
	return 0, "", "", !bytes.Equal(got, want)
}
