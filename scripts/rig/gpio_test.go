//go:build hil

package rig

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// TestGPIO runs the board's tests of drivers/gpio against its kernel, as 64 bit
// and as 32 bit code. The emulated controller has no edge detection: requests,
// levels, debouncing as asked for and who has a line are tested, not counts.
func TestGPIO(t *testing.T) {
	server := redistest.Start(t)
	b := newBoard(t, "gpio", server.Port(), "guest/telhub.toml", "guest/rig-start")
	for _, arch := range []string{"arm64", "arm"} {
		compile(t, arch, filepath.Join(b.overlay, "root/gpio-"+arch+".test"), "test", "-tags=hil", "-c", "../../drivers/gpio")
	}
	b.up(t, nil)
	for _, arch := range []string{"arm64", "arm"} {
		out, status := b.try(t, 120*time.Second, "cd /root && ./gpio-"+arch+".test -test.run TestBoard -test.v")
		if status != 0 || !strings.Contains(out, "\nPASS") {
			t.Errorf("%s: exit status %d", arch, status)
		}
		t.Logf("%s\n%s", arch, out)
	}
}
