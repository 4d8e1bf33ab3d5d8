package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, fileMode)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("store: open the lock file: %w (%s in %s is a symbolic link: remove it)", err, lockName, dir)
	}
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

// unlockDir gives the directory free. Closing alone would not while a process
// that is being started has a copy of the descriptor.
func unlockDir(lock *os.File) error {
	return errors.Join(syscall.Flock(int(lock.Fd()), syscall.LOCK_UN), lock.Close())
}

// listing is what stands in a store's directory.
type listing struct {
	segs  []segFile // ascending; none stands for the same numbers as another
	stale []segFile // what a thinned segment stands for, not yet removed
	tmps  []string
	bad   int64 // bytes set aside
}

// segFile is the name of a segment: its number, or, of one that thinning made,
// the numbers of the first and last segment that it stands for.
type segFile struct {
	first, no uint64
	thin      bool
}

func (f segFile) name() string {
	if f.thin {
		return fmt.Sprintf("%08x-%08x%s", f.first, f.no, segSuffix)
	}
	return fmt.Sprintf("%08x%s", f.no, segSuffix)
}

// replaces reports whether f, made by thinning, stands for o, too.
func (f segFile) replaces(o segFile) bool {
	return f.thin && f != o && f.first <= o.first && o.no <= f.no
}

// settle tells files in force from those that others replace.
func (l *listing) settle() {
	var segs []segFile
	for _, f := range l.segs {
		if slices.ContainsFunc(l.segs, func(o segFile) bool { return o.replaces(f) }) {
			l.stale = append(l.stale, f)
		} else {
			segs = append(segs, f)
		}
	}
	l.segs = segs
}

func listDir(dir string) (l listing, err error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return l, fmt.Errorf("store: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		switch f, ok := parseSegName(name); {
		case ok:
			l.segs = append(l.segs, f)
		case strings.Contains(name, badMark):
			size, _ := diskSize(filepath.Join(dir, name))
			l.bad += size
		case isTmp(name):
			l.tmps = append(l.tmps, filepath.Join(dir, name))
		}
	}
	l.settle()
	return l, nil
}

// isTmp reports whether a file is one that was being made here. Others of that
// suffix stay: the directory may have been somebody's before.
func isTmp(name string) bool {
	made, found := strings.CutSuffix(name, tmpSuffix)
	_, seg := parseSegName(made)
	return found && (seg || made == metaName || made == sumsName)
}

func parseSegName(name string) (f segFile, ok bool) {
	numbers, found := strings.CutSuffix(name, segSuffix)
	first, last, thin := strings.Cut(numbers, "-")
	if !found {
		return f, false
	}
	if !thin {
		last = first
	}
	a, err1 := strconv.ParseUint(first, 16, 32)
	b, err2 := strconv.ParseUint(last, 16, 32)
	f = segFile{first: a, no: b, thin: thin}
	return f, err1 == nil && err2 == nil && a <= b && f.name() == name
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
