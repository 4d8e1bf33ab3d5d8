// Package docs holds the Markdown documents of the project against each other
// and against what they name: links, anchors, targets of make, scripts.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

const root = ".."

// documents returns every Markdown file of the project by its path below root.
// What tests cache and what is built is none of it.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (name == "dist" || name == "bin" || strings.HasPrefix(name, ".") && name != ".github") {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(root, path)
		all[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 40 {
		t.Fatalf("found %d documents below %s: that cannot be all", len(all), root)
	}
	return all
}

var (
	fence   = regexp.MustCompile("^\\s*(```+|~~~+)")
	span    = regexp.MustCompile("`[^`]*`")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`^#{1,6} +(.*?)[ #]*$`)
)

// prose returns a document without its fenced blocks; a block that does not
// end is told by ok.
func prose(text string) (out string, ok bool) {
	var b strings.Builder
	open := ""
	for line := range strings.Lines(text) {
		switch m := fence.FindStringSubmatch(line); {
		case m != nil && open == "":
			open = m[1]
		case m != nil && strings.HasPrefix(m[1], open):
			open = ""
		case open == "":
			b.WriteString(line)
		}
	}
	return b.String(), open == ""
}

// anchors are the names that a forge gives the headings of a document: letters,
// digits, hyphens and underscores in lower case, hyphens for spaces, and a
// number behind the second of the same name.
func anchors(text string) map[string]bool {
	text, _ = prose(text)
	all, seen := make(map[string]bool), make(map[string]int)
	for line := range strings.Lines(text) {
		m := heading.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			continue
		}
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(m[1], "$1"))
		n := seen[name]
		seen[name]++
		if n > 0 {
			name += "-" + strconv.Itoa(n)
		}
		all[name] = true
	}
	return all
}

// broken returns what is wrong with a link from a document, or "".
func broken(all map[string]string, from, target string) string {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return ""
	}
	file, anchor, _ := strings.Cut(target, "#")
	path := from
	if file != "" {
		path = filepath.Join(filepath.Dir(from), file)
	}
	if _, err := os.Stat(filepath.Join(root, path)); err != nil {
		return path + " is not there"
	}
	if text, ok := all[path]; anchor != "" && (!ok || !anchors(text)[anchor]) {
		return path + " has no heading #" + anchor
	}
	return ""
}

func TestLinks(t *testing.T) {
	all, count := documents(t), 0
	for from, text := range all {
		text, ok := prose(text)
		if !ok {
			t.Errorf("%s: a block that begins with ``` does not end", from)
		}
		for _, m := range link.FindAllStringSubmatch(span.ReplaceAllString(text, ""), -1) {
			count++
			if why := broken(all, from, m[1]); why != "" {
				t.Errorf("%s: link to %s: %s", from, m[1], why)
			}
		}
	}
	if count < 150 {
		t.Errorf("found %d links: that cannot be all", count)
	}
}

// The test above is worth something only if it sees what is wrong.
func TestBrokenLinksAreSeen(t *testing.T) {
	all := map[string]string{"docs/packages.md": "# Packages\n\n## ttp, `x`\n\n```sh\n# no heading\n```\n## Same\n## Same\n"}
	for target, want := range map[string]bool{
		"packages.md":            false,
		"packages.md#packages":   false,
		"packages.md#ttp-x":      false,
		"#same-1":                false,
		"../README.md":           false,
		"https://example.org/#x": false,
		"packages.md#no-heading": true,
		"#same-2":                true,
		"packagse.md":            true,
		"docs/packages.md":       true,
	} {
		if why := broken(all, "docs/packages.md", target); (why != "") != want {
			t.Errorf("link to %s: %q, want broken %v", target, why, want)
		}
	}
}

// Commands that a reader copies: targets of make, and scripts, in blocks and
// between backquotes.
func TestCommandsExist(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	targets := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):`).FindAllStringSubmatch(string(makefile), -1) {
		targets[m[1]] = true
	}
	code := regexp.MustCompile("(?m)`[^`\n]*`|^(?: {4}|\t).*$")
	command := regexp.MustCompile("^[`\\s]*(?:sudo )?(?:[A-Z_]+=\\S+ )*make (?:[A-Z_]+=\\S+ )*([a-z][a-z0-9-]*)")
	script := regexp.MustCompile(`(?:^|[\s` + "`" + `])(scripts/[\w/-]+\.sh|(?:deployment|processing|systemd|yocto)/[\w/.-]+\.(?:sh|yml|yaml|json|toml|conf))\b`)
	count := 0
	for file, text := range documents(t) {
		for _, c := range code.FindAllString(text, -1) {
			for _, m := range command.FindAllStringSubmatch(c, -1) {
				count++
				if !targets[m[1]] {
					t.Errorf("%s: make %s is no target of the Makefile: %s", file, m[1], c)
				}
			}
			for _, m := range script.FindAllStringSubmatch(c, -1) {
				count++
				if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
					t.Errorf("%s names %s, which is not there", file, m[1])
				}
			}
		}
	}
	if count < 80 {
		t.Errorf("found %d commands: that cannot be all", count)
	}
}
