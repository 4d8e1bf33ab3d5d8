package slowdisk

import (
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// rootID is the node of the mount's root.
const rootID = 1

// node is a file or directory that the kernel knows by a number.
type node struct {
	path    string // behind the mount; where it last was
	lookups uint64 // what the kernel will forget
}

// tree keeps what the kernel knows: nodes by number, and open files.
type tree struct {
	mu     sync.Mutex
	nodes  map[uint64]*node
	byPath map[string]uint64 // nodes that still have a name
	files  map[uint64]int    // open files and directories: handle to fd
	opened map[uint64]uint64 // a node's most recent open handle, for what has no name any more
	next   uint64
}

func (t *tree) init(root string) {
	t.nodes = map[uint64]*node{rootID: {path: root, lookups: 1}}
	t.byPath = map[string]uint64{root: rootID}
	t.files, t.opened = map[uint64]int{}, map[uint64]uint64{}
	t.next = rootID + 1
}

// path returns where a node is, and below it a name if that is not empty.
func (t *tree) path(id uint64, name string) (string, syscall.Errno) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.nodes[id]
	if n == nil {
		return "", syscall.ESTALE
	}
	return filepath.Join(n.path, name), 0
}

// know returns the number of what is at a path; the kernel has looked it up
// once more.
func (t *tree) know(path string) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	id, ok := t.byPath[path]
	if !ok {
		id = t.next
		t.next++
		t.byPath[path], t.nodes[id] = id, &node{path: path}
	}
	t.nodes[id].lookups++
	return id
}

// forget takes back lookups.
func (t *tree) forget(id, lookups uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.nodes[id]
	if n == nil || id == rootID {
		return
	}
	if n.lookups -= min(lookups, n.lookups); n.lookups > 0 {
		return
	}
	delete(t.nodes, id)
	delete(t.opened, id)
	if t.byPath[n.path] == id {
		delete(t.byPath, n.path)
	}
}

// unlinked says that a path names nothing any more.
func (t *tree) unlinked(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byPath, path)
}

// renamed moves what is at a path, and all below it, to another.
func (t *tree) renamed(from, to string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byPath, to)
	for path, id := range t.byPath {
		if rest, below := strings.CutPrefix(path, from); below && (rest == "" || rest[0] == '/') {
			delete(t.byPath, path)
			t.byPath[to+rest] = id
			t.nodes[id].path = to + rest
		}
	}
}

// open keeps the fd of a node's file and returns its handle.
func (t *tree) open(id uint64, fd int) (handle uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	handle = t.next
	t.next++
	t.files[handle], t.opened[id] = fd, handle
	return handle
}

// file returns the fd of a handle.
func (t *tree) file(handle uint64) (int, syscall.Errno) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fd, ok := t.files[handle]
	if !ok {
		return -1, syscall.EBADF
	}
	return fd, 0
}

// release closes a handle.
func (t *tree) release(handle uint64) {
	t.mu.Lock()
	fd, ok := t.files[handle]
	delete(t.files, handle)
	t.mu.Unlock()
	if ok {
		syscall.Close(fd)
	}
}

// stat describes a node: by its name, or, when it has none any more, by a
// file that is open.
func (t *tree) stat(id uint64, st *syscall.Stat_t) syscall.Errno {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.nodes[id]
	if n == nil {
		return syscall.ESTALE
	}
	if t.byPath[n.path] == id {
		return errnoOf(syscall.Lstat(n.path, st))
	}
	if fd, ok := t.files[t.opened[id]]; ok {
		return errnoOf(syscall.Fstat(fd, st))
	}
	return syscall.ENOENT
}

func (t *tree) closeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, fd := range t.files {
		syscall.Close(fd)
	}
	clear(t.files)
}
