package expr

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/telhub/telhub/internal/spell"
)

// Error says what is wrong with an expression, where, and what cures it.
type Error struct {
	Pos  int    // byte offset in the source; its length when something is missing at the end
	Msg  string // what is wrong
	Cure string // what to write instead; may be empty
}

// Error gives "column 12: what is wrong (the cure)". Columns count from 1.
// Everything before an error is ASCII, so that bytes and columns agree.
func (e *Error) Error() string {
	s := "column " + strconv.Itoa(e.Pos+1) + ": " + e.Msg
	if e.Cure != "" {
		s += " (" + e.Cure + ")"
	}
	return s
}

// Unknown makes the error for variable i when no channel has its name. Known
// are the names that would do: outputs of the same sensor as they are, any
// channel as sensor/output.
func (p *Program) Unknown(i int, known []string) *Error {
	ref := p.refs[i]
	if ref.Qualified {
		return &Error{ref.Pos, fmt.Sprintf("unknown channel %q", ref.Name), p.cureUnknown(ref, known)}
	}
	return &Error{ref.Pos, fmt.Sprintf("unknown output %q", ref.Name), p.cureUnknown(ref, known)}
}

func (p *Program) cureUnknown(ref Ref, known []string) string {
	if name := p.unbraced(ref, known); name != "" {
		return "a slash divides and a minus subtracts: write {" + name + "}"
	}
	if !ref.Qualified && isUnit(ref.Name) {
		return "values carry no units: leave it out, or multiply by a number"
	}
	if n := spell.Nearest(ref.Name, known); n != "" {
		return "did you mean " + refText(n) + "?"
	}
	for _, k := range known {
		if !ref.Qualified && strings.HasSuffix(k, "/"+ref.Name) {
			return "it is no output of the same sensor: write {" + k + "}"
		}
	}
	return alternatives(ref, known)
}

// unbraced returns inside/temperature or a-current when the source says so
// where ref, its first word, stands: the longest of such known names, or "".
func (p *Program) unbraced(ref Ref, known []string) (name string) {
	for _, k := range known {
		if len(k) > max(len(ref.Name), len(name)) && strings.HasPrefix(k, ref.Name) && strings.HasPrefix(p.src[ref.Pos:], k) {
			name = k
		}
	}
	return name
}

// alternatives lists up to eight names that ref might have.
func alternatives(ref Ref, known []string) string {
	var list []string
	for _, k := range known {
		if strings.Contains(k, "/") == ref.Qualified {
			list = append(list, refText(k))
		}
	}
	switch {
	case len(list) == 0:
		return "write {sensor/output} for a channel of another sensor"
	case len(list) > 8:
		return "there are " + strings.Join(list[:8], ", ") + " and others"
	}
	return "there are: " + strings.Join(list, ", ")
}

// isUnit reports whether s is written like a unit that people put after
// numbers.
func isUnit(s string) bool {
	const units = " A mA V mV W mW kW MW Wh kWh J kJ MJ K C F Cel degC degF Pa hPa kPa bar mbar m mm cm km s ms h d Hz kHz" +
		" g kg l L lx ppm ppb rad deg RH ohm mAh Ah percent "
	return strings.Contains(units, " "+s+" ")
}

// quoteCharacter shows r so that invisible characters can be seen, too.
func quoteCharacter(r rune) string {
	if r == '"' {
		return `'"'`
	}
	return strconv.Quote(string(r))
}

// characterCure says what to write instead of r, which no expression holds.
func characterCure(r rune) string {
	switch r {
	case '%':
		return "numbers carry no units: write 50, not 50 %"
	case '°', 'µ', 'μ', 'Ω', '²', '³', '‰':
		return "numbers carry no units, and powers are written ^2"
	case '×', '·', '⋅', '∙', '•':
		return "write * to multiply"
	case '÷', '∕', '\\':
		return "write / to divide"
	case '−', '–', '—':
		return "write the ASCII minus, -"
	case '√':
		return "write sqrt(x)"
	case 'π':
		return "write pi"
	case '≤', '≥', '≠':
		return "write <=, >= or !="
	case '&', '|', '!', '~':
		return "write and, or, not"
	case '[', ']':
		return "write round brackets"
	case '"', '\'', '`':
		return "names stand without quotes"
	case '$', '@', '#', '?':
		return "names stand without signs: temperature, or {sensor/output}"
	case '.', ':':
		return "a channel of another sensor is {sensor/output}"
	case ';':
		return "an expression is one value; arguments are separated by commas"
	case '}':
		return `no "{" is open`
	}
	return "names are letters, digits and _; operators are + - * / ^ < <= > >= == !="
}
