package main

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

func TestTheRecipesFilesAgreeWithGoModAndGoSum(t *testing.T) {
	want, err := generate(root, "go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if err := compare(filepath.Join(root, recipe), want); err != nil {
		t.Fatal(err)
	}
	mods := string(want["telhub-go-mods.inc"])
	first := regexp.MustCompile(`gomod://(\S+?);version=(\S+?);sha256sum=([0-9a-f]{64})`).FindStringSubmatch(mods)
	if first == nil {
		t.Fatalf("no module in\n%s", mods)
	}
	for name, text := range map[string]string{
		"another checksum":    strings.Replace(mods, first[3], strings.Repeat("0", 64), 1),
		"another version":     strings.Replace(mods, first[2], first[2]+"1", 1),
		"a module less":       strings.Replace(mods, "    "+first[0]+" \\\n", "", 1),
		"a module more":       strings.Replace(mods, "\"\n", "    gomod://example.org/m;version=v1.0.0;sha256sum="+first[3]+" \\\n\"\n", 1),
		"the end is cut off":  mods[:len(mods)/2],
		"a line feed at last": mods + "\n",
	} {
		other := maps.Clone(want)
		other["telhub-go-mods.inc"] = []byte(text)
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "files"), 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range other {
			if err := os.WriteFile(filepath.Join(dir, file), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := compare(dir, want); err == nil || !strings.Contains(err.Error(), "telhub-go-mods.inc:") {
			t.Errorf("%s: got %v, want an error that names the file", name, err)
		}
	}
}

// Go compares the zip files of a fresh module cache with go.sum, so that the
// checksums written for the recipe are of what go.sum means.
func TestAZipThatGoSumDoesNotMeanIsRefused(t *testing.T) {
	dir := t.TempDir()
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^(golang\.org/x/sys v\S+ h1:)\S{4}`)
	changed := line.ReplaceAll(sums, []byte("${1}AAAA"))
	if bytes.Equal(changed, sums) {
		t.Fatal("go.sum names no golang.org/x/sys")
	}
	for name, text := range map[string][]byte{"x.mod": mod, "x.sum": changed} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := generate(root, filepath.Join(dir, "x.mod")); err == nil || !strings.Contains(err.Error(), "checksum mismatch") {
		t.Errorf("got %v, want a checksum mismatch", err)
	}
}

// What the recipe repeats of other files is as they have it.
func TestTheRecipeAgreesWithTheRestOfTheRepository(t *testing.T) {
	text := readFile(t, recipe, "telhub_git.bb")
	makefile := readFile(t, "Makefile")
	if built := regexp.MustCompile(`(?m)^TAGS\s*= (.*)$`).FindStringSubmatch(makefile); built == nil || built[1] != tags || !strings.Contains(text, "-tags="+tags+`"`) {
		t.Errorf("build tags: Makefile %q, yoctogen %q; the recipe must name the same", built, tags)
	}
	for _, flag := range []string{"-X main.version=", "-X main.built=", "-buildid= "} {
		if !strings.Contains(makefile, flag) || !strings.Contains(text, flag) {
			t.Errorf("%q: Makefile and recipe must both set it", flag)
		}
	}
	sum := md5.Sum([]byte(readFile(t, "LICENSE")))
	if want := "/LICENSE;md5=" + hex.EncodeToString(sum[:]); !strings.Contains(text, want) {
		t.Errorf("the recipe's checksum of LICENSE is not %s", want)
	}
	installed := regexp.MustCompile(`(?m)^put \d+ (\S+) `).FindAllStringSubmatch(readFile(t, "scripts", "install.sh"), -1)
	if len(installed) == 0 {
		t.Fatal("scripts/install.sh installs nothing")
	}
	for _, file := range installed {
		if !strings.Contains(text, "${TELHUB_SYSTEMD}/"+file[1]+" ") {
			t.Errorf("the recipe does not install systemd/%s, scripts/install.sh does", file[1])
		}
	}
}

// A unit of the layer that no recipe fetches is in no image.
func TestEveryFileOfTheLayerIsUsed(t *testing.T) {
	layer := filepath.Join(root, "yocto", "meta-telhub")
	var recipes strings.Builder
	var files []string
	err := filepath.WalkDir(layer, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.Contains(path, "/files/") && !strings.Contains(path, "/wic/") {
			files = append(files, path)
			return nil
		}
		text, err := os.ReadFile(path)
		recipes.Write(text)
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		name := filepath.Base(f)
		// The class of RAUC's configuration fetches this one by its name.
		if name != "system.conf" && !strings.Contains(recipes.String(), "file://"+name) {
			t.Errorf("no recipe fetches %s", f)
		}
	}
}

func TestIdentify(t *testing.T) {
	const bsd = "Redistribution and use in source and binary forms, with or without\nmodification, ..."
	for text, want := range map[string]string{
		"Apache License\n   Version 2.0, January 2004":                                     "Apache-2.0",
		"Permission is hereby granted, free of charge, to any person\nobtaining a copy of": "MIT",
		bsd:                                      "BSD-2-Clause",
		bsd + "\nNeither the name of the holder": "BSD-3-Clause",
	} {
		if got, err := identify(text); got != want || err != nil {
			t.Errorf("identify(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", "GNU GENERAL PUBLIC LICENSE", bsd + "Permission is hereby granted, free of charge, to any person obtaining a copy"} {
		if got, err := identify(text); err == nil {
			t.Errorf("identify(%q) = %q, want an error", text, got)
		}
	}
}

func TestUnescape(t *testing.T) {
	for escaped, want := range map[string]string{"github.com/!burnt!sushi/toml": "github.com/BurntSushi/toml", "!a!b": "AB", "golang.org/x/sys": "golang.org/x/sys"} {
		if got := unescape(escaped); got != want {
			t.Errorf("unescape(%q) = %q, want %q", escaped, got, want)
		}
	}
}

func readFile(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
