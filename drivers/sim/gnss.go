package sim

import (
	"math"
	"sync"
	"time"
)

// GNSSOpts says where a simulated receiver moves: around a circle, clockwise,
// so that its position, speed and course follow from the time alone.
type GNSSOpts struct {
	Talker   string  // two letters: "GP", "GN"
	Lat, Lon float64 // centre of the circle, degrees north and east
	Alt      float64 // metres above mean sea level
	Radius   float64 // metres
	Speed    float64 // m/s
}

// DefaultGNSSOpts is a walk of 200 m radius in Bern.
func DefaultGNSSOpts() GNSSOpts {
	return GNSSOpts{Talker: "GP", Lat: 46.9480, Lon: 7.4474, Alt: 552, Radius: 200, Speed: 1.4}
}

// Fix is where a receiver is and how it moves.
type Fix struct {
	Lat, Lon   float64 // degrees north and east
	Alt        float64 // metres above mean sea level
	Speed      float64 // m/s over ground
	Course     float64 // degrees from true north, clockwise
	Satellites int     // used
	HDOP       float64
}

// GNSS is a source of NMEA-0183 sentences: one epoch of RMC, VTG, GGA, GSA, GSV
// and ZDA per burst, all of the same instant.
type GNSS struct {
	opts GNSSOpts

	mu    sync.Mutex // guards blind
	blind bool
}

// NewGNSS makes a receiver with a fix.
func NewGNSS(opts GNSSOpts) *GNSS { return &GNSS{opts: opts} }

// SetBlind takes the sky away, or gives it back: without it the sentences have
// the time and say that there is no fix.
func (g *GNSS) SetBlind(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.blind = on
}

// Metres per degree of latitude, and of longitude at the equator: WGS 84, mean.
const (
	metresLat = 111132.954
	metresLon = 111319.491
)

// At tells the truth about the instant t: what a decoder should find, within
// the digits that the sentences have.
func (g *GNSS) At(t time.Time) Fix {
	o := &g.opts
	angle := math.Mod(g.travelled(t)/o.Radius, 2*math.Pi) // from north, clockwise
	north, east := o.Radius*math.Cos(angle), o.Radius*math.Sin(angle)
	return Fix{
		Lat:        o.Lat + north/metresLat,
		Lon:        o.Lon + east/(metresLon*math.Cos(o.Lat*math.Pi/180)),
		Alt:        o.Alt + 3*math.Sin(2*angle),
		Speed:      o.Speed,
		Course:     math.Mod(angle*180/math.Pi+90, 360),
		Satellites: len(sky) - 1,
		HDOP:       0.9,
	}
}

// travelled is the way since the Unix epoch, in metres, modulo full circles so
// that it keeps its digits.
func (g *GNSS) travelled(t time.Time) float64 {
	lap := 2 * math.Pi * g.opts.Radius / g.opts.Speed
	s := math.Mod(float64(t.Unix()), lap) + float64(t.Nanosecond())/1e9
	return s * g.opts.Speed
}

// satellite is one of the sky; its signal changes slowly.
type satellite struct {
	prn, elevation, azimuth, snr int
}

// sky is what the receiver sees; it uses all but the last.
var sky = [...]satellite{
	{2, 17, 310, 34}, {5, 71, 120, 45}, {7, 42, 65, 41}, {13, 55, 262, 44}, {15, 28, 180, 38},
	{18, 11, 25, 29}, {20, 35, 298, 40}, {29, 61, 200, 43}, {30, 6, 93, 0},
}

// signal is the satellite's carrier-to-noise density at t, in dB-Hz; 0: not tracked.
func (s *satellite) signal(t time.Time) int {
	if s.snr == 0 {
		return 0
	}
	phase := float64(t.Unix()%600)/600*2*math.Pi + float64(s.prn)
	return s.snr + int(math.Round(2*math.Sin(phase)))
}

// Append implements Source: one epoch.
func (g *GNSS) Append(dst []byte, t time.Time) []byte {
	g.mu.Lock()
	fix := !g.blind
	g.mu.Unlock()
	t = t.UTC()
	f := g.At(t)
	w := sentence{buf: dst, talker: g.opts.Talker}
	w.rmc(t, f, fix)
	w.vtg(f, fix)
	w.gga(t, f, fix)
	w.gsa(f, fix)
	w.gsv(t)
	w.zda(t)
	return w.buf
}
