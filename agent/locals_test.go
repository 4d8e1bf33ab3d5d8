package agent

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/agent/metrics"
)

// What a sensor on no bus keeps for itself is given back when the agent ends:
// a buffer of the kernel's, a GPIO line.
func TestLocalSensorsAreClosed(t *testing.T) {
	cfg, err := config.Parse("test", []byte(`
[redis]
url = "redis://127.0.0.1:1/0"
[[sensor]]
name = "meter"
use = "gpio"
line = 17
every = "1s"
[[sensor]]
name = "shaker"
use = "iio"
chip = "adxl345"
channels = ["accel_x"]
buffered = true
[[sensor]]
name = "air"
use = "iio"
chip = "bme280"
channels = ["temp"]
every = "10s"
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "dev"), 0o755); err != nil {
		t.Fatal(err)
	}
	p, err := build(cfg, Openers{Root: root}, &metrics.Registry{})
	if err != nil {
		t.Fatal(err)
	}
	closers := 0
	for _, o := range p.openers {
		if _, is := o.(nothing); !is {
			closers++
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
	if closers != 2 || len(p.buses) != 2 || len(p.streams) != 1 {
		t.Errorf("%d are closed, of %d buses and %d streams", closers, len(p.buses), len(p.streams))
	}
}
