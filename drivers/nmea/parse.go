package nmea

// parse fills s from d.fields, by the sentence tables of NMEA 0183 4.11 and
// what older versions leave out at the end. It reports whether every field is
// what its place allows.
func (d *Decoder) parse(s *sentence) bool {
	f := &d.fields
	switch s.kind {
	case rmc:
		return parseRMC(f, s)
	case gga:
		return parseGGA(f, s)
	case gns:
		return parseGNS(f, s)
	case gll:
		return parseGLL(f, s)
	case gsa:
		return parseGSA(f, s)
	case gsv:
		return parseGSV(f, s)
	case vtg:
		return parseVTG(f, s)
	case zda:
		return parseZDA(f, s)
	case dbt:
		return parseDBT(f, s)
	case dpt:
		return f.n >= 2 && s.setField(f, 1, outDepth, 1) && s.setField(f, 2, outDepthOffset, 1)
	case mtw:
		return f.n >= 2 && s.setRange(f, 1, outWaterTemp, 1, -50, 150)
	case hdt:
		return f.n >= 2 && s.setRange(f, 1, outHeading, 2, 0, 360)
	case hdm:
		return f.n >= 2 && s.setRange(f, 1, outHeadingMag, 1, 0, 360)
	case hdg:
		return parseHDG(f, s)
	case ths:
		return parseTHS(f, s)
	case rot:
		return parseROT(f, s)
	case xdr:
		return d.parseXDR(s)
	}
	return true
}

// $--RMC,time,status,lat,N,lon,E,knots,course,ddmmyy,variation,E[,mode[,navstatus]]
func parseRMC(f *fields, s *sentence) bool {
	var ok bool
	if s.time, s.fraction, ok = f.timeOfDay(1); !ok || f.n < 10 {
		return false
	}
	has, ok := s.setPosition(f, 3)
	if !ok || !s.setKnots(f, 7, 3) || !s.setRange(f, 8, outCourse, 2, 0, 360) || !s.setVariation(f, 10) {
		return false
	}
	s.setStatus(f.letter(2), f.letter(12), has)
	if s.verdict == valid {
		if s.date, ok = parseDate(f.get(9)); ok {
			s.dateTime = s.time
		}
	}
	return true
}

// $--GGA,time,lat,N,lon,E,quality,satellites,hdop,alt,M,geoid,M,age,station
func parseGGA(f *fields, s *sentence) bool {
	var ok bool
	if s.time, s.fraction, ok = f.timeOfDay(1); !ok || f.n < 10 {
		return false
	}
	has, ok := s.setPosition(f, 2)
	if !ok || !s.setRange(f, 7, outSatellites, 2, 0, 999) || !s.setDilution(f, 8, outHDOP, 2) {
		return false
	}
	if metres(f.letter(10)) && !s.setField(f, 9, outAlt, 2) || metres(f.letter(12)) && !s.setField(f, 11, outGeoid, 2) {
		return false
	}
	quality, hasQuality, ok := f.exact(6)
	if !ok || quality.places != 0 || quality.mant < 0 || quality.mant > 9 {
		return false
	}
	s.verdict = invalid
	if hasQuality && quality.mant > 0 && has {
		s.verdict = valid
		if quality.mant == 9 { // some makers' word for satellite-based augmentation
			quality.mant = 2
		}
		s.set(outFix, float64(quality.mant), 3)
	}
	return true
}

// $--GNS,time,lat,N,lon,E,modes,satellites,hdop,alt,geoid,age,station[,navstatus]
func parseGNS(f *fields, s *sentence) bool {
	var ok bool
	if s.time, s.fraction, ok = f.timeOfDay(1); !ok || f.n < 10 {
		return false
	}
	has, ok := s.setPosition(f, 2)
	if !ok || !s.setRange(f, 7, outSatellites, 3, 0, 999) || !s.setDilution(f, 8, outHDOP, 2) {
		return false
	}
	if !s.setField(f, 9, outAlt, 1) || !s.setField(f, 10, outGeoid, 1) {
		return false
	}
	// One letter a constellation; the best one names the fix.
	best := 0
	for _, c := range f.get(6) {
		fix, _ := fixOfMode(c)
		if rankOfFix[fix] > rankOfFix[best] {
			best = fix
		}
	}
	s.verdict = invalid
	if best > 0 && has {
		s.verdict = valid
		s.set(outFix, float64(best), 2)
	}
	return true
}

// $--GLL,lat,N,lon,E,time,status[,mode]; version 1.5 had no time and status:
// nothing vouches for that position, so it is not used.
func parseGLL(f *fields, s *sentence) bool {
	var ok bool
	if s.time, s.fraction, ok = f.timeOfDay(5); !ok || f.n < 5 {
		return false
	}
	has, ok := s.setPosition(f, 1)
	if f.n < 7 {
		s.rank[outLat], s.rank[outLon] = 0, 0
		return ok
	}
	s.setStatus(f.letter(6), f.letter(7), has)
	return ok
}

// $--GSA,A,mode,12 satellites,pdop,hdop,vdop[,system]
func parseGSA(f *fields, s *sentence) bool {
	mode := f.letter(2)
	if mode == 0 {
		return f.n >= 3
	}
	if mode < '1' || mode > '3' {
		return false
	}
	s.set(outMode, float64(mode-'0'), 1)
	if f.n < 18 { // fewer places for satellites: the dilutions' place is unknown
		return true
	}
	for i := 3; i < 15; i++ {
		if len(f.get(i)) > 0 {
			s.used++
		}
	}
	if mode == '1' { // one constellation without a fix; its dilutions are fillers
		return true
	}
	return s.setDilution(f, 15, outPDOP, 1) && s.setDilution(f, 16, outHDOP, 1) && s.setDilution(f, 17, outVDOP, 1)
}

// $--GSV,messages,number,satellites,…
func parseGSV(f *fields, s *sentence) bool {
	v, has, ok := f.exact(3)
	if !ok || f.n < 4 || v.places != 0 || v.mant < 0 || v.mant > 200 {
		return false
	}
	if has {
		s.inView = int(v.mant)
	}
	return true
}

// $--VTG,course,T,magnetic,M,knots,N,km/h,K[,mode]; before version 2 the
// letters were missing: $--VTG,course,magnetic,knots,km/h.
func parseVTG(f *fields, s *sentence) bool {
	knots, kmh, mode := 5, 7, 9
	if f.n == 5 {
		knots, kmh, mode = 3, 4, 99
	}
	if f.n < 5 || !s.setRange(f, 1, outCourse, 1, 0, 360) || !s.setKnots(f, knots, 2) {
		return false
	}
	if s.rank[outSpeed] == 0 {
		v, has, ok := f.number(kmh)
		if !ok {
			return false
		}
		if has {
			s.set(outSpeed, v.scaled(1000, 3600), 1)
		}
	}
	if f.letter(mode) == 'N' {
		s.rank[outSpeed], s.rank[outCourse] = 0, 0
	}
	return true
}

// $--ZDA,time,day,month,year,zone,minutes
func parseZDA(f *fields, s *sentence) bool {
	t, _, ok := f.timeOfDay(1)
	if !ok || f.n < 5 {
		return false
	}
	// A receiver before its first fix leaves fields empty or zero: no date then.
	if t == unknownTime || len(f.get(2)) == 0 || len(f.get(3)) == 0 || len(f.get(4)) == 0 {
		return true
	}
	day, _, okDay := f.exact(2)
	month, _, okMonth := f.exact(3)
	year, _, okYear := f.exact(4)
	if !okDay || !okMonth || !okYear || day.places+month.places+year.places != 0 {
		return false
	}
	if date, ok := days(year.mant, month.mant, day.mant); ok {
		s.date, s.dateTime = date, t
	}
	return true
}

func (s *sentence) setKnots(f *fields, i int, rank uint8) bool {
	v, has, ok := f.number(i)
	if has {
		s.set(outSpeed, v.scaled(1852, 3600), rank) // an international knot: 1852 m an hour
	}
	return ok
}

// setVariation reads degrees and E or W from fields i and i+1.
func (s *sentence) setVariation(f *fields, i int) bool {
	v, has, ok := f.signed(i, i+1, 'E', 'W')
	if has {
		s.set(outVariation, v, 1)
	}
	return ok
}

// signed reads a number whose sign is a letter of its own.
func (f *fields) signed(i, side int, positive, negative byte) (v float64, has, ok bool) {
	d, has, ok := f.number(i)
	if !has {
		return 0, false, ok
	}
	switch f.letter(side) {
	case positive:
		return d.float(), true, true
	case negative:
		return -d.float(), true, true
	}
	return 0, false, f.sure
}

// setStatus turns RMC's and GLL's status and mode letters into a verdict: the
// fix is valid with status A, a mode other than N, and a position.
func (s *sentence) setStatus(status, mode byte, position bool) {
	fix, known := 1, true
	if mode != 0 {
		fix, known = fixOfMode(mode)
	}
	s.verdict = invalid
	if status == 'A' && known && fix > 0 && position {
		s.verdict = valid
		s.set(outFix, float64(fix), 1)
	}
}

func metres(unit byte) bool { return unit == 0 || unit == 'M' || unit == 'm' }

// fixOfMode translates a mode letter into GGA's quality.
func fixOfMode(mode byte) (fix int, known bool) {
	switch mode {
	case 'N':
		return 0, true
	case 'A':
		return 1, true
	case 'D':
		return 2, true
	case 'P':
		return 3, true
	case 'R':
		return 4, true
	case 'F':
		return 5, true
	case 'E':
		return 6, true
	case 'M':
		return 7, true
	case 'S':
		return 8, true
	}
	return 0, false
}

// rankOfFix orders the kinds of fix by worth: RTK, float, precise, DGNSS, plain, dead reckoning, …
var rankOfFix = [9]int{0: 0, 8: 1, 7: 2, 6: 3, 1: 4, 2: 5, 3: 6, 5: 7, 4: 8}
