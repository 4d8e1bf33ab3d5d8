package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/internal/metricdoc"
)

// The catalogue lists what an agent exports that has one of everything: a bus,
// an alarm, a block device under its spool, and an eMMC that tells its wear.
func TestCatalogueOfMetrics(t *testing.T) {
	root := t.TempDir()
	text := rigText(t, "redis://127.0.0.1:1/0", "") + "[sensor.temperature]\nalarm = { high = 40 }\n"
	cfg, err := config.Parse("test", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(cfg.Spool.Path, &st); err != nil {
		t.Fatal(err)
	}
	dev := uint64(st.Dev)
	for name, text := range map[string]string{
		"sys/block/mmcblk1/device/life_time": "0x02 0x0a\n", "sys/block/mmcblk1/device/pre_eol_info": "0x02\n",
		fmt.Sprintf("sys/dev/block/%d:%d/stat", unix.Major(dev), unix.Minor(dev)): "1 0 8 0 1 0 8 0 0 0 0\n",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := newRigAt(t, cfg, root)
	metricdoc.Check(t, "../docs/observability.md", "metrics of telhub", r.metrics.AppendText(nil), regexp.MustCompile("."))
	r.run(t)()
}
