package scan

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/drivers/profile"
)

// certain is from how many bits of evidence on no command is tried any more.
const certain = 8

// bosch are the chips of one family, which the code of package bmx280 reads and
// no profile describes: the address is not enough, and one register tells them
// apart (BST-BME280-DS002 5.4.1, BST-BMP280-DS001 4.3.1, BST-BME680-DS001
// 5.3.1.1, BST-BMP180-DS000 4.2).
type bosch struct {
	id         byte
	use, title string
}

// boschRegister is where the family has its identity.
const boschRegister = 0xD0

func boschFamily() []bosch {
	return []bosch{
		{0x60, "bme280", "Bosch BME280 temperature, pressure, humidity"},
		{0x58, "bmp280", "Bosch BMP280 temperature, pressure"},
		{0x57, "bmp280", "Bosch BMP280 temperature, pressure (sample)"},
		{0x56, "bmp280", "Bosch BMP280 temperature, pressure (sample)"},
		{0x61, "bme680", "Bosch BME680 temperature, pressure, humidity, gas"},
		{0x55, "bmp180", "Bosch BMP180 temperature, pressure"},
	}
}

// expander reports whether port expanders of the PCF8574 kind live at an
// address: they put every byte that is written on their pins. OLED displays
// with their commands are there, too.
func expander(addr uint16) bool {
	return addr >= 0x20 && addr <= 0x27 || addr >= 0x38 && addr <= 0x3F
}

// eeprom reports whether EEPROMs live at an address: they keep a second byte.
func eeprom(addr uint16) bool { return addr >= 0x50 && addr <= 0x57 }

// usual says what is often found at an address that no profile explains.
func usual(addr uint16) string {
	switch {
	case eeprom(addr):
		return "likely an EEPROM"
	case addr == 0x3C || addr == 0x3D:
		return "likely a display"
	case addr == 0x68:
		return "likely a real-time clock: dtoverlay=i2c-rtc lets the kernel use it"
	case addr == 0x76 || addr == 0x77:
		return "perhaps a barometer that the kernel reads by iio (DPS310, MS5611), or a multiplexer (dtoverlay=i2c-mux)"
	case addr >= 0x70 && addr <= 0x77:
		return "perhaps a multiplexer: dtoverlay=i2c-mux gives each of its channels a bus"
	}
	return ""
}

// stranger is a chip that only the kernel's driver reads, known by a register.
type stranger struct {
	addrs   []uint16
	reg, id byte
	note    string
}

func strangers() []stranger {
	return []stranger{
		// Infineon DPS310 data sheet, 7.10: product and revision.
		{[]uint16{0x77, 0x76}, 0x0D, 0x10, "an Infineon DPS310 barometer: load the kernel's driver (modprobe dps310, and an overlay or new_device), then it is read by iio"},
	}
}

// stranger says which of them answers at addr; "" for none.
func (s *scanner) stranger(bus agent.I2C, addr uint16) string {
	for _, k := range strangers() {
		var id [1]byte
		if slices.Contains(k.addrs, addr) && bus.Tx(addr, []byte{k.reg}, id[:]) == nil && id[0] == k.id {
			return k.note
		}
	}
	return ""
}

// probe looks who is at addr; a nil chip is nobody.
func (s *scanner) probe(bus agent.I2C, addr uint16) (*Chip, error) {
	var b [1]byte
	err := bus.Tx(addr, nil, b[:])
	answers := err == nil
	if err != nil && !errors.Is(err, drivers.ErrNACK) {
		return nil, err
	}
	c := &Chip{Addr: addr, Candidates: []Candidate{}}
	if !s.o.ReadOnly && !expander(addr) {
		// A chip that acknowledges no read may answer its own command.
		if err := s.identify(bus, c); err != nil && answers {
			c.Note = "its identity could not be asked: " + err.Error()
			return c, nil
		} else if err != nil {
			return nil, err
		}
	}
	if !answers && len(c.Candidates) == 0 {
		return nil, nil
	}
	for _, p := range s.chips {
		if slices.Contains(p.Addresses(), addr) && (!p.Identifies() || s.o.ReadOnly || expander(addr)) {
			c.Possible = append(c.Possible, p.Name())
		}
	}
	if len(c.Candidates) == 0 {
		c.Note = usual(addr)
		if !s.o.ReadOnly {
			c.Note = cmp.Or(s.stranger(bus, addr), c.Note)
		}
	}
	return c, nil
}

// identify asks everybody who could be at the address, registers first.
func (s *scanner) identify(bus agent.I2C, c *Chip) error {
	if err := s.bosch(bus, c); err != nil {
		return err
	}
	for _, commands := range []bool{false, true} {
		if commands && (eeprom(c.Addr) || c.sure()) {
			break
		}
		for _, p := range s.chips {
			if !p.Identifies() || commands != (p.IdentityWrites() > 1) || !slices.Contains(p.Addresses(), c.Addr) {
				continue
			}
			ok, err := is(bus, c.Addr, p)
			if err != nil {
				return err
			}
			if ok {
				c.Candidates = append(c.Candidates, Candidate{Use: p.Name(), Title: p.Title(), Evidence: p.Evidence(), score: score(p, c.Addr)})
			}
		}
	}
	c.rank()
	return nil
}

// sure reports whether some candidate has shown enough.
func (c *Chip) sure() bool {
	return slices.ContainsFunc(c.Candidates, func(k Candidate) bool { return k.Evidence >= certain })
}

// score weighs what a chip has shown against how seldom it is at the address:
// profiles name the usual ones first.
func score(p *profile.Program, addr uint16) float64 {
	return float64(p.Evidence()) - math.Log2(float64(1+slices.Index(p.Addresses(), addr)))
}

// rank puts the best first. What has shown little is not mentioned beside what
// is sure.
func (c *Chip) rank() {
	slices.SortStableFunc(c.Candidates, func(a, b Candidate) int { return cmp.Compare(b.score, a.score) })
	if c.sure() {
		c.Candidates = slices.DeleteFunc(c.Candidates, func(k Candidate) bool { return k.Evidence < certain })
	}
}

// is asks whether the chip is p's. Errors are those of the bus.
func is(bus agent.I2C, addr uint16, p *profile.Program) (bool, error) {
	d, err := profile.New(bus, addr, p, profile.Opts{})
	if err != nil {
		return false, err
	}
	switch err := d.Identify(); {
	case err == nil:
		return true, nil
	case errors.Is(err, drivers.ErrTimeout), errors.Is(err, drivers.ErrBus), errors.Is(err, drivers.ErrUnplugged):
		return false, err
	}
	return false, nil
}

// bosch asks for the identity of the family whose chips code reads.
func (s *scanner) bosch(bus agent.I2C, c *Chip) error {
	if c.Addr != 0x76 && c.Addr != 0x77 {
		return nil
	}
	var id [1]byte
	switch err := bus.Tx(c.Addr, []byte{boschRegister}, id[:]); {
	case errors.Is(err, drivers.ErrNACK):
		return nil
	case err != nil:
		return err
	}
	for _, b := range boschFamily() {
		if b.id != id[0] {
			continue
		}
		if _, ok := catalog.Lookup(b.use, nil); !ok {
			b.title += ", which this telhub does not read"
		}
		c.Candidates = append(c.Candidates, Candidate{Use: b.use, Title: b.title, Evidence: 8, score: 8})
	}
	return nil
}
