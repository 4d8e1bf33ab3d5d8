package flash

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMeter(t *testing.T) {
	type step struct {
		at          time.Duration
		own, device int64
		want        int64
	}
	for name, steps := range map[string][]step{
		"the journal counts": {
			{0, 0, 0, 0}, {time.Second, 100, 130, 130}, {2 * time.Second, 200, 260, 130},
		},
		"others do not, beyond as much again": {
			{0, 0, 0, 0}, {time.Second, 100, 1e6, 200}, {2 * time.Second, 100, 2e6, 0}, {3 * time.Second, 150, 3e6, 100},
		},
		"never less than what was given to write calls": {
			{0, 0, 0, 0}, {time.Second, 100, 10, 100}, {2 * time.Second, 100, 120, 20},
		},
		"where no device is seen": {
			{0, 0, -1, 0}, {time.Second, 100, -1, 125},
		},
		"others write while nothing is written here": {
			{0, 0, 0, 0}, {time.Hour, 0, 1e9, 0}, {time.Hour + time.Second, 100, 1e9 + 120, 120},
		},
		"a new span forgets others": {
			{0, 0, 0, 0}, {time.Second, 100, 1e6, 200}, {11 * time.Minute, 200, 1e6 + 100, 200}, {12 * time.Minute, 300, 1e6 + 230, 130},
		},
		"a device that cannot be seen any more": {
			{0, 0, 0, 0}, {time.Second, 100, 120, 120}, {2 * time.Second, 200, -1, 0}, {3 * time.Second, 300, -1, 125},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var m Meter
			for i, s := range steps {
				if got := m.Charge(int64(s.at), s.own, s.device); got != s.want {
					t.Errorf("step %d charges %d, want %d", i, got, s.want)
				}
			}
		})
	}
}

// tree makes files below a root.
func tree(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestDevice(t *testing.T) {
	const line = "  242437    73353 17457922    63511  4206312   509643 %d  1386834        1   278352  1564845\n"
	stat := "sys/devices/mmc0/block/mmcblk0/mmcblk0p2/stat"
	root := tree(t, map[string]string{stat: fmt.Sprintf(line, 1000), "sys/dev/block/8:1/stat": "1 2 3", "sys/dev/block/8:2/stat": fmt.Sprintf(line, 7)[:30] + " x y z"})
	if err := os.Symlink("../../devices/mmc0/block/mmcblk0/mmcblk0p2", filepath.Join(root, "sys/dev/block/179:2")); err != nil {
		t.Fatal(err)
	}
	d, err := at(root, unix.Mkdev(179, 2))
	if err != nil {
		t.Fatal(err)
	}
	if d.Name != "mmcblk0p2" || d.Written() != 0 {
		t.Errorf("%s has written %d since just now", d.Name, d.Written())
	}
	for _, c := range []struct{ sectors, want int64 }{{1040, 40 * 512}, {999, -1}} {
		if err := os.WriteFile(filepath.Join(root, stat), fmt.Appendf(nil, line, c.sectors), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := d.Written(); got != c.want {
			t.Errorf("at %d sectors %d, want %d", c.sectors, got, c.want)
		}
	}
	for _, minor := range []uint32{0, 1, 2} {
		if d, err := at(root, unix.Mkdev(8, minor)); err == nil {
			t.Errorf("8:%d: %+v, want an error", minor, d)
		}
	}
	if _, err := Find("/", filepath.Join(root, "none")); err == nil {
		t.Error("a path that is not there has a device")
	}
}

func TestLives(t *testing.T) {
	dir := func(n int) string { return fmt.Sprintf("sys/block/mmcblk%d/device/", n) }
	root := tree(t, map[string]string{
		dir(0) + "life_time": "0x01 0x03\n", dir(0) + "pre_eol_info": "0x01\n",
		dir(1) + "name":      "SD card\n",
		dir(2) + "life_time": "0x0b 0x00\n", dir(2) + "pre_eol_info": "0x03\n",
		dir(3) + "life_time": "0x00 0x00\n", dir(3) + "pre_eol_info": "0x00\n",
		dir(4) + "life_time": "0xff nonsense\n", dir(4) + "pre_eol_info": "0x02\n",
		"sys/block/sda/device/life_time": "0x01 0x01\n",
	})
	want := []Life{
		{Device: "mmcblk0", Used: [2]float64{0.1, 0.3}, PreEOL: EOLNormal},
		{Device: "mmcblk2", Used: [2]float64{1.1, 0}, PreEOL: EOLUrgent},
		{Device: "mmcblk4", PreEOL: EOLWarning},
	}
	if got := Lives(root); !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
