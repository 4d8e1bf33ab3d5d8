package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	lockName   = "lock"
	metaName   = "meta.db"
	segSuffix  = ".seg"
	tmpSuffix  = ".tmp"
	badMark    = ".bad-"
	fileMode   = 0o640
	folderMode = 0o750
)

// lockDir makes the directory if need be and takes its lock.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, fmt.Errorf("store: make the directory: %w (give the service's user a parent directory it may write)", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("store: open the lock file: %w (the service's user must own %s)", err, dir)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrLocked
	}
	return nil, fmt.Errorf("store: %s: %w", dir, err)
}

// listing is what stands in a store's directory.
type listing struct {
	segs []uint64 // ascending
	tmps []string
	bad  int64 // bytes set aside
}

func listDir(dir string) (l listing, err error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return l, fmt.Errorf("store: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		switch no, ok := segNumber(name); {
		case ok:
			l.segs = append(l.segs, no)
		case strings.Contains(name, badMark):
			size, _ := diskSize(filepath.Join(dir, name))
			l.bad += size
		case isTmp(name):
			l.tmps = append(l.tmps, filepath.Join(dir, name))
		}
	}
	return l, nil
}

// isTmp reports whether a file is one that was being made here. Others of that
// suffix stay: the directory may have been somebody's before.
func isTmp(name string) bool {
	made, found := strings.CutSuffix(name, tmpSuffix)
	_, seg := segNumber(made)
	return found && (seg || made == metaName)
}

func segName(no uint64) string { return fmt.Sprintf("%08x%s", no, segSuffix) }

func segNumber(name string) (no uint64, ok bool) {
	digits, found := strings.CutSuffix(name, segSuffix)
	if !found || len(digits) != 8 {
		return 0, false
	}
	no, err := strconv.ParseUint(digits, 16, 32)
	return no, err == nil && segName(no) == name
}

// diskSize returns what the file takes on disk: its blocks, or its length when
// that is more, because the blocks of a file just written may be counted late.
func diskSize(path string) (int64, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return 0, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return max((int64(st.Size)+pageSize-1)/pageSize*pageSize, int64(st.Blocks)*512), nil
}

// badName returns a free name for setting path aside.
func badName(path string) string {
	base := path + badMark + strconv.FormatInt(time.Now().Unix(), 10)
	name := base
	for i := 1; ; i++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name
		}
		name = base + "-" + strconv.Itoa(i)
	}
}

// replaceBad puts made in the place of the damaged file at path, which stays
// under its .bad name. With hard links there is no moment without one of them
// at path.
func replaceBad(path, made string) (bad string, err error) {
	bad = badName(path)
	if os.Link(path, bad) != nil {
		if err := os.Rename(path, bad); err != nil {
			return "", err
		}
	}
	if err := os.Rename(made, path); err != nil {
		return bad, err
	}
	return bad, syncDir(filepath.Dir(path))
}

// setAside renames a damaged file that leaves nothing to put in its place.
func setAside(path string) (bad string, err error) {
	bad = badName(path)
	if err := os.Rename(path, bad); err != nil {
		return "", err
	}
	return bad, syncDir(filepath.Dir(path))
}

// syncDir makes renames in dir durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
