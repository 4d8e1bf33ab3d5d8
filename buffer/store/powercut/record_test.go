//go:build powercut

package powercut

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// diskBytes is the size of the disk: small, so that images are quick to make.
const diskBytes = 40 << 20

// makeDisk returns a new file system of the kind that boards have: ext4 with
// blocks of 4 KiB and a journal. Its groups are small, so that it has a second
// superblock, too.
func makeDisk(t testing.TB, size int64) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "new.img")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "mke2fs", "-q", "-t", "ext4", "-b", "4096", "-g", fmt.Sprint(groupBlocks), "-J", "size=4", "-m", "0",
		"-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", path).CombinedOutput()
	if err != nil {
		t.Fatalf("mke2fs: %v: %s", err, out)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// life is one life of the workload to record.
type life struct {
	base    []byte // the disk as it is found, perhaps after a cut
	begin   lineage
	drops   bool
	mount   string // options
	seed    uint64
	flushes int // ends it when so many barriers are recorded
}

// record runs the workload on a disk until it is cut off, and returns what the
// disk was told, mounting it included.
func record(t *testing.T, l life) *recording {
	t.Helper()
	rec := &recorder{}
	d := serveDisk(t, append([]byte(nil), l.base...), rec)
	dir := t.TempDir()
	if err := mountImage(d.path, dir, l.mount); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	}()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), workDir+"="+filepath.Join(dir, spoolDir), workMarks+"="+formatIDs(l.begin.Marks),
		fmt.Sprintf("%s=%d", workSaves, l.begin.Saved), fmt.Sprintf("%s=%d", workSeed, l.seed))
	if l.drops {
		cmd.Env = append(cmd.Env, workDrops+"=1")
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &recording{Base: l.base, Begin: l.begin, Drops: l.drops}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		note := lines.Text()
		if strings.HasPrefix(note, "error") {
			t.Errorf("workload: %s", note)
			break
		}
		rec.add(entry{Kind: mark, Note: note})
		if rec.flushes() >= l.flushes {
			break
		}
		if _, err := in.Write([]byte{'\n'}); err != nil {
			t.Error(err)
			break
		}
	}
	r.Entries = rec.stop()
	cmd.Process.Kill()
	cmd.Wait()
	return r
}

// updateRecording, if set, makes TestMakeRecording write the file that the
// everyday tests use.
const updateRecording = "POWERCUT_UPDATE"

func TestMakeRecording(t *testing.T) {
	r := record(t, life{base: makeDisk(t, 12<<20), seed: 11, flushes: 60})
	path := filepath.Join(t.TempDir(), "life")
	if os.Getenv(updateRecording) != "" {
		path = recordedFile
	}
	r.save(t, path)
	if got := loadRecording(t, path); len(got.Entries) != len(r.Entries) {
		t.Errorf("%d entries read back, want %d", len(got.Entries), len(r.Entries))
	}
}
