package sysfs

import (
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MaxPath is the longest path that can be built, in bytes.
const MaxPath = 512

// Path is a path under construction, always ended by a NUL as the kernel
// wants it. One that is longer than MaxPath is not opened: ENAMETOOLONG.
type Path struct {
	b    [MaxPath + 1]byte
	n    int  // length without the NUL
	long bool // something did not fit
}

// Root begins a path: "" and "/" are the machine's own root.
func (p *Path) Root(root string) *Path {
	p.n, p.long = 0, false
	return p.Add(strings.TrimRight(root, "/"))
}

// Add appends text as it stands, with its slashes.
func (p *Path) Add(s string) *Path {
	p.grown(copy(p.b[p.n:MaxPath], s), len(s))
	return p
}

// AddBytes appends text as it stands.
func (p *Path) AddBytes(s []byte) *Path {
	p.grown(copy(p.b[p.n:MaxPath], s), len(s))
	return p
}

// grown notes that n of the wanted bytes were appended.
func (p *Path) grown(n, wanted int) {
	p.n += n
	p.b[p.n] = 0
	p.long = p.long || n < wanted
}

// AddInt appends a number that is not negative.
func (p *Path) AddInt(n int) *Path {
	var digits [20]byte
	i := len(digits)
	for {
		i--
		digits[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return p.AddBytes(digits[i:])
		}
	}
}

// Len is the length of the path, to come back to with Cut.
func (p *Path) Len() int { return p.n }

// Cut shortens the path to its first n bytes.
func (p *Path) Cut(n int) *Path {
	if n < p.n {
		p.long = false // what did not fit stood behind
	}
	p.n = n
	p.b[n] = 0
	return p
}

// String gives the path.
func (p *Path) String() string { return string(p.b[:p.n]) }

// Bytes gives the path, valid until it changes.
func (p *Path) Bytes() []byte { return p.b[:p.n] }

// Read reads a small file into buf and gives its text without line end.
func (p *Path) Read(buf []byte) ([]byte, error) {
	fd, err := p.open(unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	n, err := pread(fd, buf)
	_ = unix.Close(fd)
	if err != nil {
		return nil, err
	}
	return Line(buf[:n]), nil
}

// Link gives the last part of what a symbolic link leads to: of
// "../../../1-0048" it is "1-0048". It is empty for what is no link.
func (p *Path) Link(buf []byte) []byte {
	if p.long {
		return nil
	}
	at := unix.AT_FDCWD
	n, _, e := unix.Syscall6(unix.SYS_READLINKAT, uintptr(at), uintptr(unsafe.Pointer(&p.b[0])),
		uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0)
	if e != 0 {
		return nil
	}
	to := buf[:n]
	for i := len(to) - 1; i >= 0; i-- {
		if to[i] == '/' {
			return to[i+1:]
		}
	}
	return to
}

// open opens the path; the caller closes.
func (p *Path) open(flags int) (int, error) {
	if p.long {
		return -1, unix.ENAMETOOLONG
	}
	at := unix.AT_FDCWD
	for {
		fd, _, e := unix.Syscall6(unix.SYS_OPENAT, uintptr(at), uintptr(unsafe.Pointer(&p.b[0])), uintptr(flags|unix.O_CLOEXEC), 0, 0, 0)
		switch e {
		case 0:
			return int(fd), nil
		case unix.EINTR:
		default:
			return -1, e
		}
	}
}

// Statfs tells about the file system that the directory p is on, and whether
// one is mounted right there: the directory above is on another device, or p
// is the root.
func (p *Path) Statfs(fs *unix.Statfs_t, above *Path) (mounted bool, err error) {
	fd, err := p.open(unix.O_RDONLY | unix.O_DIRECTORY)
	if err != nil {
		return false, err
	}
	defer func() { _ = unix.Close(fd) }()
	var here, up unix.Stat_t
	if err := unix.Fstat(fd, &here); err != nil {
		return false, err
	}
	if err := unix.Fstatfs(fd, fs); err != nil {
		return false, err
	}
	*above = *p
	dir, err := above.Add("/..").open(unix.O_RDONLY | unix.O_DIRECTORY)
	if err != nil {
		return false, err
	}
	err = unix.Fstat(dir, &up)
	_ = unix.Close(dir)
	return here.Dev != up.Dev || here.Ino == up.Ino, err
}
