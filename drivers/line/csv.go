package line

import (
	"errors"
	"fmt"
)

// csv is the layout of the columns.
type csv struct {
	separator byte
	header    bool
	names     []string          // as configured; the header to pass over
	columns   [maxColumns]int16 // output of each column; -1 passes it over
	n         int               // number of columns; 0 until a header came
	scratch   [maxColumns]int16
}

func (d *Decoder) compileCSV(opt Options, c *channels) error {
	d.parse = (*Decoder).parseCSV
	d.csv.separator, d.csv.header, d.csv.names = opt.Separator[0], opt.Header, opt.Columns
	if len(opt.Columns) == 0 && !opt.Header {
		return errors.New(`columns: csv needs their names in order, as in ["temperature", "-", "humidity"], or header = true`)
	}
	if len(opt.Columns) > maxColumns {
		return fmt.Errorf("columns: %d are named, at most %d are possible", len(opt.Columns), maxColumns)
	}
	for i, key := range opt.Columns {
		d.csv.columns[i] = -1
		if key == "-" || key == "" {
			continue
		}
		out, err := c.index("columns", key)
		if err != nil {
			return err
		}
		d.csv.columns[i] = int16(out)
	}
	d.csv.n = len(opt.Columns)
	if len(c.list) == 0 {
		return errors.New("columns: every column is passed over; name at least one, or declare outputs for a header to name")
	}
	if opt.Header {
		return nil
	}
	return c.unused("columns")
}

func (d *Decoder) parseCSV(line []byte) bool {
	if d.csvValues(line) {
		return true
	}
	d.present, d.unknown = 0, 0
	return d.csvHeader(line)
}

func (d *Decoder) csvValues(line []byte) bool {
	i := 0
	for rest, more := line, true; more; i++ {
		var field []byte
		field, rest, more = d.csv.cut(rest)
		if i == d.csv.n {
			return false
		}
		switch out := d.csv.columns[i]; {
		case out >= 0:
			if !d.put(int(out), field) {
				return false
			}
		case len(field) > 0:
			d.unknown++
		}
	}
	return i == d.csv.n
}

// csvHeader reports whether the line names the columns, and follows its order
// if that is wanted.
func (d *Decoder) csvHeader(line []byte) bool {
	if !d.csv.header {
		return d.csv.repeats(line)
	}
	n := 0
	var named uint64
	for rest, more := line, true; more; n++ {
		var field []byte
		field, rest, more = d.csv.cut(rest)
		if n == maxColumns {
			return false
		}
		out := d.find(field)
		d.csv.scratch[n] = int16(out)
		if out >= 0 {
			named |= 1 << out
		}
	}
	if named != 1<<len(d.keys)-1 {
		return false
	}
	d.csv.columns, d.csv.n = d.csv.scratch, n
	return true
}

// repeats reports whether the line consists of the configured names.
func (c *csv) repeats(line []byte) bool {
	i := 0
	for rest, more := line, true; more; i++ {
		var field []byte
		field, rest, more = c.cut(rest)
		if i == len(c.names) || (string(field) != c.names[i] && c.names[i] != "-" && c.names[i] != "") {
			return false
		}
	}
	return i == len(c.names)
}

// cut takes the first field off line, without blanks and quotes around it. A
// blank as separator stands for any run of blanks.
func (c *csv) cut(line []byte) (field, rest []byte, more bool) {
	end, quoted := 0, false
	for ; end < len(line); end++ {
		if line[end] == '"' {
			quoted = !quoted
		}
		if !quoted && (line[end] == c.separator || (c.separator == ' ' && line[end] == '\t')) {
			more = true
			break
		}
	}
	field = trim(line[:end])
	if len(field) >= 2 && field[0] == '"' && field[len(field)-1] == '"' {
		field = trim(field[1 : len(field)-1])
	}
	if !more {
		return field, nil, false
	}
	rest = line[end+1:]
	if c.separator == ' ' {
		rest = trim(rest)
	}
	return field, rest, true
}
