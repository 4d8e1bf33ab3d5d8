package slowdisk

import (
	"bytes"
	"encoding/binary"
	"syscall"
)

// Requests of linux/fuse.h that are served; others are refused.
const (
	opLookup      = 1
	opForget      = 2
	opGetattr     = 3
	opSetattr     = 4
	opMkdir       = 9
	opUnlink      = 10
	opRmdir       = 11
	opRename      = 12
	opOpen        = 14
	opRead        = 15
	opWrite       = 16
	opStatfs      = 17
	opRelease     = 18
	opFsync       = 20
	opFlush       = 25
	opInit        = 26
	opOpendir     = 27
	opReaddir     = 28
	opReleasedir  = 29
	opFsyncdir    = 30
	opCreate      = 35
	opInterrupt   = 36
	opDestroy     = 38
	opBatchForget = 42
	opRename2     = 45
)

const (
	inHeader  = 40
	outHeader = 16
	maxWrite  = 128 << 10

	initBigWrites = 1 << 5 // FUSE_BIG_WRITES
	openKeepCache = 1 << 1 // FOPEN_KEEP_CACHE
	setMode       = 1 << 0 // FATTR_MODE
	setSize       = 1 << 3 // FATTR_SIZE
	setFileHandle = 1 << 6 // FATTR_FH
)

// request is one as it came; the fields of its body are read by place.
type request struct {
	op           uint32
	unique, node uint64
	body         []byte
}

func parse(b []byte) request {
	u := binary.NativeEndian
	return request{u.Uint32(b[4:]), u.Uint64(b[8:]), u.Uint64(b[16:]), b[inHeader:]}
}

func (r *request) u32(at int) uint32 { return binary.NativeEndian.Uint32(r.body[at:]) }
func (r *request) u64(at int) uint64 { return binary.NativeEndian.Uint64(r.body[at:]) }

// names returns the strings from a place on.
func (r *request) names(at int) []string {
	var list []string
	for _, b := range bytes.Split(bytes.TrimSuffix(r.body[at:], []byte{0}), []byte{0}) {
		list = append(list, string(b))
	}
	return list
}

// reply grows an answer's body.
type reply []byte

func (p reply) u32(vs ...uint32) reply {
	for _, v := range vs {
		p = binary.NativeEndian.AppendUint32(p, v)
	}
	return p
}

func (p reply) u64(vs ...uint64) reply {
	for _, v := range vs {
		p = binary.NativeEndian.AppendUint64(p, v)
	}
	return p
}

// attributes appends struct fuse_attr.
func (p reply) attributes(st *syscall.Stat_t) reply {
	p = p.u64(st.Ino, uint64(st.Size), uint64(st.Blocks), uint64(st.Atim.Sec), uint64(st.Mtim.Sec), uint64(st.Ctim.Sec))
	p = p.u32(uint32(st.Atim.Nsec), uint32(st.Mtim.Nsec), uint32(st.Ctim.Nsec))
	return p.u32(st.Mode, uint32(st.Nlink), st.Uid, st.Gid, 0, 4096, 0)
}

// attrOut appends struct fuse_attr_out: nobody else changes files, so that
// attributes stay valid for a minute.
func (p reply) attrOut(st *syscall.Stat_t) reply {
	return p.u64(60).u32(0, 0).attributes(st)
}

// entryOut appends struct fuse_entry_out.
func (p reply) entryOut(node uint64, st *syscall.Stat_t) reply {
	return p.u64(node, 0, 60, 60).u32(0, 0).attributes(st)
}

// openOut appends struct fuse_open_out.
func (p reply) openOut(handle uint64) reply { return p.u64(handle).u32(openKeepCache, 0) }

// initOut is struct fuse_init_out.
func initOut(r *request) reply {
	p := reply{}.u32(7, 31, r.u32(8), initBigWrites)
	p = append(p, 16, 0, 12, 0) // requests in the background
	p = p.u32(maxWrite, 1)
	return append(p, make([]byte, 36)...)
}

// statfsOut is struct fuse_kstatfs.
func statfsOut(st *syscall.Statfs_t) reply {
	p := reply{}.u64(st.Blocks, st.Bfree, st.Bavail, st.Files, st.Ffree)
	p = p.u32(uint32(st.Bsize), uint32(st.Namelen), uint32(st.Frsize), 0)
	return append(p, make([]byte, 24)...)
}
