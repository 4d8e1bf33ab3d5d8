package frame

import (
	"math"
	"math/rand/v2"

	"github.com/telhub/telhub/drivers"
)

// The three data sets on which the compact format is measured: a weather
// sensor at 1 Hz, a GNSS receiver at 1 Hz, an accelerometer at 100 Hz. All
// are synthetic and seeded. A record is a stamp and three or four values.
//
// Stamps lie on a regular grid plus normally distributed jitter of 2 ms and
// are rounded to milliseconds. Every value is something smooth, or a slow
// random walk, plus normally distributed white noise, rounded to the
// sensor's step. The bound on any code is the entropy of what is random in
// that: see roundedNormal and walkEntropy.

const (
	blocks   = 16   // of a data set, one after the other
	records  = 1024 // of a block
	jitterMs = 2.0  // standard deviation of the stamps
)

// dataset is a run of blocks and how many bits of a record are random.
type dataset struct {
	name    string
	schema  *Schema
	samples []drivers.Sample
	bits    float64 // entropy of a record
}

// series is one value of a record: a smooth part, a walk and noise, in steps.
type series struct {
	channel Channel
	smooth  func(t float64) float64 // t in seconds
	walk    float64                 // standard deviation of a walk's step
	noise   float64                 // standard deviation of the noise
	digits  int                     // decimal places of a step
}

// generate makes a data set from its series.
func generate(name string, seed uint64, period float64, atStamp bool, series []series) dataset {
	rng := rand.New(rand.NewPCG(seed, 2024))
	d := dataset{name: name, schema: &Schema{}, bits: roundedNormal(jitterMs)}
	for _, s := range series {
		s.channel.Resolution = 1 / pow10[s.digits]
		d.schema.Channels = append(d.schema.Channels, s.channel)
		d.bits += walkEntropy(s.walk, s.noise)
	}
	walked := make([]float64, len(series))
	for i := range blocks * records {
		t := float64(i) * period
		taken := t + rng.NormFloat64()*jitterMs/1e3
		stamp := int64((1000 + taken) * 1e9)
		if atStamp {
			t = taken
		}
		for c, s := range series {
			walked[c] += rng.NormFloat64() * s.walk
			steps := math.Round(s.smooth(t) + walked[c] + rng.NormFloat64()*s.noise)
			d.samples = append(d.samples, drivers.Sample{Stamp: stamp, Value: steps / pow10[s.digits], Channel: uint16(c)})
		}
	}
	return d
}

// roundedNormal returns the entropy in bits of round(m + sigma·N(0,1)), the
// mean over all fractions of m.
func roundedNormal(sigma float64) float64 {
	const fractions = 64
	cdf := func(x float64) float64 { return 0.5 * math.Erfc(-x/sigma/math.Sqrt2) }
	var sum float64
	for k := range fractions {
		m := float64(k) / fractions
		for i := -int(10*sigma) - 3; i <= int(10*sigma)+3; i++ {
			if p := cdf(float64(i)+0.5-m) - cdf(float64(i)-0.5-m); p > 0 {
				sum -= p * math.Log2(p)
			}
		}
	}
	return sum / fractions
}

// walkEntropy returns the entropy rate of a random walk observed with white
// noise: that of the innovations of the steady Kalman filter, which no
// predictor undercuts, rounded to steps.
func walkEntropy(walk, noise float64) float64 {
	q, r := walk*walk, noise*noise
	p := (q + math.Sqrt(q*q+4*q*r)) / 2 // variance of the prediction
	return roundedNormal(math.Sqrt(p + r))
}

// block returns the samples of block b.
func (d *dataset) block(b int) []drivers.Sample {
	w := records * len(d.schema.Channels)
	return d.samples[b*w : (b+1)*w]
}

// datasets returns the three sets. The receiver moves at some 15 m/s (a step
// of latitude is 11 mm); the accelerometer feels a machine's two vibrations
// and a slow sway. Its converter runs on a clock of its own, as chips with a
// FIFO do, so that only the stamps jitter. The fourth set is the third with
// values taken at the jittered instants: a reader that knew the signal could
// foresee the difference from the stamps, so the bound is the same.
func datasets() []dataset {
	sine := func(amplitude, hertz, phase float64) func(float64) float64 {
		return func(t float64) float64 { return amplitude * math.Sin(2*math.Pi*hertz*t+phase) }
	}
	env := []series{
		{Channel{Name: "room/temperature", Unit: "Cel"}, sine(300, 1/3600.0, 0), 0.2, 0.8, 2},
		{Channel{Name: "room/humidity", Unit: "%RH"}, sine(500, 1/2400.0, 1), 0.3, 1.2, 2},
		{Channel{Name: "room/pressure", Unit: "hPa"}, sine(100, 1/7200.0, 2), 0.1, 1.0, 2},
	}
	offset := []float64{2150, 4500, 101325}
	for i := range env {
		smooth := env[i].smooth
		env[i].smooth = func(t float64) float64 { return offset[i] + smooth(t) }
	}
	gps := []series{
		{Channel{Name: "gps/lat", Unit: "lat"}, func(t float64) float64 { return 480000000 + 900*t + sine(20000, 1/300.0, 0)(t) }, 0, 8, 7},
		{Channel{Name: "gps/lon", Unit: "lon"}, func(t float64) float64 { return 110000000 + 1200*t + sine(20000, 1/300.0, 1)(t) }, 0, 8, 7},
		{Channel{Name: "gps/alt", Unit: "m"}, func(t float64) float64 { return 5200 + sine(200, 1/500.0, 0)(t) }, 0.5, 2, 1},
		{Channel{Name: "gps/speed", Unit: "m/s"}, func(t float64) float64 { return 1500 + sine(300, 1/200.0, 0)(t) }, 1, 5, 2},
	}
	var accel []series
	for i, axis := range []string{"x", "y", "z"} {
		rest, phase := []float64{20, -35, 981}[i], float64(i)*1.3
		accel = append(accel, series{Channel{Name: "imu/" + axis, Unit: "m/s2"}, func(t float64) float64 {
			return rest + sine(40, 7.3, phase)(t) + sine(12, 16.1, 2*phase)(t) + sine(25, 0.4, phase)(t)
		}, 0, 1.6, 2})
	}
	return []dataset{
		generate("env", 1, 1, false, env),
		generate("gps", 2, 1, false, gps),
		generate("accel", 3, 0.01, false, accel),
		generate("accel at stamps", 4, 0.01, true, accel),
	}
}
