package sim

import (
	"encoding/binary"
	"math"
	"sync"
)

// The tables of a Modbus device, by the function codes that read them
// (application protocol V1.1b3, sections 6.1 to 6.4).
const (
	ModbusCoils    = 1
	ModbusDiscrete = 2
	ModbusHolding  = 3
	ModbusInput    = 4
)

// Exceptions that a ModbusSlave answers with (section 7).
const (
	modbusIllegalFunction = 1
	modbusIllegalAddress  = 2
	modbusIllegalValue    = 3
)

// ModbusSlave is the registers of a Modbus device. What was never set does not
// exist: reading it is refused, as real devices do. Its methods may be called
// from any goroutine.
type ModbusSlave struct {
	// MostRegisters is how many registers one request may read; 0 is the
	// protocol's 125.
	MostRegisters int

	mu     sync.Mutex // guards what follows
	words  map[[2]uint16]uint16
	refuse byte
	asked  int
}

// NewModbusSlave makes a device without registers.
func NewModbusSlave() *ModbusSlave { return &ModbusSlave{words: map[[2]uint16]uint16{}} }

// Set gives registers, or coils and inputs, values from addr on. Of bits
// anything but 0 is on.
func (s *ModbusSlave) Set(table byte, addr uint16, values ...uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, v := range values {
		s.words[[2]uint16{uint16(table), addr + uint16(i)}] = v
	}
}

// SetFloat sets an IEEE 754 number of 32 bits in two registers, high word first.
func (s *ModbusSlave) SetFloat(table byte, addr uint16, v float64) {
	s.SetUint32(table, addr, math.Float32bits(float32(v)))
}

// SetUint32 sets a number in two registers, high word first.
func (s *ModbusSlave) SetUint32(table byte, addr uint16, v uint32) {
	s.Set(table, addr, uint16(v>>16), uint16(v))
}

// Refuse lets the device answer everything with an exception; 0 ends that.
func (s *ModbusSlave) Refuse(code byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = code
}

// Asked tells how many requests the device has seen.
func (s *ModbusSlave) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// AppendAnswer extends dst by the answer to a request, both from the function
// code on and without checksum.
func (s *ModbusSlave) AppendAnswer(dst, request []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	function := byte(0)
	if len(request) > 0 {
		function = request[0]
	}
	code := s.refuse
	if code == 0 && len(request) == 5 {
		addr, n := binary.BigEndian.Uint16(request[1:]), int(binary.BigEndian.Uint16(request[3:]))
		if code = s.checkLocked(function, addr, n); code == 0 {
			return s.appendLocked(dst, function, addr, n)
		}
	} else if code == 0 {
		code = modbusIllegalValue
	}
	return append(dst, function|0x80, code)
}

// checkLocked says why the device refuses to read n values, or 0.
func (s *ModbusSlave) checkLocked(table byte, addr uint16, n int) byte {
	most := 2000
	switch table {
	case ModbusCoils, ModbusDiscrete:
	case ModbusHolding, ModbusInput:
		if most = s.MostRegisters; most == 0 {
			most = 125
		}
	default:
		return modbusIllegalFunction
	}
	if n < 1 || n > most {
		return modbusIllegalValue
	}
	for i := range n {
		if _, ok := s.words[[2]uint16{uint16(table), addr + uint16(i)}]; !ok || int(addr)+i > math.MaxUint16 {
			return modbusIllegalAddress
		}
	}
	return 0
}

func (s *ModbusSlave) appendLocked(dst []byte, table byte, addr uint16, n int) []byte {
	word := func(i int) uint16 { return s.words[[2]uint16{uint16(table), addr + uint16(i)}] }
	if table == ModbusHolding || table == ModbusInput {
		dst = append(dst, table, byte(2*n))
		for i := range n {
			dst = binary.BigEndian.AppendUint16(dst, word(i))
		}
		return dst
	}
	dst = append(dst, table, byte((n+7)/8))
	for first := 0; first < n; first += 8 {
		var b byte
		for i := first; i < min(n, first+8); i++ {
			if word(i) != 0 {
				b |= 1 << (i - first)
			}
		}
		dst = append(dst, b)
	}
	return dst
}

// modbusCRC is the checksum of RTU frames as section 6.2.2 of the serial line
// guide V1.02 generates it: the low byte goes first on the line.
func modbusCRC(p []byte) uint16 {
	reg := uint16(0xffff)
	for _, b := range p {
		reg ^= uint16(b)
		for range 8 {
			out := reg & 1
			reg >>= 1
			reg ^= out * 0xa001
		}
	}
	return reg
}

// AppendRTU extends dst by a frame of unit with its checksum.
func AppendRTU(dst []byte, unit byte, pdu ...byte) []byte {
	begin := len(dst)
	dst = append(append(dst, unit), pdu...)
	return binary.LittleEndian.AppendUint16(dst, modbusCRC(dst[begin:]))
}
