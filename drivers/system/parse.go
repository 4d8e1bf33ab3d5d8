package system

import (
	"math"

	"github.com/telhub/telhub/drivers/sysfs"
)

// decimal reads a number such as "5.44" and gives what follows its word.
func decimal(text []byte) (v float64, rest []byte, ok bool) {
	word, rest := sysfs.Word(text)
	whole, tail, ok := sysfs.Uint(word)
	if !ok || whole > 1<<53 {
		return 0, rest, false
	}
	if len(tail) == 0 {
		return float64(whole), rest, true
	}
	fraction, end, ok := sysfs.Uint(tail[1:])
	digits := len(tail) - 1
	if tail[0] != '.' || !ok || len(end) > 0 || digits > 6 {
		return 0, rest, false
	}
	scale := 1.0
	for range digits {
		scale *= 10
	}
	return (float64(whole)*scale + float64(fraction)) / scale, rest, true
}

// register reads a hexadecimal number with or without 0x, and gives what
// follows its word.
func register(text []byte) (n uint64, rest []byte, ok bool) {
	word, rest := sysfs.Word(text)
	if len(word) > 2 && word[0] == '0' && word[1] == 'x' {
		word = word[2:]
	}
	if len(word) > 16 {
		return 0, rest, false
	}
	for i := range word {
		d, _, is := sysfs.Hex(word[i : i+1])
		if !is {
			return 0, rest, false
		}
		n = n<<4 | uint64(d)
	}
	return n, rest, len(word) > 0
}

// kilobytes finds the line of /proc/meminfo that begins with key.
func kilobytes(text []byte, key string) (n uint64, ok bool) {
	for len(text) > 0 {
		end := 0
		for end < len(text) && text[end] != '\n' {
			end++
		}
		line := text[:end]
		if len(line) > len(key) && string(line[:len(key)]) == key {
			n, rest, ok := sysfs.Uint(sysfs.Blanks(line[len(key):]))
			unit, _ := sysfs.Word(rest)
			return n, ok && string(unit) == "kB" && n <= 1<<43
		}
		text = text[min(end+1, len(text)):]
	}
	return 0, false
}

// ticks are counters of processor time, in the kernel's ticks.
type ticks struct{ total, idle uint64 }

// parseTicks reads the first line of /proc/stat: user nice system idle iowait
// irq softirq steal, and guest times that are part of user's. The kernel has
// had more of them over time, and what comes behind is not ours to know.
func parseTicks(text []byte) (t ticks, ok bool) {
	word, rest := sysfs.Word(text)
	if string(word) != "cpu" {
		return t, false
	}
	for field := range 8 {
		word, after := sysfs.Word(rest)
		n, tail, ok := sysfs.Uint(word)
		if !ok || len(tail) > 0 || n > 1<<56 {
			return t, field >= 4 && len(word) == 0 // before 2.5.41 there were four
		}
		t.total += n
		if field == 3 || field == 4 {
			t.idle += n
		}
		rest = after
	}
	return t, true
}

// usage is how busy the processors were between two readings.
type usage struct {
	last  ticks
	value float64
	known bool
}

// next gives the percentage since the reading before, in tenths. While no tick
// has passed it is the one before; counters that ran backwards (which those
// of idle time can, after a processor was switched off) begin anew.
func (u *usage) next(t ticks) (v float64, ok bool) {
	switch {
	case t.total == u.last.total:
		return u.value, u.known
	case t.total < u.last.total:
		u.last = t
		return 0, false
	}
	total := t.total - u.last.total
	idle := uint64(0)
	if t.idle > u.last.idle {
		idle = min(t.idle-u.last.idle, total)
	}
	u.last, u.known = t, true
	u.value = math.Round(1000*float64(total-idle)/float64(total)) / 10
	return u.value, true
}
