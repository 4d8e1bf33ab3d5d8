//go:build powercut

package powercut

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// disk is one file, served through /dev/fuse, under a loop device. The loop
// driver turns the file system's writes and flushes into requests to it, one
// by one and in order; a flush comes as fsync. Protocol: linux/fuse.h, 7.31.
type disk struct {
	rec   *recorder
	data  []byte
	fd    int
	path  string
	ended chan error
}

// Requests of linux/fuse.h that a file of ours meets; others are refused.
const (
	fuseForget      = 2
	fuseGetattr     = 3
	fuseOpen        = 14
	fuseRead        = 15
	fuseWrite       = 16
	fuseStatfs      = 17
	fuseRelease     = 18
	fuseFsync       = 20
	fuseFlush       = 25
	fuseInit        = 26
	fuseInterrupt   = 36
	fuseDestroy     = 38
	fuseBatchForget = 42

	fuseInHeader  = 40
	fuseOutHeader = 16
	fuseMaxWrite  = 128 << 10
)

// serveDisk makes a disk with the content given, which it then owns, and
// serves it until the test ends.
func serveDisk(t *testing.T, data []byte, rec *recorder) *disk {
	t.Helper()
	d := &disk{rec: rec, data: data, path: filepath.Join(t.TempDir(), "disk"), ended: make(chan error, 1)}
	var err error
	if d.fd, err = syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0); err != nil {
		t.Fatalf("open /dev/fuse: %v (run as root, with the fuse module)", err)
	}
	if err := os.WriteFile(d.path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=100600,user_id=0,group_id=0", d.fd)
	if err := syscall.Mount("disk", d.path, "fuse", syscall.MS_NOSUID|syscall.MS_NODEV, options); err != nil {
		t.Fatalf("mount fuse: %v (run as root)", err)
	}
	go d.serve()
	t.Cleanup(func() {
		if err := syscall.Unmount(d.path, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount the disk: %v", err)
		}
		if err := <-d.ended; err != nil {
			t.Errorf("serve the disk: %v", err)
		}
		syscall.Close(d.fd)
	})
	return d
}

// serve answers requests one after the other until the disk is unmounted.
// serveDisk starts it; it owns data.
func (d *disk) serve() {
	in, out := make([]byte, fuseMaxWrite+block), make([]byte, fuseMaxWrite+block)
	for {
		n, err := syscall.Read(d.fd, in)
		switch {
		case errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EAGAIN):
			continue
		case errors.Is(err, syscall.ENODEV):
			d.ended <- nil
			return
		case err != nil:
			d.ended <- err
			return
		}
		op, unique := binary.NativeEndian.Uint32(in[4:]), binary.NativeEndian.Uint64(in[8:])
		body, errno, answer := d.handle(op, in[fuseInHeader:n], out[fuseOutHeader:fuseOutHeader])
		if !answer {
			continue
		}
		reply := out[:fuseOutHeader+len(body)]
		binary.NativeEndian.PutUint32(reply, uint32(len(reply)))
		binary.NativeEndian.PutUint32(reply[4:], uint32(-int32(errno)))
		binary.NativeEndian.PutUint64(reply[8:], unique)
		if _, err := syscall.Write(d.fd, reply); err != nil && !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ENODEV) {
			d.ended <- fmt.Errorf("answer request %d: %w", op, err)
			return
		}
	}
}

// handle does one request and appends the answer's body to dst.
func (d *disk) handle(op uint32, in, dst []byte) (body []byte, errno syscall.Errno, answer bool) {
	u32, u64 := binary.NativeEndian.AppendUint32, binary.NativeEndian.AppendUint64
	switch op {
	case fuseForget, fuseBatchForget, fuseInterrupt:
		return nil, 0, false
	case fuseInit:
		dst = u32(u32(u32(u32(dst, 7), 31), binary.NativeEndian.Uint32(in[8:])), 0) // version, read-ahead, flags
		dst = append(dst, 16, 0, 12, 0)                                             // requests in the background
		dst = u32(u32(dst, fuseMaxWrite), 1)                                        // time granularity
		return append(dst, make([]byte, 36)...), 0, true
	case fuseGetattr:
		return d.attributes(dst), 0, true
	case fuseOpen:
		return append(u64(dst, 1), make([]byte, 8)...), 0, true
	case fuseRead:
		at, n := binary.NativeEndian.Uint64(in[8:]), uint64(binary.NativeEndian.Uint32(in[16:]))
		at = min(at, uint64(len(d.data)))
		return append(dst, d.data[at:min(at+n, uint64(len(d.data)))]...), 0, true
	case fuseWrite:
		at, n := binary.NativeEndian.Uint64(in[8:]), binary.NativeEndian.Uint32(in[16:])
		data := append([]byte(nil), in[40:40+n]...)
		copy(d.data[at:], data)
		d.rec.add(entry{Kind: write, At: int64(at), Data: data})
		return u32(u32(dst, n), 0), 0, true
	case fuseFsync:
		d.rec.add(entry{Kind: flush})
		return nil, 0, true
	case fuseStatfs:
		return append(dst, make([]byte, 80)...), 0, true
	case fuseRelease, fuseFlush, fuseDestroy:
		return nil, 0, true
	}
	return nil, syscall.ENOSYS, true
}

// attributes appends struct fuse_attr_out of the one file.
func (d *disk) attributes(dst []byte) []byte {
	u32, u64 := binary.NativeEndian.AppendUint32, binary.NativeEndian.AppendUint64
	dst = u64(u64(dst, 3600), 0)                                                 // valid for an hour
	dst = u64(u64(u64(dst, 1), uint64(len(d.data))), uint64(len(d.data)/sector)) // inode, size, blocks
	dst = u64(u64(u64(dst, 0), 0), 0)                                            // times
	dst = u32(u32(u32(dst, 0), 0), 0)                                            // and their nanoseconds
	dst = u32(u32(dst, syscall.S_IFREG|0o600), 1)                                // mode, links
	return u32(u32(u32(u32(u32(dst, 0), 0), 0), block), 0)                       // owner, device, block size, flags
}
