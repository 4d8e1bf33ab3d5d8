package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// bbolt's file format, version 2 (go.etcd.io/bbolt/internal/common): pages of
// pageSize, numbers in the machine's own byte order. Pages 0 and 1 are metas;
// the one with the higher transaction id is in force.
const (
	// pageSize is fixed, so that files move between kernels of different page
	// sizes.
	pageSize = 4096

	pageHeader  = 16 // id u64, flags u16, count u16, overflow u32
	elementSize = 16 // leaf: flags, pos, ksize, vsize u32; branch: pos, ksize u32, pgid u64
	metaLen     = 64 // after the page header; the last 8 bytes are the checksum
	bucketLen   = 16 // root pgid u64, sequence u64

	branchFlag = 0x01
	leafFlag   = 0x02
	metaFlag   = 0x04
	bucketFlag = 0x01 // of a leaf element

	boltMagic   = 0xED0CDAED
	boltVersion = 2
	noFreelist  = ^uint64(0)

	maxDepth    = 16      // of the tree; 4 levels hold 1 GB of ours
	maxOverflow = 1 << 10 // pages after the first: no record of ours is near
)

// bucketName is the one bucket of a file of ours.
const bucketName = "r"

var order = binary.NativeEndian

var (
	errKeyOrder = errors.New("keys are out of order")
	errNested   = errors.New("a bucket inside the bucket")
)

// boltMeta is what a meta page says.
type boltMeta struct {
	root, hwm, freelist, txid uint64
}

// parseMeta reads a meta page and proves its checksum.
func parseMeta(page []byte) (m boltMeta, err error) {
	b := page[pageHeader : pageHeader+metaLen]
	sum := fnv.New64a()
	sum.Write(b[:metaLen-8])
	switch {
	case order.Uint32(b) != boltMagic:
		return m, fmt.Errorf("magic %08x is not bbolt's", order.Uint32(b))
	case order.Uint32(b[4:]) != boltVersion:
		return m, fmt.Errorf("bbolt format %d, want %d", order.Uint32(b[4:]), boltVersion)
	case order.Uint64(b[metaLen-8:]) != sum.Sum64():
		return m, fmt.Errorf("checksum is wrong")
	case order.Uint32(b[8:]) != pageSize:
		return m, fmt.Errorf("page size %d, want %d", order.Uint32(b[8:]), pageSize)
	case order.Uint16(page[8:]) != metaFlag:
		return m, fmt.Errorf("page flags %x, want a meta page", order.Uint16(page[8:]))
	}
	return boltMeta{root: order.Uint64(b[16:]), freelist: order.Uint64(b[32:]),
		hwm: order.Uint64(b[40:]), txid: order.Uint64(b[48:])}, nil
}

// checker proves with plain reads that a file is a sound bbolt file of ours,
// and hands over its records in the order of their keys.
type checker struct {
	f     io.ReaderAt
	size  int64
	meta  boltMeta
	seen  []uint64 // bit set of the pages in use
	last  []byte   // key of the record before
	each  func(k, v []byte) error
	pages [maxDepth][]byte // a buffer a level
}

// checkFile proves the file at path. each gets every record; both slices are
// valid during the call only. An error of each ends the check.
func checkFile(path string, each func(k, v []byte) error) (boltMeta, error) {
	f, err := os.Open(path)
	if err != nil {
		return boltMeta{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return boltMeta{}, err
	}
	c := &checker{f: f, size: info.Size(), each: each}
	err = c.check()
	return c.meta, err
}

// metaOf returns the meta in force of a file.
func metaOf(f *os.File) (boltMeta, error) {
	info, err := f.Stat()
	if err != nil {
		return boltMeta{}, err
	}
	c := &checker{f: f, size: info.Size()}
	err = c.readMeta()
	return c.meta, err
}

func (c *checker) check() error {
	if err := c.readMeta(); err != nil {
		return err
	}
	c.seen = make([]uint64, (c.meta.hwm+63)/64)
	return c.rootPage()
}

// readMeta takes the meta in force. Both must be sound: bbolt would fall back
// to the elder one and silently lose the last commit.
func (c *checker) readMeta() error {
	var metas [2]boltMeta
	page := make([]byte, pageSize)
	for i := range metas {
		if _, err := c.f.ReadAt(page, int64(i)*pageSize); err != nil {
			return fmt.Errorf("meta page %d: %w", i, err)
		}
		m, err := parseMeta(page)
		if err != nil {
			return fmt.Errorf("meta page %d: %w", i, err)
		}
		metas[i] = m
	}
	if c.meta = metas[0]; metas[1].txid > metas[0].txid {
		c.meta = metas[1]
	}
	switch m := c.meta; {
	case m.hwm < 4 || m.hwm > uint64(c.size)/pageSize:
		return fmt.Errorf("%d pages by its meta page, %d bytes by its size: truncated", m.hwm, c.size)
	case m.freelist != noFreelist:
		return fmt.Errorf("has a free list: written by another program")
	case m.txid-min(metas[0].txid, metas[1].txid) != 1:
		return fmt.Errorf("transactions %d and %d do not follow each other", metas[0].txid, metas[1].txid)
	}
	return nil
}

// rootPage reads the page of buckets: one, with records in it.
func (c *checker) rootPage() error {
	page, err := c.page(c.meta.root, 0)
	if err != nil {
		return err
	}
	root, inline, err := bucketRoot(page)
	if err != nil {
		return fmt.Errorf("root page %d: %w", c.meta.root, err)
	}
	if root != 0 {
		return c.tree(root, 1, nil, nil)
	}
	return c.leaf(inline, nil, nil)
}

// bucketRoot returns where the bucket's records are: the page at the root of
// their tree, or, if root is 0, the leaf that stands in the page of buckets.
func bucketRoot(page []byte) (root uint64, inline []byte, err error) {
	if flags, count := order.Uint16(page[8:]), order.Uint16(page[10:]); flags != leafFlag || count != 1 {
		return 0, nil, fmt.Errorf("flags %x, %d buckets, want one", flags, count)
	}
	kind, name, value, err := leafElement(page, 0)
	if err != nil {
		return 0, nil, err
	}
	if kind != bucketFlag || string(name) != bucketName || len(value) < bucketLen {
		return 0, nil, fmt.Errorf("no bucket %q", bucketName)
	}
	if root = order.Uint64(value); root != 0 {
		return root, nil, nil
	}
	inline = value[bucketLen:]
	if len(inline) < pageHeader || order.Uint16(inline[8:]) != leafFlag {
		return 0, nil, fmt.Errorf("inline bucket is broken")
	}
	return 0, inline, nil
}

// overflowOf returns how many pages follow the one that begins in buf, which
// must be page id.
func overflowOf(buf []byte, id, hwm uint64) (uint64, error) {
	overflow := uint64(order.Uint32(buf[12:]))
	if got := order.Uint64(buf); got != id {
		return 0, fmt.Errorf("page %d calls itself %d", id, got)
	}
	if overflow > maxOverflow || id+overflow >= hwm {
		return 0, fmt.Errorf("page %d: overflow of %d pages", id, overflow)
	}
	return overflow, nil
}

// page reads page id with its overflow into the level's buffer and marks it
// used.
func (c *checker) page(id uint64, level int) ([]byte, error) {
	if level >= maxDepth {
		return nil, fmt.Errorf("page %d: tree deeper than %d", id, maxDepth)
	}
	buf := c.pages[level]
	if buf == nil {
		buf = make([]byte, pageSize)
	}
	if err := c.read(buf[:pageSize], id); err != nil {
		return nil, err
	}
	overflow, err := overflowOf(buf, id, c.meta.hwm)
	if err != nil {
		return nil, err
	}
	if size := int(overflow+1) * pageSize; size > len(buf) {
		buf = append(buf, make([]byte, size-len(buf))...)
	}
	c.pages[level] = buf
	for i := id; i <= id+overflow; i++ {
		if c.seen[i/64]&(1<<(i%64)) != 0 {
			return nil, fmt.Errorf("page %d is used twice", i)
		}
		c.seen[i/64] |= 1 << (i % 64)
		if i > id {
			if err := c.read(buf[(i-id)*pageSize:][:pageSize], i); err != nil {
				return nil, err
			}
		}
	}
	return buf[:(overflow+1)*pageSize], nil
}

func (c *checker) read(dst []byte, id uint64) error {
	if id < 2 || id >= c.meta.hwm {
		return fmt.Errorf("page %d is outside 2..%d", id, c.meta.hwm)
	}
	if _, err := c.f.ReadAt(dst, int64(id)*pageSize); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// tree checks the tree below page id: all its keys are in [low, high).
func (c *checker) tree(id uint64, level int, low, high []byte) error {
	page, err := c.page(id, level)
	if err != nil {
		return err
	}
	switch flags := order.Uint16(page[8:]); flags {
	case leafFlag:
		err = c.leaf(page, low, high)
	case branchFlag:
		err = c.branch(page, level, low, high)
	default:
		err = fmt.Errorf("flags %x, want branch or leaf", flags)
	}
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

func (c *checker) branch(page []byte, level int, low, high []byte) error {
	count := int(order.Uint16(page[10:]))
	if count == 0 {
		return fmt.Errorf("branch without children")
	}
	for i := range count {
		k, child, err := branchElement(page, i)
		if err != nil {
			return err
		}
		limit := high
		if i+1 < count {
			if limit, _, err = branchElement(page, i+1); err != nil {
				return err
			}
		}
		if len(k) == 0 || bytes.Compare(k, low) < 0 || limit != nil && bytes.Compare(k, limit) >= 0 {
			return fmt.Errorf("branch keys are out of order")
		}
		if err := c.tree(child, level+1, k, limit); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) leaf(page []byte, low, high []byte) error {
	for i := range int(order.Uint16(page[10:])) {
		kind, k, v, err := leafElement(page, i)
		if err != nil {
			return err
		}
		if kind != 0 {
			return errNested
		}
		if len(k) == 0 || bytes.Compare(k, low) < 0 || high != nil && bytes.Compare(k, high) >= 0 ||
			c.last != nil && bytes.Compare(k, c.last) <= 0 {
			return errKeyOrder
		}
		c.last = append(c.last[:0], k...)
		if err := c.each(k, v); err != nil {
			return err
		}
	}
	return nil
}

// leafElement returns element i of a leaf, as parts of page.
func leafElement(page []byte, i int) (flags uint32, k, v []byte, err error) {
	at := pageHeader + i*elementSize
	if at+elementSize > len(page) {
		return 0, nil, nil, fmt.Errorf("more elements than its size allows")
	}
	e := page[at:]
	from := uint64(at) + uint64(order.Uint32(e[4:]))
	mid := from + uint64(order.Uint32(e[8:]))
	end := mid + uint64(order.Uint32(e[12:]))
	if end > uint64(len(page)) {
		return 0, nil, nil, fmt.Errorf("element %d reaches beyond the page", i)
	}
	return order.Uint32(e), page[from:mid], page[mid:end], nil
}

// branchElement returns element i of a branch; k is part of page.
func branchElement(page []byte, i int) (k []byte, child uint64, err error) {
	at := pageHeader + i*elementSize
	if at+elementSize > len(page) {
		return nil, 0, fmt.Errorf("more elements than its size allows")
	}
	e := page[at:]
	from := uint64(at) + uint64(order.Uint32(e))
	end := from + uint64(order.Uint32(e[4:]))
	if end > uint64(len(page)) {
		return nil, 0, fmt.Errorf("element %d reaches beyond the page", i)
	}
	return page[from:end], order.Uint64(e[8:]), nil
}
