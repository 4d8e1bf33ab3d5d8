package w1_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/w1"
)

const one, two = "28-0316a2795dff", "10-000802be10f4"

// put writes a device's file below root.
func put(t testing.TB, root, id, file, text string) {
	t.Helper()
	path := filepath.Join(root, "sys/bus/w1/devices", id, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, root, id string) *w1.Sensor {
	t.Helper()
	s, err := w1.New(w1.Options{Root: root, ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// single is a root with one device, and its sensor after Init.
func single(t testing.TB, id, file, text string) (root string, s *w1.Sensor) {
	t.Helper()
	root = t.TempDir()
	put(t, root, id, file, text)
	put(t, root, "w1_bus_master1", "w1_master_slave_count", "1\n")
	s = open(t, root, "")
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	return root, s
}

// read measures once.
func read(t testing.TB, s *w1.Sensor) (v float64, ok bool, err error) {
	t.Helper()
	var r drivers.Reading
	_, err = s.Read(&r)
	if err == nil && r.Empty() {
		t.Error("neither value nor verdict")
	}
	return r.Values[0], r.Has(0), err
}

// crc8 is the Maxim one (x⁸+x⁵+x⁴+1, reflected), bit by bit.
func crc8(p []byte) (crc byte) {
	for _, b := range p {
		for range 8 {
			mix := (crc ^ b) & 1
			crc >>= 1
			if mix != 0 {
				crc ^= 0x8C
			}
			b >>= 1
		}
	}
	return crc
}

// slave writes w1_slave as the kernel does, for eight bytes of scratchpad; its
// temperature is cut to whole millidegrees as in C.
func slave(pad []byte, milli int) string {
	crc := crc8(pad)
	hex := strings.TrimSpace(fmt.Sprintf("% x %02x", pad, crc))
	return fmt.Sprintf("%s : crc=%02x YES\n%s t=%d\n", hex, crc, hex, milli)
}

type vectors struct {
	DS18B20 struct {
		Cases []struct {
			Raw  string  `json:"raw"`
			Temp float64 `json:"temp_c"`
		} `json:"cases"`
	} `json:"ds18b20_12bit"`
	Slave struct {
		Text  string  `json:"text"`
		Milli float64 `json:"temp_mc"`
	} `json:"w1_slave_text"`
}

func load(t *testing.T) (v vectors) {
	t.Helper()
	b, err := os.ReadFile("testdata/datasheet.json")
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil || len(v.DS18B20.Cases) == 0 {
		t.Fatalf("%v: %d cases", err, len(v.DS18B20.Cases))
	}
	return v
}

// A real answer, and the table of the DS18B20's data sheet.
func TestDataSheet(t *testing.T) {
	v := load(t)
	root, s := single(t, one, "w1_slave", v.Slave.Text)
	if got, ok, err := read(t, s); got != v.Slave.Milli/1000 || !ok || err != nil {
		t.Errorf("got %v, %v, %v", got, ok, err)
	}
	for _, c := range v.DS18B20.Cases {
		raw, err := hex.DecodeString(c.Raw)
		if err != nil {
			t.Fatal(err)
		}
		// Low byte first; 0x10 in byte 6 says that a conversion took place.
		pad := []byte{raw[1], raw[0], 0x4B, 0x46, 0x7F, 0xFF, 0x10, 0x10}
		put(t, root, one, "w1_slave", slave(pad, int(int16(uint16(raw[0])<<8|uint16(raw[1])))*1000/16))
		_, _, _ = read(t, s) // 85 °C needs to be confirmed
		if got, ok, err := read(t, s); got != c.Temp || !ok || err != nil {
			t.Errorf("%s: got %v, %v, %v, want %v", c.Raw, got, ok, err, c.Temp)
		}
	}
}

// A scratchpad that periph's authors recorded from a chip.
func TestRecordedScratchpad(t *testing.T) {
	var v struct {
		Scratchpad, ROM string
		Expect          struct {
			Temp float64 `json:"temp_c"`
		}
	}
	b, err := os.ReadFile("testdata/periph.json")
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	pad, herr := hex.DecodeString(v.Scratchpad)
	if err != nil || herr != nil || len(pad) != 9 || crc8(pad[:8]) != pad[8] {
		t.Fatalf("%v, %v, %x", err, herr, pad)
	}
	// The ROM's bytes stand checksum first and family last there.
	id := v.ROM[len(v.ROM)-2:] + "-" + v.ROM[2:len(v.ROM)-2]
	_, s := single(t, id, "w1_slave", slave(pad[:8], (int(pad[1])<<8|int(pad[0]))*1000/16))
	if got, ok, err := read(t, s); got != v.Expect.Temp || !ok || err != nil {
		t.Errorf("got %v, %v, %v, want %v", got, ok, err, v.Expect.Temp)
	}
}

// Each of the chip's sixteenths arrives as it is, though the kernel cuts it.
func TestSixteenthsAreExact(t *testing.T) {
	root, s := single(t, one, "temperature", "0\n")
	for raw := -55 * 16; raw <= 125*16; raw++ {
		if raw == 85*16 {
			continue
		}
		put(t, root, one, "temperature", fmt.Sprintf("%d\n", raw*1000/16))
		if got, ok, err := read(t, s); got != float64(raw)/16 || !ok || err != nil {
			t.Fatalf("raw %d: got %v, %v, %v", raw, got, ok, err)
		}
	}
}

func TestPowerOnValueNeedsConfirmation(t *testing.T) {
	root, s := single(t, one, "temperature", "85000\n")
	steps := func(name string, list ...any) {
		t.Helper()
		if err := s.Init(); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(list); i += 2 {
			put(t, root, one, "temperature", fmt.Sprintf("%d\n", list[i]))
			if _, ok, err := read(t, s); ok != list[i+1] || err != nil {
				t.Errorf("%s: step %d, %d: got %v, %v", name, i/2, list[i], ok, err)
			}
		}
	}
	steps("first value", 85000, false, 20000, true)
	steps("confirmed", 85000, false, 85000, true, 85000, true)
	steps("isolated", 20000, true, 85000, false, 20000, true, 85000, false, 85000, true)
	steps("reached by heating", 83500, true, 85000, true, 84937, true, 85000, true)
	steps("neighbours are not meant", 84937, true, 85062, true, 20000, true, 84937, true)

	// With byte 6 = 0x0C nothing was converted, however often it is said.
	root, s = single(t, one, "w1_slave", slave([]byte{0x50, 0x05, 0x4B, 0x46, 0x7F, 0xFF, 0x0C, 0x10}, 85000))
	for range 3 {
		if _, ok, err := read(t, s); ok || err != nil {
			t.Errorf("power-on scratchpad: got %v, %v", ok, err)
		}
	}
	put(t, root, one, "w1_slave", slave([]byte{0x50, 0x05, 0x4B, 0x46, 0x7F, 0xFF, 0x10, 0x10}, 85000))
	if _, ok, _ := read(t, s); !ok {
		t.Error("85 °C after 85 °C of a conversion was refused")
	}
}

func TestWhatIsNoTemperature(t *testing.T) {
	root, s := single(t, one, "w1_slave", "")
	zeros := "00 00 00 00 00 00 00 00 00"
	for _, test := range []struct {
		text string
		want error // nil: bad
	}{
		{"72 01 4b 46 7f ff 0e 10 57 : crc=4f NO\n72 01 4b 46 7f ff 0e 10 57 t=23125\n", drivers.ErrCRC},
		{"ff ff ff ff ff ff ff ff ff : crc=c9 NO\n72 01 4b 46 7f ff 0e 10 57 t=23125\n", drivers.ErrCRC},
		{zeros + " : crc=00 YES\n" + zeros + " t=0\n", drivers.ErrBus},
		{"72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n", drivers.ErrShort},
		{"72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=\n", drivers.ErrShort},
		{"72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n73 01 4b 46 7f ff 0e 10 57 t=23125\n", drivers.ErrShort},
		{"72 01 4b : crc=57 YES\n", drivers.ErrShort},
		{"garbage\n", drivers.ErrShort},
		{"", nil},
		{"-127000\n", nil},
		{"-55062\n", nil},
		{"125062\n", nil},
	} {
		put(t, root, one, "w1_slave", test.text)
		_, ok, err := read(t, s)
		if ok || !errors.Is(err, test.want) || (test.want == nil) != (err == nil) {
			t.Errorf("%q: got %v, %v, want %v", test.text, ok, err, test.want)
		}
	}
}

// Family 3B is the DS1825 and the MAX31850, whose configuration's bit 7 is 1.
func TestThermocouple(t *testing.T) {
	const id = "3b-0000001921e8"
	root, s := single(t, id, "w1_slave", slave([]byte{0x00, 0x32, 0x80, 0x17, 0xF0, 0xFF, 0xFF, 0xFF}, 800000))
	if got, ok, err := read(t, s); got != 800 || !ok || err != nil {
		t.Errorf("got %v, %v, %v", got, ok, err)
	}
	put(t, root, id, "w1_slave", slave([]byte{0x01, 0x32, 0x81, 0x17, 0xF0, 0xFF, 0xFF, 0xFF}, 800000)) // open circuit
	if _, ok, _ := read(t, s); ok {
		t.Error("a fault was taken for a temperature")
	}
	put(t, root, id, "w1_slave", slave([]byte{0x00, 0x32, 0x4B, 0x46, 0x7F, 0xFF, 0x10, 0x10}, 800000)) // a DS1825
	if _, ok, _ := read(t, s); ok {
		t.Error("800 °C of a DS1825 was taken")
	}
	put(t, root, id, "w1_slave", slave([]byte{0x91, 0x01, 0x4B, 0x46, 0x7F, 0xFF, 0x10, 0x10}, 25062))
	if got, ok, _ := read(t, s); got != 25.0625 || !ok {
		t.Errorf("DS1825: got %v, %v", got, ok)
	}
}

func TestDevicesAreKnownByTheirNumber(t *testing.T) {
	root := t.TempDir()
	s, first := open(t, root, ""), open(t, root, strings.ToUpper(one))
	if err := s.Init(); !errors.Is(err, drivers.ErrUnplugged) || !strings.Contains(err.Error(), "w1-gpio") {
		t.Errorf("no bus: got %v", err)
	}
	put(t, root, "w1_bus_master1", "w1_master_slave_count", "0\n")
	put(t, root, "2d-000003a1b2c3", "eeprom", "")        // an EEPROM
	put(t, root, "28-0316a2795dff-x", "temperature", "") // no ROM number
	if err := s.Init(); !errors.Is(err, drivers.ErrUnplugged) || !strings.Contains(err.Error(), "pull-up") {
		t.Errorf("no device: got %v", err)
	}
	put(t, root, two, "temperature", "21500\n")
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	if got, ok, err := read(t, s); got != 21.5 || !ok || err != nil {
		t.Errorf("got %v, %v, %v", got, ok, err)
	}
	if err := first.Init(); !errors.Is(err, drivers.ErrUnplugged) || !strings.Contains(err.Error(), "there are "+two) {
		t.Errorf("another device: got %v", err)
	}
	put(t, root, one, "id", "")
	if err := first.Init(); !errors.Is(err, drivers.ErrUnplugged) || !strings.Contains(err.Error(), "modprobe w1_therm") {
		t.Errorf("no driver: got %v", err)
	}
	put(t, root, one, "temperature", "22500\n")
	if err := first.Init(); err != nil {
		t.Fatal(err)
	}
	if err := s.Init(); !errors.Is(err, drivers.ErrIdentity) || !strings.Contains(err.Error(), one) || !strings.Contains(err.Error(), two) {
		t.Errorf("two devices and no id: got %v", err)
	}
	if err := os.RemoveAll(filepath.Join(root, "sys/bus/w1/devices", one)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(t, first); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("unplugged: got %v", err)
	}
	put(t, root, one, "temperature", "23500\n")
	if err := first.Init(); err != nil {
		t.Fatal(err)
	}
	if got, ok, err := read(t, first); got != 23.5 || !ok || err != nil {
		t.Errorf("plugged in again: got %v, %v, %v", got, ok, err)
	}
}

func TestComplaints(t *testing.T) {
	for _, id := range []string{"28", "28-0316a2795df", "28-0316a2795dffe", "2d-0316a2795dff", "28_0316a2795dff", "28-0316a2795dfg", "../../etc/passwd"} {
		if _, err := w1.New(w1.Options{ID: id}); err == nil || !strings.Contains(err.Error(), "id ") || !strings.Contains(err.Error(), "28-0316a2795dff") {
			t.Errorf("%q: got %v", id, err)
		}
	}
}

func TestNothingAllocates(t *testing.T) {
	root, s := single(t, one, "w1_slave", load(t).Slave.Text)
	gone := open(t, root, two)
	var r drivers.Reading
	measure := func() {
		r.Reset()
		_, _ = s.Read(&r)
		_ = gone.Init()
		_, _ = gone.Read(&r)
	}
	check := func(what string) {
		t.Helper()
		if n := testing.AllocsPerRun(200, measure); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
	check("good")
	put(t, root, one, "w1_slave", "72 01 4b 46 7f ff 0e 10 57 : crc=4f NO\n")
	check("checksum")
	put(t, root, one, "w1_slave", "garbage")
	check("garbage")
	if n := testing.AllocsPerRun(20, func() { _ = s.Init() }); n != 0 {
		t.Errorf("Init: %v allocations", n)
	}
	if err := os.RemoveAll(filepath.Join(root, "sys/bus/w1/devices", one)); err != nil {
		t.Fatal(err)
	}
	check("gone")
}

// Whatever the file says: a value is one of the chip's range, and never comes
// from a text that does not have the kernel's form.
func FuzzRead(f *testing.F) {
	root, s := single(f, one, "w1_slave", "0\n")
	for _, seed := range []string{
		"72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n",
		"72 01 4b 46 7f ff 0e 10 57 : crc=4f NO\n72 01 4b 46 7f ff 0e 10 57 t=23125\n",
		"23125\n", "-55000", "85000\n", "", "t=1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		put(t, root, one, "w1_slave", text)
		v, ok, err := read(t, s)
		if ok && (err != nil || v < -55 || v > 125 || strings.Contains(text, " NO")) {
			t.Errorf("%q: got %v, %v", text, v, err)
		}
	})
}
