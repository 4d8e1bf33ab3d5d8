package clock

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/telhub/telhub/uplink/frame"
)

// bootIDPath holds the kernel's random identifier of this boot.
const bootIDPath = "/proc/sys/kernel/random/boot_id"

// ReadBootID returns the kernel's identifier of this boot.
func ReadBootID() (frame.BootID, error) {
	b, err := os.ReadFile(bootIDPath)
	if err != nil {
		return frame.BootID{}, fmt.Errorf("boot id: %w", err)
	}
	return parseBootID(string(b))
}

func parseBootID(text string) (id frame.BootID, err error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(text), "-", ""))
	if err != nil || len(raw) != len(id) {
		return id, fmt.Errorf("boot id: %q is not a UUID", strings.TrimSpace(text))
	}
	copy(id[:], raw)
	return id, nil
}
