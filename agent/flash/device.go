package flash

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// sectorBytes is the unit of the block layer's counters, whatever the device's
// own sectors are (Documentation/block/stat.rst).
const sectorBytes = 512

// sectorsWritten is the field of the block layer's stat that counts them.
const sectorsWritten = 6

// Device is the block device, or the partition, that a file system is on.
type Device struct {
	Name string // "mmcblk0p2"
	stat string
	at   int64 // bytes written when it was found
}

// errNoDevice: tmpfs, overlayfs, NFS and btrfs have device numbers of their
// own that no block device has.
var errNoDevice = errors.New("the kernel shows no block device under it")

// Find returns the device under a path; root is where sysfs's parent is, "/"
// on a real machine.
func Find(root, path string) (*Device, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return nil, fmt.Errorf("flash: %s: %w", path, err)
	}
	d, err := at(root, uint64(st.Dev)) // its type differs by architecture
	if err != nil {
		return nil, fmt.Errorf("flash: %s: %w", path, err)
	}
	return d, nil
}

// at returns the device with a number.
func at(root string, number uint64) (*Device, error) {
	dir := filepath.Join(root, "sys/dev/block", fmt.Sprintf("%d:%d", unix.Major(number), unix.Minor(number)))
	d := &Device{Name: filepath.Base(dir), stat: filepath.Join(dir, "stat")}
	if target, err := os.Readlink(dir); err == nil {
		d.Name = filepath.Base(target)
	}
	n, err := readSectors(d.stat)
	if err != nil {
		return nil, err
	}
	d.at = n * sectorBytes
	return d, nil
}

// Written returns how many bytes were written to the device since Find, by
// whomever; -1 when it cannot be told any more.
func (d *Device) Written() int64 {
	n, err := readSectors(d.stat)
	if err != nil || n*sectorBytes < d.at {
		return -1
	}
	return n*sectorBytes - d.at
}

func readSectors(stat string) (int64, error) {
	b, err := os.ReadFile(stat)
	if errors.Is(err, os.ErrNotExist) {
		return 0, errNoDevice
	} else if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b))
	if len(fields) <= sectorsWritten {
		return 0, fmt.Errorf("%s has %d numbers, want more than %d", stat, len(fields), sectorsWritten)
	}
	n, err := strconv.ParseInt(fields[sectorsWritten], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", stat, err)
	}
	return n, nil
}
