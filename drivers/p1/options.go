package p1

import (
	"fmt"
	"strconv"
	"time"

	"github.com/telhub/telhub/drivers/obis"
)

// Options says what is special about the meter. The zero value serves meters
// of the Central European time zone.
type Options struct {
	Zone       time.Duration // winter time's offset from UTC; it is an hour in Central Europe
	Clock      bool          // readings carry the meter's time as UTC
	RequireCRC bool          // refuse telegrams without a checksum, of DSMR 2.2 and 3
	Key        string        // Luxembourg: 32 hexadecimal digits; empty = telegrams are plain
	Auth       string        // Luxembourg: 32 hexadecimal digits; empty = DefaultAuth
	Outputs    []Output      // further lines of the telegram
}

// Output is a line of the telegram that has no output by itself.
type Output = obis.Output

// baseUnits are the units that lines are converted to.
const baseUnits = "J, W, vars, var, VAs, VA, V, A, m3, Hz, s, count"

func newTable(o *Options) (obis.Table, error) {
	return obis.NewTable(lines(), derived(), o.Outputs, obis.Words{Value: "line", Units: baseUnits, Parse: parseKey})
}

// parseKey reads an OBIS code of the configuration.
func parseKey(s string) (obis.Code, error) {
	c, n := parseCode([]byte(s))
	if n == 0 || n != len(s) {
		return 0, fmt.Errorf("key %s: want an OBIS code as the telegram has it, 1-0:15.8.0", strconv.Quote(s))
	}
	return c, nil
}
