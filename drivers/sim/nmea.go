package sim

import (
	"math"
	"strconv"
	"time"
)

// sentence writes NMEA-0183 sentences into a buffer.
type sentence struct {
	buf    []byte
	talker string
	begin  int // of the current sentence
}

const knots = 3600.0 / 1852 // per m/s

// open begins a sentence with its address field.
func (w *sentence) open(name string) {
	w.begin = len(w.buf)
	w.buf = append(w.buf, '$')
	w.buf = append(w.buf, w.talker...)
	w.buf = append(w.buf, name...)
}

// close ends it with the checksum: all bytes between $ and *, exclusive or.
func (w *sentence) close() {
	const hex = "0123456789ABCDEF"
	var sum byte
	for _, b := range w.buf[w.begin+1:] {
		sum ^= b
	}
	w.buf = append(w.buf, '*', hex[sum>>4], hex[sum&15], '\r', '\n')
}

// text adds a field as it is; empty fields mean "not known".
func (w *sentence) text(s string) {
	w.buf = append(append(w.buf, ','), s...)
}

// empty adds n empty fields.
func (w *sentence) empty(n int) {
	for range n {
		w.buf = append(w.buf, ',')
	}
}

// number adds a field with a fixed number of decimals.
func (w *sentence) number(v float64, decimals int) {
	w.buf = strconv.AppendFloat(append(w.buf, ','), v, 'f', decimals, 64)
}

// course adds degrees from 0.00 to 359.99.
func (w *sentence) course(deg float64) {
	w.number(math.Mod(math.Round(deg*100), 36000)/100, 2)
}

// digits adds an integer field of at least width digits.
func (w *sentence) digits(v, width int) {
	w.buf = append(w.buf, ',')
	w.padded(v, width)
}

func (w *sentence) padded(v, width int) {
	var tmp [20]byte
	s := strconv.AppendInt(tmp[:0], int64(v), 10)
	for range width - len(s) {
		w.buf = append(w.buf, '0')
	}
	w.buf = append(w.buf, s...)
}

// clock adds hhmmss.ss.
func (w *sentence) clock(t time.Time) {
	w.buf = append(w.buf, ',')
	w.padded(t.Hour(), 2)
	w.padded(t.Minute(), 2)
	w.padded(t.Second(), 2)
	w.buf = append(w.buf, '.')
	w.padded(t.Nanosecond()/1e7, 2)
}

// angle adds degrees and minutes and the hemisphere, (d)ddmm.mmmmm.
func (w *sentence) angle(deg float64, width int, positive, negative string) {
	side := positive
	if deg < 0 {
		deg, side = -deg, negative
	}
	minutes := int(math.Round(deg * 60 * 1e5)) // in 0.00001 minutes: 2 cm
	w.digits(minutes/(60*1e5), width)
	minutes %= 60 * 1e5
	w.padded(minutes/1e5, 2)
	w.buf = append(w.buf, '.')
	w.padded(minutes%1e5, 5)
	w.text(side)
}

func (w *sentence) position(f Fix, fix bool) {
	if !fix {
		w.empty(4)
		return
	}
	w.angle(f.Lat, 2, "N", "S")
	w.angle(f.Lon, 3, "E", "W")
}

func (w *sentence) rmc(t time.Time, f Fix, fix bool) {
	w.open("RMC")
	w.clock(t)
	if fix {
		w.text("A")
	} else {
		w.text("V")
	}
	w.position(f, fix)
	if fix {
		w.number(f.Speed*knots, 3)
		w.course(f.Course)
	} else {
		w.empty(2)
	}
	w.buf = append(w.buf, ',')
	w.padded(t.Day(), 2)
	w.padded(int(t.Month()), 2)
	w.padded(t.Year()%100, 2)
	w.empty(2) // magnetic variation
	w.text(mode(fix))
	w.close()
}

// mode is the positioning system mode: autonomous, or not valid.
func mode(fix bool) string {
	if fix {
		return "A"
	}
	return "N"
}

func (w *sentence) vtg(f Fix, fix bool) {
	w.open("VTG")
	if fix {
		w.course(f.Course)
		w.text("T,,M")
		w.number(f.Speed*knots, 3)
		w.text("N")
		w.number(f.Speed*3.6, 3)
		w.text("K")
	} else {
		w.empty(8)
	}
	w.text(mode(fix))
	w.close()
}

func (w *sentence) gga(t time.Time, f Fix, fix bool) {
	w.open("GGA")
	w.clock(t)
	w.position(f, fix)
	if fix {
		w.text("1")
		w.digits(f.Satellites, 2)
		w.number(f.HDOP, 2)
		w.number(f.Alt, 1)
		w.text("M,47.8,M") // separation of geoid and ellipsoid
	} else {
		w.text("0,00,99.99,,,,")
	}
	w.empty(2) // differential: none
	w.close()
}

func (w *sentence) gsa(f Fix, fix bool) {
	w.open("GSA")
	w.text("A")
	used := 0
	if fix {
		used = f.Satellites
		w.text("3")
	} else {
		w.text("1")
	}
	for i := range 12 {
		if i < used {
			w.digits(sky[i].prn, 2)
		} else {
			w.empty(1)
		}
	}
	if fix {
		w.number(f.HDOP*1.8, 2)
		w.number(f.HDOP, 2)
		w.number(f.HDOP*1.6, 2)
	} else {
		w.text("99.99,99.99,99.99")
	}
	w.close()
}

// gsv says the whole sky, four satellites a sentence.
func (w *sentence) gsv(t time.Time) {
	total := (len(sky) + 3) / 4
	for n := range total {
		w.open("GSV")
		w.digits(total, 1)
		w.digits(n+1, 1)
		w.digits(len(sky), 2)
		for i := 4 * n; i < min(4*n+4, len(sky)); i++ {
			s := &sky[i]
			w.digits(s.prn, 2)
			w.digits(s.elevation, 2)
			w.digits(s.azimuth, 3)
			if snr := s.signal(t); snr > 0 {
				w.digits(snr, 2)
			} else {
				w.empty(1)
			}
		}
		w.close()
	}
}

func (w *sentence) zda(t time.Time) {
	w.open("ZDA")
	w.clock(t)
	w.digits(t.Day(), 2)
	w.digits(int(t.Month()), 2)
	w.digits(t.Year(), 4)
	w.text("00,00") // offset of the local zone
	w.close()
}
