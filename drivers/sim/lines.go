package sim

import (
	"strconv"
	"sync"
	"time"
)

// LineFormat is how a Lines source writes a reading.
type LineFormat uint8

const (
	CSV      LineFormat = iota // 21.5,48.2
	KeyValue                   // temperature=21.5 humidity=48.2
	JSON                       // {"temperature":21.5,"humidity":48.2}
)

// Field is one quantity of a Lines source.
type Field struct {
	Name     string
	Decimals int // digits after the point
}

// Lines is a source that says one line per reading, as microcontrollers do. The
// line ends with CR LF, as Arduino's println has it.
type Lines struct {
	format LineFormat
	fields []Field

	mu     sync.Mutex // guards values
	values []float64
}

// NewLines makes a source with all values 0.
func NewLines(format LineFormat, fields ...Field) *Lines {
	return &Lines{format: format, fields: fields, values: make([]float64, len(fields))}
}

// Set gives field i its value from now on.
func (l *Lines) Set(i int, v float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.values[i] = v
}

// Append implements Source.
func (l *Lines) Append(dst []byte, _ time.Time) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.format == JSON {
		dst = append(dst, '{')
	}
	for i, f := range l.fields {
		if i > 0 {
			dst = append(dst, l.separator())
		}
		switch l.format {
		case KeyValue:
			dst = append(append(dst, f.Name...), '=')
		case JSON:
			dst = append(strconv.AppendQuote(dst, f.Name), ':')
		}
		dst = strconv.AppendFloat(dst, l.values[i], 'f', f.Decimals, 64)
	}
	if l.format == JSON {
		dst = append(dst, '}')
	}
	return append(dst, '\r', '\n')
}

func (l *Lines) separator() byte {
	if l.format == KeyValue {
		return ' '
	}
	return ','
}
