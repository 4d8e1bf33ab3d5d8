package bmx280_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
	"testing/synctest"

	"periph.io/x/conn/v3/physic"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/bmx280"
)

// registers is a chip's memory as somebody recorded it. It knows no time: what
// was loaded is what is read, and what is written can be read back.
type registers struct {
	mem    [256]byte
	status byte
}

func (m *registers) load(at byte, text string) {
	raw, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	copy(m.mem[at:], raw)
}

func (m *registers) String() string                  { return "recorded" }
func (m *registers) SetSpeed(physic.Frequency) error { return nil }

func (m *registers) Tx(addr uint16, w, r []byte) error {
	if addr != 0x76 {
		return drivers.ErrNACK
	}
	m.mem[0xF3] = m.status
	if len(w) == 2 && w[0] >= 0xF2 && w[0] <= 0xF5 {
		m.mem[w[0]] = w[1]
	}
	if m.mem[0xF4]&3 == 1 {
		m.mem[0xF4] &^= 3 // a forced measurement is over at once
	}
	if len(w) == 1 {
		copy(r, m.mem[w[0]:])
	}
	return nil
}

// newRecorded is the chip of the recording below.
func newRecorded() *registers {
	m := &registers{}
	m.load(0xD0, "60")
	m.load(0x88, "106e6c6632005d95b8d5d00b771e9dfff9ffac260ad8bd10004b")
	m.load(0xE1, "6e01001305001e")
	m.load(0xF7, "4a52c08096c07a76")
	return m
}

// The recording of a real BME280, with what another driver made of it.
func TestRecordedChip(t *testing.T) {
	var file struct {
		Recording struct {
			Ops    []struct{ W, R string }
			Expect struct {
				Celsius  float64 `json:"temp_c"`
				Pressure float64 `json:"pressure_pa"`
				Humidity float64 `json:"rh_pct"`
			}
		} `json:"bme280_i2c_forced"`
	}
	raw, err := os.ReadFile("testdata/i2c_playbacks.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	m := &registers{}
	for _, op := range file.Recording.Ops {
		if len(op.W) == 2 && op.R != "" && op.W != "f3" {
			at, _ := hex.DecodeString(op.W)
			m.load(at[0], op.R)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		d := mustNew(t, m, bmx280.DefaultOpts(bmx280.BME280))
		mustInit(t, d)
		r := mustMeasure(t, d)
		near(t, "temperature", r.Values[0], file.Recording.Expect.Celsius, 0.02)
		near(t, "pressure", r.Values[1], file.Recording.Expect.Pressure, 5)
		near(t, "humidity", r.Values[2], file.Recording.Expect.Humidity, 0.05)
	})
}
