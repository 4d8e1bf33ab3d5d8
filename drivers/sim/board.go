package sim

import (
	"context"
	"errors"
	"sync"
	"time"
)

// The board's shunt at its INA219, as on most breakout boards.
const boardShuntOhm = 0.1

// boardTick is how often the physical values move.
const boardTick = 200 * time.Millisecond

// Part is a device of a Board, as somebody has to configure it.
type Part struct {
	Name string // "greenhouse"
	Use  string // engine or profile: "bme280", "nmea"

	Bus  string // I2C bus, or empty
	Addr uint16 // on Bus

	Port   string  // serial port, or empty: a stable link
	Mode   string  // of Port: "9600 8N1"
	Fields []Field // of a line talker, in their order; lines are JSON

	ShuntOhm float64       // of an INA219
	Every    time.Duration // a period that suits it
}

// Board is a simulated board: the bus i2c1 with four chips, a GNSS receiver and
// a microcontroller that sends JSON lines, both on pseudo-terminals.
type Board struct {
	I2C    *I2CBus
	BME280 *BMx280 // 0x76: the greenhouse's air
	TMP102 *TMP102 // 0x48: the board itself
	INA219 *INA219 // 0x40: the supply
	SHT4x  *SHT4x  // 0x44: the air outside

	GNSS     *GNSS
	GNSSPort *PTY
	GNSSTalk *Talker

	Lines     *Lines
	LinesPort *PTY
	LinesTalk *Talker

	weather *weather
	fields  []Field
}

// NewBoard puts a board together and plugs its serial devices in below dir. The
// values are those of now, from the given seed; Run lets them move.
func NewBoard(dir string, seed uint64) (*Board, error) {
	gnss, err := NewPTY(dir, "usb-telhub_GNSS_0001-if00-port0")
	if err != nil {
		return nil, err
	}
	lines, err := NewPTY(dir, "usb-telhub_Garden_0002-if00-port0")
	if err != nil {
		return nil, errors.Join(err, gnss.Close())
	}
	b := &Board{
		I2C:       NewI2CBus("i2c1"),
		BME280:    NewBME280(BMxTypical()),
		TMP102:    NewTMP102(),
		INA219:    NewINA219(boardShuntOhm),
		SHT4x:     NewSHT4x(0x0F1E2D3C),
		GNSS:      NewGNSS(DefaultGNSSOpts()),
		GNSSPort:  gnss,
		LinesPort: lines,
		weather:   newWeather(seed),
		fields:    []Field{{"soil_moisture", 1}, {"light", 0}, {"battery", 3}},
	}
	b.Lines = NewLines(JSON, b.fields...)
	b.GNSSTalk = NewTalker(gnss, b.GNSS, time.Second, nil)
	b.LinesTalk = NewTalker(lines, b.Lines, 500*time.Millisecond, nil)
	b.I2C.Attach(0x76, b.BME280)
	b.I2C.Attach(0x48, b.TMP102)
	b.I2C.Attach(0x40, b.INA219)
	b.I2C.Attach(0x44, b.SHT4x)
	b.Move(time.Now())
	return b, nil
}

// Parts lists what is on the board.
func (b *Board) Parts() []Part {
	return []Part{
		{Name: "greenhouse", Use: "bme280", Bus: "i2c1", Addr: 0x76, Every: time.Second},
		{Name: "board", Use: "tmp102", Bus: "i2c1", Addr: 0x48, Every: time.Second},
		{Name: "supply", Use: "ina219", Bus: "i2c1", Addr: 0x40, Every: time.Second, ShuntOhm: boardShuntOhm},
		{Name: "outside", Use: "sht4x", Bus: "i2c1", Addr: 0x44, Every: time.Second},
		{Name: "position", Use: "nmea", Port: b.GNSSPort.Path(), Mode: "9600 8N1", Every: time.Second},
		{Name: "garden", Use: "line", Port: b.LinesPort.Path(), Mode: "115200 8N1", Every: 500 * time.Millisecond, Fields: b.fields},
	}
}

// Move sets all physical values to those of the instant t. Run calls it; a test
// that owns the time may, when Run is not running.
func (b *Board) Move(t time.Time) {
	c := b.weather.at(t)
	b.BME280.Set(c.cel+2.2, c.pa, bounded(c.rh+8, 0, 100)) // a greenhouse is warmer and damper
	b.SHT4x.Set(c.cel, c.rh)
	b.TMP102.Set(c.board)
	b.INA219.Set(c.volts, c.amps)
	b.Lines.Set(0, c.soil)
	b.Lines.Set(1, c.sun)
	b.Lines.Set(2, c.cell)
}

// Run lets the values move and the serial devices talk until ctx ends. It runs
// on the caller's goroutine with one more per serial device, which it waits for.
// An error is a port's, and ends only its device.
func (b *Board) Run(ctx context.Context) error {
	talkers := [...]*Talker{b.GNSSTalk, b.LinesTalk}
	var errs [len(talkers)]error
	var wg sync.WaitGroup
	for i, t := range talkers {
		wg.Go(func() { errs[i] = t.Run(ctx) })
	}
	tick := time.NewTicker(boardTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			wg.Wait()
			return errors.Join(errs[:]...)
		case now := <-tick.C:
			b.Move(now)
		}
	}
}

// Close unplugs the serial devices and removes their links. Call it after Run
// has ended.
func (b *Board) Close() error {
	return errors.Join(b.GNSSPort.Close(), b.LinesPort.Close())
}
