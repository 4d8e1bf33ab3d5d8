package main

import (
	"bytes"
	"crypto/md5" // #nosec G501
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// licence is a licence file: its path in the module cache, the checksum that
// the build checks (MD5 is what it knows) and its SPDX identifier.
type licence struct{ file, md5, spdx string }

// addLicences adds to each module the licence files that hold for the packages
// linked of it: of each the nearest, from its directory upwards.
func addLicences(all []module, linked []linkedPackage, cache string) error {
	for _, p := range linked {
		i := slices.IndexFunc(all, func(m module) bool { return m.path == p.path && !m.only })
		if i < 0 {
			return fmt.Errorf("%s is linked, but Go has not downloaded it", p.path)
		}
		file, err := nearest(p.dir, p.moduleDir)
		if err != nil {
			return err
		}
		l, err := read(file, cache)
		if err != nil {
			return err
		}
		if !slices.Contains(all[i].licences, l) {
			all[i].licences = append(all[i].licences, l)
		}
	}
	for _, m := range all {
		if len(m.licences) == 0 && !m.only {
			return fmt.Errorf("%s %s is downloaded, but nothing of it is linked", m.path, m.version)
		}
	}
	return nil
}

// nearest is the licence file in dir or in the next directory above that has one.
func nearest(dir, top string) (string, error) {
	for at := dir; len(at) >= len(top); at = filepath.Dir(at) {
		entries, err := os.ReadDir(at)
		if err != nil {
			return "", err
		}
		for _, e := range entries { // sorted by name
			name := strings.ToUpper(e.Name())
			if e.Type().IsRegular() && filepath.Ext(name) != ".GO" &&
				(strings.HasPrefix(name, "LICENSE") || strings.HasPrefix(name, "LICENCE") || strings.HasPrefix(name, "COPYING")) {
				return filepath.Join(at, e.Name()), nil
			}
		}
	}
	return "", fmt.Errorf("%s: no licence file from here up to %s", dir, top)
}

func read(file, cache string) (licence, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return licence{}, err
	}
	rel, err := filepath.Rel(cache, file)
	if err != nil {
		return licence{}, err
	}
	id, err := identify(string(text))
	if err != nil {
		return licence{}, fmt.Errorf("%s: %w", rel, err)
	}
	sum := md5.Sum(text) // #nosec G401
	return licence{filepath.ToSlash(rel), hex.EncodeToString(sum[:]), id}, nil
}

// identify tells the licence by sentences that only it has. What it does not
// know is for a person to look at.
func identify(text string) (string, error) {
	text = strings.Join(strings.Fields(text), " ")
	var ids []string
	if strings.Contains(text, "Apache License Version 2.0, January 2004") {
		ids = append(ids, "Apache-2.0")
	}
	if strings.Contains(text, "Permission is hereby granted, free of charge, to any person obtaining a copy") {
		ids = append(ids, "MIT")
	}
	if strings.Contains(text, "Redistribution and use in source and binary forms") {
		if strings.Contains(text, "Neither the name") {
			ids = append(ids, "BSD-3-Clause")
		} else {
			ids = append(ids, "BSD-2-Clause")
		}
	}
	if len(ids) != 1 {
		return "", fmt.Errorf("its text is that of %d licences that are known here, %q: add it to licences.go", len(ids), ids)
	}
	return ids[0], nil
}

// own is the licence of telhub itself, which the recipe names.
const own = "Apache-2.0"

// licensesInc adds the licences to the recipe's own. The operator is that of
// wrynose: later releases write AND.
func licensesInc(all []module) []byte {
	var ids, lines []string
	for _, m := range all {
		for _, l := range m.licences {
			if l.spdx != own {
				ids = append(ids, l.spdx)
			}
			lines = append(lines, fmt.Sprintf("    file://pkg/mod/%s;md5=%s;spdx=%s \\\n", l.file, l.md5, l.spdx))
		}
	}
	slices.Sort(ids)
	slices.Sort(lines)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%sLICENSE += \"& %s\"\n\nLIC_FILES_CHKSUM += \" \\\n%s\"\n", notice, strings.Join(slices.Compact(ids), " & "), strings.Join(lines, ""))
	return b.Bytes()
}
