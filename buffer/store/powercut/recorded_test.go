package powercut

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// recordedFile was made by TestMakeRecording.
const recordedFile = "testdata/life.gob.gz"

// Every cut of a recording that was made on a real kernel, recovered by
// e2fsck, as boards do before they mount.
func TestRecordedPowerCuts(t *testing.T) {
	r := loadRecording(t, recordedFile)
	dice := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	cuts := r.cuts(dice, 1)
	if testing.Short() {
		cuts = cuts[len(cuts)-20:]
	}
	var frames atomic.Int64
	d := newDrain(t)
	t.Run("cuts", func(t *testing.T) {
		for _, c := range cuts {
			t.Run(c.String(), func(t *testing.T) {
				t.Parallel()
				image := make([]byte, len(r.Base)) // one each, but only those that run
				newPlayer(r).image(image, c)
				owed, err := r.at(c)
				if err != nil {
					t.Fatal(err)
				}
				dir := extract(t, image)
				v, err := judge(dir, &owed, r.Drops, c.Seed%3 == 1)
				if err == nil {
					err = d.run(t.Context(), dir, &v, r.Drops, rand.New(rand.NewPCG(c.Seed, 1)))
				}
				if err != nil {
					t.Error(err)
				}
				if v.Salvaged > 0 || v.Open > time.Second {
					t.Errorf("salvaged %d files, opened in %v", v.Salvaged, v.Open)
				}
				frames.Add(int64(v.Frames))
			})
		}
	})
	t.Logf("%d cuts, %d frames read back, all forwarded twice; %d of them the server had already", len(cuts), frames.Load(), d.absorb.Load())
	if d.absorb.Load() == 0 {
		t.Error("nothing came twice")
	}
	if frames.Load() == 0 {
		t.Error("no frame was read back")
	}
}

// A control: a server that forgets its marks takes all frames a second time,
// and the audit must see them.
func TestAuditSeesFramesTwice(t *testing.T) {
	r := loadRecording(t, recordedFile)
	image := make([]byte, len(r.Base))
	c := cut{At: len(r.Entries)}
	newPlayer(r).image(image, c)
	owed, err := r.at(c)
	if err != nil {
		t.Fatal(err)
	}
	dir := extract(t, image)
	v, err := judge(dir, &owed, r.Drops, false)
	if err != nil {
		t.Fatal(err)
	}
	d := newDrain(t)
	d.forget = true
	err = d.run(t.Context(), dir, &v, r.Drops, rand.New(rand.NewPCG(1, 1)))
	t.Log(err)
	if err == nil || !strings.Contains(err.Error(), "comes after") {
		t.Errorf("a stream that holds frames twice passes: %v", err)
	}
}

// extract recovers the file system of an image and copies the store's
// directory out of it.
func extract(t *testing.T, image []byte) (dir string) {
	t.Helper()
	tmp := t.TempDir()
	file := filepath.Join(tmp, "cut.img")
	if err := os.WriteFile(file, image, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := fsck(file); err != nil {
		t.Fatalf("e2fsck (of e2fsprogs): %v: %s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), "debugfs", "-R", fmt.Sprintf("rdump /%s %s", spoolDir, tmp), file).CombinedOutput()
	if err != nil {
		t.Fatalf("debugfs (of e2fsprogs): %v: %s", err, out)
	}
	return filepath.Join(tmp, spoolDir)
}
