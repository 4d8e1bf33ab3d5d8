package nmea

// parseXDR reads $--XDR followed by any number of type,value,unit,name:
//
//	type unit  output
//	C    C     temperature, or water_temperature when the name says water or sea
//	P    B, P  pressure: bar and pascal
//	H    P     humidity in percent
//	A    D     pitch or roll, when the name says pitch, roll or heel
//	U    V     voltage
//	I    A     current
//	T    R     rotation, revolutions a minute
//
// The first transducer name heard for an output owns it until Reset, so a
// channel never mixes two sensors.
func (d *Decoder) parseXDR(s *sentence) bool {
	f := &d.fields
	for i := 1; i+2 < f.n; i += 4 {
		v, has, ok := f.number(i + 1)
		if !ok {
			return false
		}
		if !has {
			continue
		}
		out, x := transducer(f.letter(i), f.letter(i+2), f.get(i+3), v)
		if out < 0 || !d.owns(out, f.get(i+3)) {
			d.stats.Unmapped++
			continue
		}
		s.set(out, x, 1)
	}
	return f.n >= 4
}

// transducer gives the output for a type, unit and name, and the value in its
// unit; -1 when there is none.
func transducer(kind, unit byte, name []byte, v decimal) (out int, value float64) {
	switch {
	case kind == 'C' && unit == 'C':
		if contains(name, "WATER") || contains(name, "SEA") {
			return outWaterTemp, v.float()
		}
		return outTemperature, v.float()
	case kind == 'P' && unit == 'B':
		return outPressure, float64(v.mant) * 1e5 / float64(pow10[v.places])
	case kind == 'P' && unit == 'P':
		return outPressure, v.float()
	case kind == 'H' && unit == 'P':
		return outHumidity, v.float()
	case kind == 'A' && unit == 'D' && (contains(name, "PITCH") || contains(name, "PTCH")):
		return outPitch, v.float()
	case kind == 'A' && unit == 'D' && (contains(name, "ROLL") || contains(name, "HEEL")):
		return outRoll, v.float()
	case kind == 'U' && unit == 'V':
		return outVoltage, v.float()
	case kind == 'I' && unit == 'A':
		return outCurrent, v.float()
	case kind == 'T' && unit == 'R':
		return outRotation, v.float()
	}
	return -1, 0
}

// owns reports whether the transducer called name is the one that output has,
// and gives a free output to it.
func (d *Decoder) owns(out int, name []byte) bool {
	h := uint32(2166136261) // FNV-1a
	for _, c := range name {
		h = (h ^ uint32(c)) * 16777619
	}
	h |= 1 // never 0, which means free
	if d.owners[out] == 0 {
		d.owners[out] = h
	}
	return d.owners[out] == h
}

// contains looks for the upper-case word in name, whatever name's case.
func contains(name []byte, word string) bool {
	for i := 0; i+len(word) <= len(name); i++ {
		j := 0
		for j < len(word) && name[i+j]&^0x20 == word[j] {
			j++
		}
		if j == len(word) {
			return true
		}
	}
	return false
}
