package line

import "errors"

// kv says which characters part pairs, and keys from values.
type kv struct {
	separates [256]bool
	assigns   [256]bool
}

func (d *Decoder) compileKV(opt Options, c *channels) error {
	d.parse = (*Decoder).parseKV
	if len(c.list) == 0 {
		return errors.New("outputs: kv needs the keys to look for; declare at least one output")
	}
	for i := range len(opt.Separator) {
		d.kv.separates[opt.Separator[i]] = true
	}
	for i := range len(opt.Assign) {
		d.kv.assigns[opt.Assign[i]] = true
	}
	return nil
}

func (d *Decoder) parseKV(line []byte) bool {
	pairs := 0
	for i := 0; i < len(line); {
		if d.kv.separates[line[i]] || blank(line[i]) {
			i++
			continue
		}
		var key []byte
		key, i = d.kv.token(line, i)
		at := skipBlanks(line, i)
		if at == len(line) || !d.kv.assigns[line[at]] {
			continue // a word between pairs: a unit, a title
		}
		if len(key) == 0 {
			return false
		}
		var text []byte
		text, i = d.kv.value(line, skipBlanks(line, at+1))
		pairs++
		out := d.find(key)
		if out < 0 {
			d.unknown++
			continue
		}
		if !d.put(out, text) {
			return false
		}
	}
	return pairs > 0
}

// token reads a key: up to what parts or assigns.
func (k *kv) token(line []byte, i int) (key []byte, end int) {
	end = i
	for end < len(line) && !k.separates[line[end]] && !k.assigns[line[end]] {
		end++
	}
	return trim(line[i:end]), end
}

// value reads up to what parts; an assigning character is part of it.
func (k *kv) value(line []byte, i int) (text []byte, end int) {
	end = i
	for end < len(line) && !k.separates[line[end]] {
		end++
	}
	return line[i:end], end
}

func skipBlanks(line []byte, i int) int {
	for i < len(line) && blank(line[i]) {
		i++
	}
	return i
}
