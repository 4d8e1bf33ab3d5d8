package scan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/telhub/telhub/drivers/sysfs"
)

// guess is how lines of text may be read.
type guess struct {
	lines   uint64
	options []string
	sample  string
}

// least is how many lines in a row have to look alike.
const least = 3

// guessLines looks whether what came is lines of text that the engine line
// can read: JSON objects, key=value pairs or columns of numbers.
func guessLines(p []byte) (guess, bool) {
	lines := whole(string(p))
	if len(lines) < least {
		return guess{}, false
	}
	lines = lines[len(lines)-min(len(lines), 8):]
	g := guess{lines: uint64(len(lines)), sample: lines[len(lines)-1]}
	for _, try := range []func([]string) []string{jsonOptions, pairOptions, columnOptions} {
		if g.options = try(lines); g.options != nil {
			return g, true
		}
	}
	return guess{}, false
}

// whole gives the lines that arrived from beginning to end; nil where
// something is no text, as at a wrong speed.
func whole(text string) (lines []string) {
	_, text, _ = strings.Cut(text, "\n") // the first may be cut off
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		line = strings.TrimRight(line, "\r\n")
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r > '~' }) {
			return nil
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// jsonOptions reads flat JSON objects.
func jsonOptions(lines []string) []string {
	keys := map[string]bool{}
	for _, line := range lines {
		var m map[string]any
		if json.Unmarshal([]byte(line), &m) != nil {
			return nil
		}
		for k, v := range m {
			if _, isNumber := v.(float64); isNumber {
				keys[k] = true
			}
		}
	}
	return outOptions("json", slices.Sorted(maps.Keys(keys)))
}

// pairOptions reads key=value and key:value.
func pairOptions(lines []string) []string {
	keys := map[string]bool{}
	for _, line := range lines {
		found := 0
		for _, pair := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" ,;&|\t", r) }) {
			i := strings.IndexAny(pair, "=:")
			if i <= 0 {
				continue
			}
			if _, err := strconv.ParseFloat(pair[i+1:], 64); err == nil {
				keys[pair[:i]] = true
				found++
			}
		}
		if found == 0 {
			return nil
		}
	}
	return outOptions("kv", slices.Sorted(maps.Keys(keys)))
}

// outOptions gives each key an output of the nearest name that one can have.
func outOptions(format string, keys []string) []string {
	if len(keys) == 0 {
		return nil
	}
	var outs, names []string
	for _, k := range keys {
		name := sysfs.Name(k)
		if !sysfs.ValidName(name) {
			name = sysfs.Name("v_" + k)
		}
		if slices.Contains(names, name) || strings.ContainsFunc(k, func(r rune) bool { return r < ' ' }) {
			continue
		}
		names = append(names, name)
		outs = append(outs, fmt.Sprintf("%s = { key = %q }", name, k))
	}
	if len(outs) == 0 {
		return nil
	}
	return []string{"format = " + strconv.Quote(format), "out = { " + strings.Join(outs, ", ") + " } # add unit = \"Cel\" and the like"}
}

// columnOptions reads columns of numbers that all lines have.
func columnOptions(lines []string) []string {
	for _, sep := range []string{",", ";", "\t"} {
		if n := columns(lines, sep); n > 0 {
			names := make([]string, n)
			for i := range names {
				names[i] = fmt.Sprintf("%q", fmt.Sprintf("column%d", i+1))
			}
			o := []string{"columns = [" + strings.Join(names, ", ") + "] # name them; \"-\" passes one over"}
			if sep != "," {
				o = append(o, fmt.Sprintf("separator = %q", sep))
			}
			return o
		}
	}
	return nil
}

// columns counts the columns of numbers; 0 when lines differ.
func columns(lines []string, sep string) int {
	n := 0
	for i, line := range lines {
		cells := strings.Split(line, sep)
		if i > 0 && len(cells) != n {
			return 0
		}
		n = len(cells)
		for _, c := range cells {
			if _, err := strconv.ParseFloat(strings.TrimSpace(c), 64); err != nil {
				return 0
			}
		}
	}
	return n
}
