package scan

import "github.com/telhub/telhub/agent/doctor"

// Report is everything that was found.
type Report struct {
	Board    string    `json:"board"`
	Buses    []Bus     `json:"i2c"`
	Ports    []Port    `json:"serial"`
	Kernel   []Kernel  `json:"kernel"`
	Modbus   *Modbus   `json:"modbus,omitempty"`
	Problems []Problem `json:"problems"`
	TOML     string    `json:"toml"` // the configuration
}

// Problem is something that could not be looked at.
type Problem struct {
	Subject string `json:"subject"`
	Seen    string `json:"seen"`
	Do      string `json:"do,omitempty"`
	Warning bool   `json:"warning,omitempty"` // it was looked at, but what was found may be wrong
}

// Failures counts what could not be looked at.
func (r *Report) Failures() (n int) {
	for i := range r.Problems {
		if !r.Problems[i].Warning {
			n++
		}
	}
	return n
}

// String gives the problem and what to do on one line.
func (p *Problem) String() string {
	if p.Do == "" {
		return p.Subject + ": " + p.Seen
	}
	return p.Subject + ": " + p.Seen + "; " + p.Do
}

// Bus is an I2C adapter.
type Bus struct {
	Path    string `json:"path"`
	Driver  string `json:"driver,omitempty"`
	Label   string `json:"label,omitempty"`
	Skipped string `json:"skipped,omitempty"` // why it was not probed
	Chips   []Chip `json:"chips"`

	number int
}

// Chip is an address at which somebody is.
type Chip struct {
	Addr       uint16      `json:"addr"`
	Kernel     string      `json:"kernel_driver,omitempty"` // that owns it: it was not asked
	Candidates []Candidate `json:"candidates"`              // whose identity holds, best first
	Possible   []string    `json:"possible,omitempty"`      // profiles for this address that cannot tell
	Note       string      `json:"note,omitempty"`
}

// Candidate is what a device may be.
type Candidate struct {
	Use      string   `json:"use"`
	Title    string   `json:"title,omitempty"`
	Evidence int      `json:"evidence_bits"`    // compared bits that were as they should be
	Values   []string `json:"values,omitempty"` // of a reading, where one was taken

	bad   int     // values of that reading that cannot be true
	score float64 // by which candidates for an I2C address are ranked
}

// Port is a serial port.
type Port struct {
	Path    string          `json:"path"` // to configure it by
	Device  string          `json:"device"`
	ByID    []string        `json:"by_id,omitempty"`
	ByPath  []string        `json:"by_path,omitempty"`
	Shared  bool            `json:"by_id_is_shared,omitempty"` // other adapters would have the same by-id name
	Driver  string          `json:"driver,omitempty"`
	Product string          `json:"product,omitempty"`
	Label   string          `json:"label,omitempty"`
	Holders []doctor.Holder `json:"holders,omitempty"`
	Skipped string          `json:"skipped,omitempty"` // why it is not for sensors, or was not listened to
	Heard   *Heard          `json:"heard,omitempty"`   // nil: not listened
}

// Heard is what came from a port.
type Heard struct {
	Bytes   int      `json:"bytes"` // all modes together
	Use     string   `json:"use,omitempty"`
	Mode    string   `json:"mode,omitempty"`
	Units   uint64   `json:"units,omitempty"`   // well-formed sentences, lines, telegrams
	Options []string `json:"options,omitempty"` // further lines of the sensor's TOML
	Sample  string   `json:"sample,omitempty"`
}

// Kernel is something that a driver of the kernel reads.
type Kernel struct {
	Use     string   `json:"use"`              // hwmon, iio, w1, thermal, gpio
	Name    string   `json:"name"`             // the kernel's
	Device  string   `json:"device,omitempty"` // what it is part of
	Options []string `json:"options,omitempty"`
	Note    string   `json:"note,omitempty"`
}

// Modbus is what answered on a line.
type Modbus struct {
	Line     string `json:"line"` // the port, or host:port
	Mode     string `json:"mode,omitempty"`
	Requests int    `json:"requests"`
	Every    bool   `json:"answers_to_every_number,omitempty"` // a device on TCP that does not look at the number
	Units    []Unit `json:"units"`
}

// Unit is a Modbus device.
type Unit struct {
	ID         uint8       `json:"unit_id"`
	Candidates []Candidate `json:"candidates"`
}

// Found counts what could be configured.
func (r *Report) Found() (n int) {
	for i := range r.Buses {
		n += len(r.Buses[i].Chips)
	}
	n += len(r.Ports) + len(r.Kernel)
	if r.Modbus != nil {
		n += len(r.Modbus.Units)
	}
	return n
}
