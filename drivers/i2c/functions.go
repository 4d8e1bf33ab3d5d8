package i2c

import (
	"fmt"
	"strings"
)

// Functions is the set of things that an adapter can do (I2C_FUNC_* of
// linux/i2c.h).
type Functions uint32

// The functions that matter to a Bus.
const (
	FuncI2C           Functions = 0x00000001 // any transaction; the others are SMBus commands
	FuncTenBit        Functions = 0x00000002
	FuncQuick         Functions = 0x00010000
	FuncReadByte      Functions = 0x00020000
	FuncWriteByte     Functions = 0x00040000
	FuncReadByteData  Functions = 0x00080000
	FuncWriteByteData Functions = 0x00100000
	FuncReadWordData  Functions = 0x00200000
	FuncWriteWordData Functions = 0x00400000
	FuncReadBlock     Functions = 0x04000000 // I2C block, not SMBus block
	FuncWriteBlock    Functions = 0x08000000
)

// String lists the functions by name, for diagnostics.
func (f Functions) String() string {
	names := []struct {
		bit  Functions
		name string
	}{
		{FuncI2C, "i2c"}, {FuncTenBit, "10bit"}, {FuncQuick, "quick"},
		{FuncReadByte, "read-byte"}, {FuncWriteByte, "write-byte"},
		{FuncReadByteData, "read-byte-data"}, {FuncWriteByteData, "write-byte-data"},
		{FuncReadWordData, "read-word-data"}, {FuncWriteWordData, "write-word-data"},
		{FuncReadBlock, "read-i2c-block"}, {FuncWriteBlock, "write-i2c-block"},
	}
	var have []string
	for _, n := range names {
		if f&n.bit != 0 {
			have = append(have, n.name)
			f &^= n.bit
		}
	}
	if f != 0 {
		have = append(have, fmt.Sprintf("0x%x", uint32(f)))
	}
	return strings.Join(have, " ")
}
