package sml

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/telhub/telhub/drivers/obis"
)

// Options says what is special about the meter.
type Options struct {
	Server  string   // hexadecimal server ID of the only meter to be read; empty = any
	Outputs []Output // further entries of the list
}

// Output is an entry of the list that has no output by itself.
type Output = obis.Output

// baseUnits are the units that entries are converted to.
const baseUnits = "J, W, vars, var, VAs, VA, V, A, m3, Hz, s, deg, Cel, count"

// maxServer is the longest server ID in bytes. They have ten.
const maxServer = 32

func newTable(o *Options) (obis.Table, error) {
	return obis.NewTable(entries(), derived(), o.Outputs, obis.Words{Value: "entry", Units: baseUnits, Parse: parseKey})
}

func parseServer(s string) ([]byte, error) {
	id, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil || len(id) > maxServer {
		return nil, fmt.Errorf("server %s: want the meter's server ID in hexadecimal digits, 0a014954520000000001", strconv.Quote(s))
	}
	return id, nil
}

// parseKey reads an OBIS code A-B:C.D.E of the configuration, with or without
// *255.
func parseKey(s string) (obis.Code, error) {
	var c obis.Code
	rest := strings.TrimSuffix(s, "*255")
	for _, separator := range []string{"-", ":", ".", ".", ""} {
		digits := rest
		if separator != "" {
			digits, rest, _ = strings.Cut(rest, separator)
		}
		v, err := strconv.ParseUint(digits, 10, 8)
		if err != nil {
			return 0, fmt.Errorf("key %s: want an OBIS code, 1-0:15.8.0", strconv.Quote(s))
		}
		c = c<<8 | obis.Code(v)
	}
	return c, nil
}
