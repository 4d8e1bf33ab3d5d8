package flash

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// PreEOL is what an eMMC says of its spare blocks (JEDEC JESD84-B51, 7.4.82,
// PRE_EOL_INFO).
type PreEOL uint8

// The values of PreEOL.
const (
	EOLUnknown PreEOL = iota
	EOLNormal         // fewer than 80 % of the spare blocks are used
	EOLWarning        // 80 % are used
	EOLUrgent         // 90 % are used
)

// Life is how worn an eMMC says it is. SD cards and most others do not tell.
type Life struct {
	Device string // "mmcblk0"
	// Used is which part of its life each type of memory has used, at most:
	// 0.1, 0.2 … 1, and 1.1 when it is beyond; 0 is not told. The first (type
	// A) is the one that bears most writes, usually SLC; the second the rest
	// (JESD84-B51, 7.4.80 and 7.4.81, DEVICE_LIFE_TIME_EST_TYP_A and _B).
	Used   [2]float64
	PreEOL PreEOL
}

// Lives reads all eMMCs that tell, in the order of their names; root is where
// sysfs's parent is. The kernel reads the registers when it finds the device,
// so they are as old as the boot.
func Lives(root string) (list []Life) {
	dirs, _ := filepath.Glob(filepath.Join(root, "sys/block/mmcblk*/device")) // its only error is a bad pattern
	for _, dir := range dirs {
		l := Life{Device: filepath.Base(filepath.Dir(dir))}
		if l.read(dir) {
			list = append(list, l)
		}
	}
	return list
}

// read fills l and reports whether the device tells anything.
func (l *Life) read(dir string) bool {
	used, eol := registers(filepath.Join(dir, "life_time")), registers(filepath.Join(dir, "pre_eol_info"))
	for i := range min(len(used), len(l.Used)) {
		if used[i] <= 0x0B { // higher values are reserved
			l.Used[i] = float64(used[i]) / 10
		}
	}
	if len(eol) > 0 && eol[0] <= uint64(EOLUrgent) {
		l.PreEOL = PreEOL(eol[0])
	}
	return l.Used != [2]float64{} || l.PreEOL != EOLUnknown
}

// registers reads numbers such as "0x01 0x02".
func registers(file string) (list []uint64) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	for _, word := range strings.Fields(string(b)) {
		n, err := strconv.ParseUint(word, 0, 64)
		if err != nil {
			return nil
		}
		list = append(list, n)
	}
	return list
}
