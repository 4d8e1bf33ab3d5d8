package nmea

import "time"

// kind is the type of a sentence. Those up to gll carry the instant.
type kind uint8

const (
	rmc kind = iota
	gga
	gns
	gll
	gsa
	gsv
	vtg
	zda
	dbt
	dpt
	mtw
	hdt
	hdm
	hdg
	ths
	rot
	xdr
	other
	numKinds
)

func (k kind) timed() bool { return k <= gll }

// receiver reports whether only satellite receivers send the kind.
func (k kind) receiver() bool { return k <= vtg }

// once reports whether an instant has only one sentence of this kind a talker.
func (k kind) once() bool { return k != gsa && k != gsv && k != zda && k != xdr && k != other }

// identify takes an address such as GPRMC apart.
func identify(address []byte) (kind, uint16) {
	if len(address) != 5 || address[0] == 'P' {
		return other, 0
	}
	talker := uint16(address[0])<<8 | uint16(address[1])
	switch string(address[2:]) {
	case "RMC":
		return rmc, talker
	case "GGA":
		return gga, talker
	case "GNS":
		return gns, talker
	case "GLL":
		return gll, talker
	case "GSA":
		return gsa, talker
	case "GSV":
		return gsv, talker
	case "VTG":
		return vtg, talker
	case "ZDA":
		return zda, talker
	case "DBT":
		return dbt, talker
	case "DPT":
		return dpt, talker
	case "MTW":
		return mtw, talker
	case "HDT":
		return hdt, talker
	case "HDM":
		return hdm, talker
	case "HDG":
		return hdg, talker
	case "THS":
		return ths, talker
	case "ROT":
		return rot, talker
	case "XDR":
		return xdr, talker
	}
	return other, 0
}

// verdict is what a sentence says about the fix.
type verdict int8

const (
	silent  verdict = 0
	valid   verdict = 1
	invalid verdict = -1
)

// sentence is one parsed sentence. Nothing of it counts until all of it parsed.
type sentence struct {
	kind     kind
	talker   uint16
	time     time.Duration // of day, UTC; unknownTime
	fraction bool          // the time has decimals
	verdict  verdict
	date     int64 // days since 1970-01-01; 0 = none
	dateTime time.Duration

	rank   [numOutputs]uint8 // 0 = no value; the higher one wins in the epoch
	values [numOutputs]float64

	used   int // GSA: satellites listed
	inView int // GSV: satellites in view of this talker; -1 = not told
}

func (s *sentence) reset(k kind, talker uint16) {
	*s = sentence{kind: k, talker: talker, time: unknownTime, dateTime: unknownTime, inView: -1}
}

func (s *sentence) set(out int, v float64, rank uint8) { s.values[out], s.rank[out] = v, rank }

// setField stores field i if it holds a number.
func (s *sentence) setField(f *fields, i, out int, rank uint8) bool {
	v, has, ok := f.number(i)
	if has {
		s.set(out, v.float(), rank)
	}
	return ok
}

// setRange is setField with bounds; beyond them are fillers such as 999.9.
func (s *sentence) setRange(f *fields, i, out int, rank uint8, low, high float64) bool {
	v, has, ok := f.number(i)
	if !has {
		return ok
	}
	if x := v.float(); x >= low && x <= high {
		s.set(out, x, rank)
	}
	return true
}

// setPosition reads latitude, hemisphere, longitude, hemisphere from field i on.
func (s *sentence) setPosition(f *fields, i int) (has, ok bool) {
	lat, latPlaces, hasLat, okLat := f.angle(i, 'N', 'S', 90)
	lon, lonPlaces, hasLon, okLon := f.angle(i+2, 'E', 'W', 180)
	if !okLat || !okLon || hasLat != hasLon {
		return false, false
	}
	if hasLat {
		rank := uint8(1 + min(latPlaces, lonPlaces))
		s.set(outLat, lat, rank)
		s.set(outLon, lon, rank)
	}
	return hasLat, true
}

// setDilution leaves out the values that receivers send for "none": 0 and 99.99.
func (s *sentence) setDilution(f *fields, i, out int, rank uint8) bool {
	v, has, ok := f.number(i)
	if x := v.float(); has && x > 0 && x < 99 {
		s.set(out, x, rank)
	}
	return ok
}
