package sysfs

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Dir lists the names in a directory, in the kernel's order, without "." and
// "..". The zero value is an empty list.
type Dir struct {
	buf   [4096]byte
	fd1   int // descriptor + 1
	at, n int // what is left of buf
}

// Open begins a list, after ending the one before.
func (d *Dir) Open(p *Path) error {
	d.Close()
	fd, err := p.open(unix.O_RDONLY | unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	d.fd1 = fd + 1
	return nil
}

// Next gives the next name, valid until the next call; nil at the end, where
// the list closes itself.
func (d *Dir) Next() []byte {
	for d.fd1 != 0 {
		if d.at >= d.n {
			n, err := unix.Getdents(d.fd1-1, d.buf[:])
			if err != nil || n <= 0 {
				break
			}
			d.at, d.n = 0, n
		}
		if name := d.entry(); name != nil && string(name) != "." && string(name) != ".." {
			return name
		}
	}
	d.Close()
	return nil
}

// entry takes one struct linux_dirent64 (getdents64(2)): inode and offset of
// 8 bytes, length of 2, type of 1, then the name up to a NUL.
func (d *Dir) entry() []byte {
	const head = 8 + 8 + 2 + 1
	rest := d.buf[d.at:d.n]
	if len(rest) < head {
		d.at = d.n
		return nil
	}
	size := int(binary.NativeEndian.Uint16(rest[16:]))
	if size < head || size > len(rest) {
		d.at = d.n
		return nil
	}
	d.at += size
	name := rest[head:size]
	for i, c := range name {
		if c == 0 {
			return name[:i]
		}
	}
	return name
}

// Close ends the list; it may have ended already.
func (d *Dir) Close() {
	if d.fd1 != 0 {
		_ = unix.Close(d.fd1 - 1)
	}
	d.fd1, d.at, d.n = 0, 0, 0
}
