package store

import (
	"bytes"
	"fmt"
	"os"
	"sort"
)

// cursor reads the records of a segment in the order of their keys. It uses
// plain reads and checks each page before it follows what stands in it: a file
// that is damaged, cut short or overwritten while it is read gives an error,
// where a mapping would give a fault, and bbolt's own cursor a panic or an
// endless descent. One transaction's pages do not change until the second
// commit after it, so a page that was checked is kept.
type cursor struct {
	f      *os.File
	meta   boltMeta
	root   uint64 // page of the bucket, or inlineRoot
	top    []byte // the page of buckets
	depth  int    // of the leaf in levels
	levels [maxDepth]level
}

// inlineRoot stands for a bucket so small that it stands in the page of
// buckets.
const inlineRoot = ^uint64(0)

// level is a page on the way from the root to a record.
type level struct {
	id    uint64 // 0: none
	page  []byte
	buf   []byte // what page is read into; kept from file to file
	count int
	index int
	leaf  bool
}

// open places the cursor in a file, which it owns from now on, also after an
// error, as the transaction of meta left it.
func (c *cursor) open(f *os.File, meta boltMeta) error {
	c.f, c.meta = f, meta
	for i := range c.levels {
		c.levels[i].id = 0
	}
	var err error
	if c.top, err = c.read(c.top, meta.root); err != nil {
		return err
	}
	root, inline, err := bucketRoot(c.top)
	if err != nil {
		return fmt.Errorf("root page %d: %w", meta.root, err)
	}
	if c.root = root; root == 0 {
		c.root = inlineRoot
		l := &c.levels[0]
		l.page = inline
		if err := l.check(0, nil, nil); err != nil {
			return fmt.Errorf("root page %d: %w", meta.root, err)
		}
		l.id = inlineRoot
	}
	return nil
}

// close gives the file free.
func (c *cursor) close() {
	if c.f != nil {
		c.f.Close() // read only: nothing can be lost
		c.f = nil
	}
}

// seek moves to the first record whose key is not less than want and returns
// it; k is nil behind the last one. Both slices are part of the cursor and
// valid until it moves.
func (c *cursor) seek(want []byte) (k, v []byte, err error) {
	var low, high []byte
	id := c.root
	for depth := 0; ; depth++ {
		l, err := c.load(depth, id, low, high)
		if err != nil {
			return nil, nil, err
		}
		if l.leaf {
			c.depth = depth
			l.index = sort.Search(l.count, func(i int) bool {
				_, k, _, _ := leafElement(l.page, i)
				return bytes.Compare(k, want) >= 0
			})
			return c.here()
		}
		l.index = max(0, sort.Search(l.count, func(i int) bool {
			k, _, _ := branchElement(l.page, i)
			return bytes.Compare(k, want) > 0
		})-1)
		id, low, high = l.child(high)
	}
}

// next moves to the record behind the current one.
func (c *cursor) next() (k, v []byte, err error) {
	c.levels[c.depth].index++
	return c.here()
}

// here returns the current record, or the first one of the next leaf.
func (c *cursor) here() (k, v []byte, err error) {
	l := &c.levels[c.depth]
	if l.index < l.count {
		_, k, v, err = leafElement(l.page, l.index)
		return k, v, err
	}
	up := c.depth - 1
	for up >= 0 && c.levels[up].index+1 >= c.levels[up].count {
		up--
	}
	if up < 0 {
		return nil, nil, nil
	}
	l = &c.levels[up]
	l.index++
	for depth := up + 1; ; depth++ {
		id, low, high := l.child(nil)
		if l, err = c.load(depth, id, low, high); err != nil {
			return nil, nil, err
		}
		if l.index = 0; l.leaf {
			c.depth = depth
			_, k, v, err = leafElement(l.page, 0) // a leaf below a branch is not empty
			return k, v, err
		}
	}
}

// load has a page at a level; its keys are in [low, high).
func (c *cursor) load(depth int, id uint64, low, high []byte) (l *level, err error) {
	if depth == maxDepth {
		return nil, fmt.Errorf("page %d: tree deeper than %d", id, maxDepth)
	}
	l = &c.levels[depth]
	if l.id == id && id != 0 {
		return l, nil
	}
	l.id = 0
	if l.buf, err = c.read(l.buf, id); err != nil {
		return nil, err
	}
	l.page = l.buf
	if err := l.check(depth, low, high); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	l.id = id
	return l, nil
}

// read reads a page with its overflow into buf.
func (c *cursor) read(buf []byte, id uint64) ([]byte, error) {
	if id < 2 || id >= c.meta.hwm {
		return buf, fmt.Errorf("page %d is outside 2..%d", id, c.meta.hwm)
	}
	if cap(buf) < pageSize {
		buf = make([]byte, pageSize)
	}
	buf = buf[:pageSize]
	if _, err := c.f.ReadAt(buf, int64(id)*pageSize); err != nil {
		return buf, fmt.Errorf("page %d: %w", id, err)
	}
	more, err := overflowOf(buf, id, c.meta.hwm)
	if err != nil || more == 0 {
		return buf, err
	}
	buf = append(buf, make([]byte, more*pageSize)...)
	if _, err := c.f.ReadAt(buf[pageSize:], int64(id+1)*pageSize); err != nil {
		return buf, fmt.Errorf("page %d: %w", id, err)
	}
	return buf, nil
}

// check proves that what seek and next follow stands inside the page, and that
// its keys rise within [low, high).
func (l *level) check(depth int, low, high []byte) error {
	flags := order.Uint16(l.page[8:])
	l.leaf, l.count = flags == leafFlag, int(order.Uint16(l.page[10:]))
	switch {
	case flags != leafFlag && flags != branchFlag:
		return fmt.Errorf("flags %x, want branch or leaf", flags)
	case l.count == 0 && (depth > 0 || !l.leaf):
		return fmt.Errorf("is empty")
	}
	var before []byte
	for i := range l.count {
		k, err := l.key(i)
		if err != nil {
			return err
		}
		if len(k) == 0 || bytes.Compare(k, low) < 0 || high != nil && bytes.Compare(k, high) >= 0 ||
			i > 0 && bytes.Compare(k, before) <= 0 {
			return errKeyOrder
		}
		before = k
	}
	return nil
}

// key returns the key of an element and proves its place.
func (l *level) key(i int) (k []byte, err error) {
	if !l.leaf {
		k, _, err = branchElement(l.page, i)
		return k, err
	}
	kind, k, _, err := leafElement(l.page, i)
	if err == nil && kind != 0 {
		err = errNested
	}
	return k, err
}

// child returns the page below the current element of a branch, and the range
// of its keys; beyond is where the branch's own range ends, nil for unknown.
func (l *level) child(beyond []byte) (id uint64, low, high []byte) {
	low, id, _ = branchElement(l.page, l.index)
	if high = beyond; l.index+1 < l.count {
		high, _, _ = branchElement(l.page, l.index+1)
	}
	return id, low, high
}
