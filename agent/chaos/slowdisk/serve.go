package slowdisk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// serve reads requests until the disk is unmounted, and has each answered by a
// goroutine of its own, so that one that hangs holds up no other. Mount starts
// it; Close waits for it.
func (d *Disk) serve() {
	for {
		in := make([]byte, maxWrite+4096)
		n, err := syscall.Read(d.fd, in)
		switch {
		case errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EAGAIN):
			continue
		case errors.Is(err, syscall.ENODEV):
			d.ended <- nil
			return
		case err != nil:
			d.ended <- fmt.Errorf("read /dev/fuse: %w", err)
			return
		}
		r := parse(in[:n])
		if d.silent(&r) {
			continue
		}
		d.work.Go(func() {
			body, errno := d.handle(&r)
			d.answer(r.unique, body, errno)
		})
	}
}

// silent does requests that have no answer.
func (d *Disk) silent(r *request) bool {
	switch r.op {
	case opForget:
		d.tree.forget(r.node, r.u64(0))
	case opBatchForget:
		for i := range int(r.u32(0)) {
			d.tree.forget(r.u64(8+16*i), r.u64(16+16*i))
		}
	case opInterrupt:
	default:
		return false
	}
	return true
}

// answer sends a reply. The kernel may have dropped the request meanwhile.
func (d *Disk) answer(unique uint64, body reply, errno syscall.Errno) {
	if errno != 0 {
		body = nil
	}
	out := reply{}.u32(uint32(outHeader+len(body)), uint32(-int32(errno))).u64(unique)
	syscall.Write(d.fd, append(out, body...))
}

// handle does a request and returns the answer's body.
func (d *Disk) handle(r *request) (reply, syscall.Errno) {
	switch r.op {
	case opInit:
		return initOut(r), 0
	case opLookup:
		return d.lookup(r)
	case opGetattr:
		var st syscall.Stat_t
		errno := d.tree.stat(r.node, &st)
		return reply{}.attrOut(&st), errno
	case opRead:
		return d.read(r)
	case opReaddir:
		return d.readdir(r)
	case opStatfs:
		return d.statfs(r)
	case opRelease, opReleasedir:
		d.tree.release(r.u64(0))
		return nil, 0
	case opFlush, opDestroy:
		return nil, 0
	}
	if !changes(r.op) {
		return nil, syscall.ENOSYS
	}
	if errno := d.touch(); errno != 0 {
		return nil, errno
	}
	switch r.op {
	case opWrite:
		return d.write(r)
	case opFsync, opFsyncdir:
		return d.fsync(r)
	case opOpen, opOpendir:
		return d.open(r)
	case opCreate:
		return d.create(r)
	case opSetattr:
		return d.setattr(r)
	}
	return d.rename(r)
}

// changes reports whether a request touches the medium, but for reads.
func changes(op uint32) bool {
	switch op {
	case opWrite, opFsync, opFsyncdir, opOpen, opOpendir, opCreate, opSetattr, opMkdir, opUnlink, opRmdir, opRename, opRename2:
		return true
	}
	return false
}

func errnoOf(err error) syscall.Errno {
	var e syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e
	}
	return syscall.EIO
}

// entry describes what is at a path, and lets the kernel know it.
func (d *Disk) entry(path string) (reply, syscall.Errno) {
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		return nil, errnoOf(err)
	}
	return reply{}.entryOut(d.tree.know(path), &st), 0
}

func (d *Disk) lookup(r *request) (reply, syscall.Errno) {
	path, errno := d.tree.path(r.node, r.names(0)[0])
	if errno != 0 {
		return nil, errno
	}
	return d.entry(path)
}

func (d *Disk) statfs(r *request) (reply, syscall.Errno) {
	path, errno := d.tree.path(r.node, "")
	if errno != 0 {
		return nil, errno
	}
	var st syscall.Statfs_t
	err := syscall.Statfs(path, &st)
	return statfsOut(&st), errnoOf(err)
}

func (d *Disk) read(r *request) (reply, syscall.Errno) {
	if errno := d.touch(); errno != 0 {
		return nil, errno
	}
	fd, errno := d.tree.file(r.u64(0))
	if errno != 0 {
		return nil, errno
	}
	b := make(reply, r.u32(16))
	n, err := syscall.Pread(fd, b, int64(r.u64(8)))
	return b[:max(n, 0)], errnoOf(err)
}

// readdir lists a directory from the place that the kernel has reached.
func (d *Disk) readdir(r *request) (reply, syscall.Errno) {
	if errno := d.touch(); errno != 0 {
		return nil, errno
	}
	path, errno := d.tree.path(r.node, "")
	if errno != 0 {
		return nil, errno
	}
	list, err := os.ReadDir(path)
	var p reply
	for i, e := range list {
		if uint64(i) < r.u64(8) {
			continue
		}
		kind := uint32(syscall.DT_REG)
		if e.IsDir() {
			kind = syscall.DT_DIR
		}
		size := 24 + (len(e.Name())+7)&^7
		if len(p)+size > int(r.u32(16)) {
			break
		}
		end := len(p) + size
		p = append(p.u64(uint64(i+1), uint64(i+1)).u32(uint32(len(e.Name())), kind), e.Name()...)
		p = append(p, make([]byte, end-len(p))...)
	}
	return p, errnoOf(err)
}

func (d *Disk) write(r *request) (reply, syscall.Errno) {
	fd, errno := d.tree.file(r.u64(0))
	if errno != 0 {
		return nil, errno
	}
	data := r.body[40 : 40+int(r.u32(16))]
	some := d.grant(len(data))
	if some == 0 && len(data) > 0 {
		return nil, syscall.ENOSPC
	}
	n, err := syscall.Pwrite(fd, data[:some], int64(r.u64(8)))
	return reply{}.u32(uint32(max(n, 0)), 0), errnoOf(err)
}

func (d *Disk) fsync(r *request) (reply, syscall.Errno) {
	fd, errno := d.tree.file(r.u64(0))
	if errno != 0 {
		return nil, errno
	}
	path, errno := d.tree.path(r.node, "")
	if errno != 0 {
		return nil, errno
	}
	return nil, d.sync(path, fd)
}

func (d *Disk) open(r *request) (reply, syscall.Errno) {
	path, errno := d.tree.path(r.node, "")
	if errno != 0 {
		return nil, errno
	}
	fd, err := syscall.Open(path, int(r.u32(0))&^(syscall.O_APPEND|syscall.O_EXCL|syscall.O_CREAT)|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, errnoOf(err)
	}
	return reply{}.openOut(d.tree.open(r.node, fd)), 0
}

func (d *Disk) create(r *request) (reply, syscall.Errno) {
	path, errno := d.tree.path(r.node, r.names(16)[0])
	if errno != 0 {
		return nil, errno
	}
	flags := int(r.u32(0))&^syscall.O_APPEND | syscall.O_CREAT | syscall.O_CLOEXEC
	fd, err := syscall.Open(path, flags, r.u32(4)&0o7777)
	if err != nil {
		return nil, errnoOf(err)
	}
	p, errno := d.entry(path)
	if errno != 0 {
		syscall.Close(fd)
		return nil, errno
	}
	return p.openOut(d.tree.open(binary.NativeEndian.Uint64(p), fd)), 0
}

// setattr changes size and mode; dates are nobody's business here.
func (d *Disk) setattr(r *request) (reply, syscall.Errno) {
	path, errno := d.tree.path(r.node, "")
	valid := r.u32(0)
	if errno == 0 && valid&setMode != 0 {
		errno = errnoOf(syscall.Chmod(path, r.u32(68)&0o7777))
	}
	if errno == 0 && valid&setSize != 0 {
		size := int64(r.u64(16))
		if valid&setFileHandle != 0 {
			fd, e := d.tree.file(r.u64(8))
			if errno = e; errno == 0 {
				errno = errnoOf(syscall.Ftruncate(fd, size))
			}
		} else {
			errno = errnoOf(syscall.Truncate(path, size))
		}
	}
	if errno != 0 {
		return nil, errno
	}
	var st syscall.Stat_t
	errno = d.tree.stat(r.node, &st)
	return reply{}.attrOut(&st), errno
}

// rename does what changes names: mkdir, unlink, rmdir, rename.
func (d *Disk) rename(r *request) (reply, syscall.Errno) {
	at := 0 // of the names, behind struct fuse_mkdir_in, fuse_rename_in, fuse_rename2_in
	switch r.op {
	case opMkdir, opRename:
		at = 8
	case opRename2:
		at = 16
	}
	names := r.names(at)
	path, errno := d.tree.path(r.node, names[0])
	if errno != 0 {
		return nil, errno
	}
	switch r.op {
	case opMkdir:
		if err := syscall.Mkdir(path, r.u32(0)&0o7777); err != nil {
			return nil, errnoOf(err)
		}
		return d.entry(path)
	case opUnlink, opRmdir:
		remove := syscall.Unlink
		if r.op == opRmdir {
			remove = syscall.Rmdir
		}
		if err := remove(path); err != nil {
			return nil, errnoOf(err)
		}
		d.tree.unlinked(path)
		return nil, 0
	}
	to, errno := d.tree.path(r.u64(0), names[1])
	if errno != 0 {
		return nil, errno
	}
	if r.op == opRename2 && r.u32(8) != 0 {
		return nil, syscall.EINVAL
	}
	if err := syscall.Rename(path, to); err != nil {
		return nil, errnoOf(err)
	}
	d.tree.renamed(path, to)
	return nil, 0
}
