package nmea

// $--DBT,feet,f,metres,M,fathoms,F: below the transducer, in three units of
// which any may be empty.
func parseDBT(f *fields, s *sentence) bool {
	for _, u := range [...]struct {
		field, num, den int
	}{{3, 1, 1}, {1, 3048, 10000}, {5, 18288, 10000}} {
		v, has, ok := f.number(u.field)
		if !ok || f.n < 4 {
			return false
		}
		if !has {
			continue
		}
		if u.num == u.den {
			s.set(outDepth, v.float(), 2)
		} else {
			s.set(outDepth, v.scaled(int64(u.num), int64(u.den)), 2)
		}
		return true
	}
	return true
}

// $--HDG,sensor,deviation,E,variation,E: magnetic heading is sensor plus
// deviation east.
func parseHDG(f *fields, s *sentence) bool {
	v, has, ok := f.number(1)
	deviation, _, okDeviation := f.signed(2, 3, 'E', 'W')
	if !ok || !okDeviation || f.n < 2 {
		return false
	}
	if has {
		x := roundHalfAway((v.float()+deviation)*1e4) / 1e4 // back to a decimal
		if x < 0 {
			x += 360
		} else if x >= 360 {
			x -= 360
		}
		s.set(outHeadingMag, x, 2)
	}
	return s.setVariation(f, 4)
}

// $--THS,heading,mode: the successor of HDT; mode V is invalid.
func parseTHS(f *fields, s *sentence) bool {
	if f.n < 3 || !s.setRange(f, 1, outHeading, 1, 0, 360) {
		return false
	}
	if f.letter(2) == 'V' {
		s.rank[outHeading] = 0
	}
	return true
}

// $--ROT,rate,status: degrees a minute, to starboard positive.
func parseROT(f *fields, s *sentence) bool {
	if f.n < 3 || !s.setField(f, 1, outTurn, 1) {
		return false
	}
	if f.letter(2) != 'A' {
		s.rank[outTurn] = 0
	}
	return true
}
