package p1

import "time"

// parseTime reads YYMMDDhhmmssX of a zone whose winter time is ahead of UTC by
// zone, and gives seconds of UTC since 1970. ok is false for what is no
// instant: no letter, no such day, a letter that contradicts the month.
// Summer time is from late March to late October all over the European Union
// (directive 2000/84/EC).
func parseTime(b []byte, zone time.Duration) (utc int64, ok bool) {
	var f [6]int
	if len(b) != 13 {
		return 0, false
	}
	for i := range f {
		hi, lo := b[2*i]-'0', b[2*i+1]-'0'
		if hi > 9 || lo > 9 {
			return 0, false
		}
		f[i] = int(hi)*10 + int(lo)
	}
	year, month, day, hour, minute, second := 2000+f[0], f[1], f[2], f[3], f[4], f[5]
	if month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if t.Day() != day {
		return 0, false
	}
	utc = t.Unix() - int64(zone/time.Second)
	switch b[12] {
	case 'W':
		return utc, month <= 3 || month >= 10
	case 'S':
		return utc - 3600, month >= 3 && month <= 10
	}
	return 0, false
}
