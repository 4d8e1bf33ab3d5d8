// Package treetest makes the file trees that stand for boards in tests. Nothing
// but tests imports it.
package treetest

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Grow makes a root directory of files by their paths; one of a later map goes
// before one of an earlier. A text that begins with "->" is a link.
func Grow(t testing.TB, trees ...map[string]string) string {
	t.Helper()
	root, all := t.TempDir(), make(map[string]string)
	for _, files := range trees {
		maps.Copy(all, files)
	}
	for name, text := range all {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, link := strings.CutPrefix(text, "->"); link {
			err = os.Symlink(to, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}
