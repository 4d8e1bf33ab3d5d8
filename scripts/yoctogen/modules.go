package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// program and tags are what the recipe builds, and how.
const (
	program = "./agent/cmd/telhub"
	tags    = "nethttpomithttp2"
)

// architectures may link different modules; one list serves all.
var architectures = [...]string{"arm64", "arm", "amd64"}

// module is a module of which cmd/telhub links something; or, with only, one of
// which Go wants to read the go.mod and nothing else.
type module struct {
	path, version string
	sum           string // SHA-256 of the zip file or the go.mod, as the fetcher checks it
	only          bool
	licences      []licence
}

// modules lists the linked modules, sorted by path. It builds a module cache of
// its own from the user's one, so that what it finds is what a build without a
// network needs, and so that Go compares each zip file with go.sum. Only what
// the user's cache lacks comes from the network.
func modules(root, modfile string) ([]module, error) {
	cache, err := os.MkdirTemp("", "yoctogen")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(cache)
	var linked []linkedPackage
	for _, arch := range architectures {
		packages, err := list(root, modfile, cache, arch)
		if err != nil {
			return nil, err
		}
		linked = append(linked, packages...)
	}
	all, err := downloads(filepath.Join(cache, "cache", "download"))
	if err != nil {
		return nil, err
	}
	return all, addLicences(all, linked, cache)
}

// linkedPackage is a package of another module: both directories are in the cache.
type linkedPackage struct{ path, moduleDir, dir string }

// list lists the packages of other modules that the program links on arch.
func list(root, modfile, cache, arch string) ([]linkedPackage, error) {
	proxies, err := proxies(root)
	if err != nil {
		return nil, err
	}
	const format = "{{with .Module}}{{if .Version}}{{.Path}}\t{{.Dir}}\t{{$.Dir}}{{end}}{{end}}"
	cmd := exec.Command("go", "list", "-deps", "-modfile", modfile, "-tags", tags, "-f", format, program)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOWORK=off",
		"GOFLAGS=-mod=readonly -modcacherw -buildvcs=false", "GOMODCACHE="+cache, "GOPROXY="+proxies)
	out, err := output(cmd)
	if err != nil {
		return nil, err
	}
	var packages []linkedPackage
	for line := range strings.Lines(out) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 3 {
			packages = append(packages, linkedPackage{f[0], f[1], f[2]})
		}
	}
	return packages, nil
}

// proxies is the user's module cache, and then where the user gets modules from.
func proxies(root string) (string, error) {
	cmd := exec.Command("go", "env", "GOMODCACHE", "GOPROXY")
	cmd.Dir = root
	out, err := output(cmd)
	if err != nil {
		return "", err
	}
	cache, rest, _ := strings.Cut(strings.TrimSpace(out), "\n")
	return "file://" + filepath.ToSlash(filepath.Join(cache, "cache", "download")) + "," + rest, nil
}

func output(cmd *exec.Cmd) (string, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args[:2], " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return string(out), nil
}

// downloads lists what Go has put into a module cache's download directory.
func downloads(dir string) ([]module, error) {
	found := map[[2]string]module{}
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		ext := filepath.Ext(path)
		if err != nil || ext != ".zip" && ext != ".mod" || filepath.Base(filepath.Dir(path)) != "@v" {
			return err
		}
		escaped, err := filepath.Rel(dir, filepath.Dir(filepath.Dir(path)))
		if err != nil {
			return err
		}
		m := module{path: unescape(filepath.ToSlash(escaped)), version: unescape(strings.TrimSuffix(filepath.Base(path), ext)), only: ext == ".mod"}
		key := [2]string{m.path, m.version}
		if old, ok := found[key]; ok && !old.only {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		m.sum = hex.EncodeToString(sum[:])
		found[key] = m
		return nil
	})
	all := make([]module, 0, len(found))
	for _, m := range found {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b module) int {
		return strings.Compare(a.path+" "+a.version, b.path+" "+b.version)
	})
	return all, err
}

// unescape undoes the module cache's spelling of capital letters: !x is X.
func unescape(s string) string {
	var b strings.Builder
	for i, part := range strings.Split(s, "!") {
		if i > 0 && part != "" {
			part = strings.ToUpper(part[:1]) + part[1:]
		}
		b.WriteString(part)
	}
	return b.String()
}

const notice = "# Written by `make yocto-mods` from go.mod and go.sum; `go test` checks it.\n"

// modsInc is the list of modules for the gomod:// fetcher.
func modsInc(all []module) []byte {
	var b bytes.Buffer
	b.WriteString(notice + "SRC_URI += \" \\\n")
	for _, m := range all {
		fmt.Fprintf(&b, "    gomod://%s;version=%s;", m.path, m.version)
		if m.only {
			b.WriteString("mod=1;")
		}
		fmt.Fprintf(&b, "sha256sum=%s \\\n", m.sum)
	}
	b.WriteString("\"\n")
	return b.Bytes()
}
