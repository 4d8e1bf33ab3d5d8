package config

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const exampleHead = `# The configuration of ttp.
#
# Lines that begin with "# " explain. Lines that begin with # alone are keys with
# their defaults, or examples: delete the # to use them. "ttp check" says what is
# wrong with this file. Environment variables go before it: TTP_WORKER_COUNT
# sets worker.count.
`

const exampleTail = `
# Handlers: what "ttp run" does with tasks of a type, beside the types echo and
# sleep, which it always knows. Only the commands named here are ever run.
#[handler.invoice]
#kind = "http"
#url = "http://127.0.0.1:8080/invoice"
#headers = ["Content-Type: application/json"]
#timeout = "30s"

#[handler.report]
#kind = "exec"
#command = ["/usr/local/bin/report", "--from-stdin"]
`

// Example writes a configuration to begin with: every key with its meaning and
// its default, all commented out, and examples of handlers. Load accepts it as
// it is, and also with all that uncommented.
func Example(w io.Writer) error {
	b := bufio.NewWriter(w)
	b.WriteString(exampleHead)
	section := ""
	for i := range rootKeys {
		k := &rootKeys[i]
		in, name := splitPath(k.path)
		if in != section {
			fmt.Fprintf(b, "\n#[%s]\n", in)
			section = in
		}
		wrap(b, k.describe())
		fmt.Fprintf(b, "#%s = %s\n", name, k.defaultTOML())
	}
	b.WriteString(exampleTail)
	return b.Flush()
}

// describe gives the key's doc with what values it takes.
func (k *key) describe() string {
	s := k.doc
	switch {
	case len(k.allowed) > 0:
		s += " One of " + strings.Join(k.allowed, ", ") + "."
	case k.min != "" && k.max != "":
		s += " From " + k.min + " to " + k.max + "."
	case k.def == "":
		s += " Example: " + k.example + "."
	}
	return s
}

// defaultTOML gives the default as the file would hold it.
func (k *key) defaultTOML() string {
	switch {
	case k.kind == whole || k.kind == number:
		return k.def
	case k.kind == texts && k.def != "":
		return "[" + strconv.Quote(k.def) + "]"
	}
	return strconv.Quote(k.def)
}

// wrap writes text as comment lines of at most some 88 characters.
func wrap(w io.Writer, text string) {
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 88 {
			fmt.Fprintln(w, line)
			line = "#"
		}
		line += " " + word
	}
	fmt.Fprintln(w, line)
}
