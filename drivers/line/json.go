package line

import (
	"errors"
	"math"

	"github.com/telhub/telhub/drivers/ascii"
)

const (
	maxDepth = 8   // objects and arrays within each other
	maxPath  = 128 // bytes of a dotted key; longer ones belong to no output
)

// json is the scanner's state over one line (RFC 8259's grammar, in which we
// also accept nan and inf for a value, as printf writes them).
type json struct {
	line []byte
	at   int
	path [maxPath]byte // keys from the outermost object to here, joined by dots
}

func (d *Decoder) compileJSON(c *channels) error {
	d.parse = (*Decoder).parseJSON
	d.proves = true
	if len(c.list) == 0 {
		return errors.New("outputs: json needs the keys to look for; declare at least one output")
	}
	return nil
}

func (d *Decoder) parseJSON(line []byte) bool {
	d.json.line, d.json.at = line, 0
	ok := d.json.peek() == '{' && d.jsonObject(0, 1)
	d.json.line = nil
	return ok && d.json.at == len(line)
}

// jsonObject reads an object whose members' keys begin after path[:n]; n < 0
// inside an array or under a key that is too long, where nothing is read.
func (d *Decoder) jsonObject(n, depth int) bool {
	j := &d.json
	j.at++ // {
	if j.peek() == '}' {
		j.at++
		return true
	}
	for {
		key, ok := j.text()
		if !ok || j.peek() != ':' {
			return false
		}
		j.at++
		if !d.jsonValue(j.push(n, key), depth) {
			return false
		}
		switch j.peek() {
		case ',':
			j.at++
			if j.peek() != '"' {
				return false
			}
		case '}':
			j.at++
			return true
		default:
			return false
		}
	}
}

// jsonValue reads the value of the key path[:n].
func (d *Decoder) jsonValue(n, depth int) bool {
	j := &d.json
	switch c := j.peek(); c {
	case '{':
		return depth < maxDepth && d.jsonObject(n, depth+1)
	case '[':
		return depth < maxDepth && d.jsonArray(depth+1)
	case '"':
		text, ok := j.text()
		return ok && d.jsonScalar(n, text, true)
	}
	return d.jsonScalar(n, j.bare(), false)
}

// jsonArray checks an array without reading it.
func (d *Decoder) jsonArray(depth int) bool {
	j := &d.json
	j.at++ // [
	if j.peek() == ']' {
		j.at++
		return true
	}
	for {
		if !d.jsonValue(-1, depth) {
			return false
		}
		switch j.peek() {
		case ',':
			j.at++
		case ']':
			j.at++
			return true
		default:
			return false
		}
	}
}

// jsonScalar stages text if path[:n] is an output's key. A string that is no
// number says that the device has none: the output is marked bad.
func (d *Decoder) jsonScalar(n int, text []byte, quoted bool) bool {
	out := -1
	if n >= 0 {
		out = d.find(d.json.path[:n])
	}
	v, ok := value(trim(text))
	if !ok && !quoted {
		return false
	}
	switch {
	case out < 0:
		d.unknown++
	case ok:
		d.stage(out, v)
	case len(trim(text)) > 0:
		d.stage(out, math.NaN())
	}
	return true
}

// push appends key to path[:n] and gives the new length, or -1 if it does not fit.
func (j *json) push(n int, key []byte) int {
	if n < 0 || n+1+len(key) > maxPath {
		return -1
	}
	if n > 0 {
		j.path[n] = '.'
		n++
	}
	return n + copy(j.path[n:], key)
}

// peek gives the next character that is not blank; 0 at the end.
func (j *json) peek() byte {
	for j.at < len(j.line) && blank(j.line[j.at]) {
		j.at++
	}
	if j.at == len(j.line) {
		return 0
	}
	return j.line[j.at]
}

// text reads a string and gives what stands between its quotes.
func (j *json) text() (text []byte, ok bool) {
	if j.peek() != '"' {
		return nil, false
	}
	begin := j.at + 1
	for i := begin; i < len(j.line); i++ {
		switch j.line[i] {
		case '"':
			j.at = i + 1
			return j.line[begin:i], true
		case '\\':
			n := escape(j.line[i+1:])
			if n == 0 {
				return nil, false
			}
			i += n
		}
	}
	return nil, false
}

// escape gives the length of the escape after a backslash; 0 for none.
func escape(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch b[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 1
	case 'u':
		for i := 1; i <= 4; i++ {
			if i >= len(b) {
				return 0
			}
			if _, ok := ascii.Hex(b[i]); !ok {
				return 0
			}
		}
		return 5
	}
	return 0
}

// bare reads a number or a word.
func (j *json) bare() []byte {
	begin := j.at
	for j.at < len(j.line) {
		switch j.line[j.at] {
		case ',', '}', ']', ' ', '\t', '"', '{', '[', ':':
			return j.line[begin:j.at]
		}
		j.at++
	}
	return j.line[begin:]
}
