package bench

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

// Plot writes what the tables say as pictures: throughput.svg, latency.svg and
// workers.svg, each if it was measured.
func (r *Report) Plot(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("bench: plot: %w", err)
	}
	for _, p := range []struct {
		name string
		draw func() []byte
	}{{"throughput.svg", r.plotFloods}, {"latency.svg", r.plotOpens}, {"workers.svg", r.plotWorkers}} {
		text := p.draw()
		if text == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, p.name), text, 0o644); err != nil {
			return fmt.Errorf("bench: plot: %w", err)
		}
	}
	return nil
}

// colours tell systems apart for colour-blind people, too (Okabe and Ito).
var colours = [...]string{"#0072b2", "#d55e00", "#e69f00", "#009e73", "#cc79a7", "#56b4e9"}

// drawing is an SVG that grows.
type drawing struct{ b bytes.Buffer }

func newDrawing(width, height int, title string) *drawing {
	d := &drawing{}
	fmt.Fprintf(&d.b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&d.b, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	d.text(10, 18, "start", title)
	return d
}

func (d *drawing) text(x, y float64, anchor, s string) {
	fmt.Fprintf(&d.b, `<text x="%.1f" y="%.1f" text-anchor="%s">`, x, y, anchor)
	xml.EscapeText(&d.b, []byte(s))
	d.b.WriteString("</text>\n")
}

func (d *drawing) line(x1, y1, x2, y2 float64, colour string) {
	fmt.Fprintf(&d.b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`+"\n", x1, y1, x2, y2, colour)
}

func (d *drawing) rect(x, y, w, h float64, colour string) {
	fmt.Fprintf(&d.b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x, y, w, h, colour)
}

// path draws a curve through points.
func (d *drawing) path(points [][2]float64, colour string) {
	fmt.Fprintf(&d.b, `<polyline fill="none" stroke-width="2" stroke="%s" points="`, colour)
	for _, p := range points {
		fmt.Fprintf(&d.b, "%.1f,%.1f ", p[0], p[1])
	}
	d.b.WriteString("\"/>\n")
}

func (d *drawing) end() []byte {
	d.b.WriteString("</svg>\n")
	return d.b.Bytes()
}

// Measures of the bars.
const (
	barLeft, barWidth, barHeight, barGap = 254.0, 330.0, 14.0, 8.0
)

// plotFloods draws a bar for each system of the first case, with its range.
func (r *Report) plotFloods() []byte {
	if len(r.Floods) == 0 {
		return nil
	}
	label := r.Floods[0].Label
	var list []*Series[Flood]
	most := 0.0
	rate := func(f *Flood) float64 { return f.PerSecond }
	for i := range r.Floods {
		if s := &r.Floods[i]; s.Label == label {
			list = append(list, s)
			most = max(most, s.over(rate).Most)
		}
	}
	d := newDrawing(704, 40+int(float64(len(list))*(barHeight+barGap)), "tasks/s, enqueued and executed at the same time; "+label+"; median and range")
	for i, s := range list {
		y := 34 + float64(i)*(barHeight+barGap)
		v := s.over(rate)
		x := func(v float64) float64 { return barLeft + v/most*barWidth }
		d.text(barLeft-8, y+11, "end", s.System)
		d.rect(barLeft, y, x(v.Median)-barLeft, barHeight, colours[i%len(colours)])
		d.line(x(v.Least), y+barHeight/2, x(v.Most), y+barHeight/2, "black")
		d.text(x(v.Most)+6, y+11, "start", number(v.Median))
	}
	return d.end()
}

// Measures of plots with axes.
const (
	plotLeft, plotTop, plotWidth, plotHeight = 60.0, 34.0, 420.0, 240.0
)

// axis maps a value to a position.
type axis func(v float64) float64

// logAxis spreads from to to over the height, by powers of ten.
func logAxis(d *drawing, from, to float64) axis {
	lo, hi := math.Floor(math.Log10(from)), math.Ceil(math.Log10(to))
	y := func(v float64) float64 {
		return plotTop + plotHeight*(1-(math.Log10(max(v, from))-lo)/max(hi-lo, 1))
	}
	for e := lo; e <= hi; e++ {
		v := math.Pow(10, e)
		d.line(plotLeft, y(v), plotLeft+plotWidth, y(v), "#ddd")
		d.text(plotLeft-6, y(v)+4, "end", fmt.Sprintf("%g", v))
	}
	return y
}

// plotOpens draws for each open loop the wait by percentile, which are as far
// apart as the tail is long: 90, 99, 99.9 and 99.99 at equal distances.
func (r *Report) plotOpens() []byte {
	if len(r.Opens) == 0 {
		return nil
	}
	height := int(plotTop+plotHeight) + 40
	d := newDrawing(plotSide(), height, "wait, ms, from the intended moment to the start, by percentile; median of the rounds")
	least, most := math.Inf(1), 0.0
	curves := make([][]float64, len(r.Opens))
	for i := range r.Opens {
		curves[i] = medianCurve(&r.Opens[i])
		for _, v := range curves[i] {
			least, most = min(least, max(v, 0.01)), max(most, v)
		}
	}
	if most == 0 {
		return nil
	}
	y := logAxis(d, least, most)
	x := func(p float64) float64 { return plotLeft + plotWidth*min(-math.Log10(1-p/100), 5)/5 }
	for _, p := range []float64{0, 50, 90, 99, 99.9, 99.99} {
		d.line(x(p), plotTop, x(p), plotTop+plotHeight, "#ddd")
		d.text(x(p), plotTop+plotHeight+16, "middle", fmt.Sprintf("%g", p))
	}
	d.text(plotLeft+plotWidth, plotTop+plotHeight+16, "middle", "max")
	for i, curve := range curves {
		var points [][2]float64
		for j, v := range curve {
			points = append(points, [2]float64{x(curvePoints[j]), y(v)})
		}
		colour := colours[i%len(colours)]
		d.path(points, colour)
		d.legend(i, colour, r.Opens[i].System+", "+r.Opens[i].Label)
	}
	return d.end()
}

func plotSide() int { return int(plotLeft+plotWidth) + 230 }

func (d *drawing) legend(i int, colour, what string) {
	y := plotTop + 10 + float64(i)*18
	d.rect(plotLeft+plotWidth+14, y-8, 14, 4, colour)
	d.text(plotLeft+plotWidth+34, y, "start", what)
}

func medianCurve(s *Series[Open]) []float64 {
	if len(s.Runs) == 0 || len(s.Runs[0].Wait.Curve) == 0 {
		return nil
	}
	curve := make([]float64, len(s.Runs[0].Wait.Curve))
	for j := range curve {
		curve[j] = s.over(func(o *Open) float64 { return o.Wait.Curve[j] }).Median
	}
	return curve
}

// plotWorkers draws what so many workers get done beside what they would if
// each did as much as one alone.
func (r *Report) plotWorkers() []byte {
	n := len(r.Workers)
	if n < 2 {
		return nil
	}
	rate := func(f *Flood) float64 { return f.PerSecond }
	last := r.Workers[n-1].Case.Workers
	one := r.Workers[0].over(rate).Median / float64(r.Workers[0].Case.Workers)
	d := newDrawing(plotSide(), int(plotTop+plotHeight)+40, "tasks/s by workers, handler of 10 ms; median and range")
	top := one * float64(last) * 1.05
	x := func(v float64) float64 { return plotLeft + plotWidth*v/float64(last) }
	y := func(v float64) float64 { return plotTop + plotHeight*(1-v/top) }
	d.line(plotLeft, y(0), plotLeft+plotWidth, y(0), "black")
	var points [][2]float64
	for i := range r.Workers {
		s := &r.Workers[i]
		at, v := x(float64(s.Case.Workers)), s.over(rate)
		d.text(at, y(0)+16, "middle", fmt.Sprint(s.Case.Workers))
		d.text(plotLeft-6, y(v.Median)+4, "end", number(v.Median))
		d.line(at, y(v.Least), at, y(v.Most), "black")
		points = append(points, [2]float64{at, y(v.Median)})
	}
	d.path([][2]float64{{x(0), y(0)}, {x(float64(last)), y(one * float64(last))}}, "#bbb")
	d.path(points, colours[0])
	d.legend(0, "#bbb", "linear")
	d.legend(1, colours[0], "ttp")
	return d.end()
}
