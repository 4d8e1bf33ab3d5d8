package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/telhub/telhub/uplink/frame"
)

func TestUndamagedBase(t *testing.T) {
	b := makeDamageBase(t)
	if r := b.check(t, copyDir(t, b.o.Dir)); len(r.Salvaged) != 0 {
		t.Errorf("salvaged %+v of a sound store", r.Salvaged)
	}
}

func TestDamageByPage(t *testing.T) {
	t.Parallel()
	b := makeDamageBase(t)
	names := b.segments(t)
	kinds := []struct {
		name   string
		change func(data []byte, page int) []byte
	}{
		{"truncated at", func(d []byte, p int) []byte { return d[:p*pageSize] }},
		{"truncated inside", func(d []byte, p int) []byte { return d[:p*pageSize+pageSize/3] }},
		{"zeroed", func(d []byte, p int) []byte { clear(d[p*pageSize:][:pageSize]); return d }},
		{"ones", func(d []byte, p int) []byte { fillBytes(d[p*pageSize:][:pageSize], 0xFF); return d }},
		{"header zeroed", func(d []byte, p int) []byte { clear(d[p*pageSize:][:pageHeader]); return d }},
		{"count", func(d []byte, p int) []byte { d[p*pageSize+10] ^= 0x7F; return d }},
		{"overflow", func(d []byte, p int) []byte { d[p*pageSize+15] ^= 0x80; return d }},
		{"first element", func(d []byte, p int) []byte { d[p*pageSize+pageHeader+6] ^= 0xFF; return d }},
		{"replaced by the one before", func(d []byte, p int) []byte {
			if p > 0 {
				copy(d[p*pageSize:][:pageSize], d[(p-1)*pageSize:])
			}
			return d
		}},
	}
	for i, name := range []string{names[0], names[len(names)-1]} {
		for _, k := range kinds[:len(kinds)-4*i] {
			for page := range b.pages(t, name) {
				t.Run(fmt.Sprintf("%s/%s page %d", name, k.name, page), func(t *testing.T) {
					b.damageFile(t, name, func(d []byte) []byte { return k.change(d, page) })
				})
			}
		}
	}
}

func fillBytes(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}

func TestFlippedBits(t *testing.T) {
	t.Parallel()
	b := makeDamageBase(t)
	for _, name := range append(b.segments(t)[:1], metaName) {
		size := b.pages(t, name) * pageSize
		for seed := range uint64(100) {
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				r := rand.New(rand.NewPCG(7, seed))
				b.damageFile(t, name, func(d []byte) []byte {
					at := r.IntN(size)
					if seed%2 == 0 { // page headers and first elements
						at = r.IntN(size/pageSize)*pageSize + r.IntN(96)
					}
					d[at] ^= 1 << r.IntN(8)
					return d
				})
			})
		}
	}
}

func TestDamagedWhole(t *testing.T) {
	t.Parallel()
	b := makeDamageBase(t)
	foreign := filepath.Join(t.TempDir(), "foreign")
	db, err := bolt.Open(foreign, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		bucket, err := tx.CreateBucket([]byte(bucketName))
		if err == nil {
			err = bucket.Put([]byte("key of another program"), make([]byte, 3000))
		}
		return err
	})
	if err != nil || db.Close() != nil {
		t.Fatal(err)
	}
	foreignBytes, err := os.ReadFile(foreign)
	if err != nil {
		t.Fatal(err)
	}
	garbage := make([]byte, 50001)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range garbage {
		garbage[i] = byte(r.Uint32())
	}
	for _, name := range append(b.segments(t), metaName) {
		for _, c := range []struct {
			name   string
			change func([]byte) []byte
		}{
			{"empty", func([]byte) []byte { return nil }},
			{"one byte", func(d []byte) []byte { return d[:1] }},
			{"garbage", func([]byte) []byte { return garbage }},
			{"foreign database", func([]byte) []byte { return foreignBytes }},
			{"both metas zeroed", func(d []byte) []byte { clear(d[:2*pageSize]); return d }},
			{"shifted by a byte", func(d []byte) []byte { return append([]byte{1}, d...) }},
			{"sound with a tail", func(d []byte) []byte { return append(d, garbage...) }},
			{"half of it twice", func(d []byte) []byte { return append(d[:len(d)/2], d[:len(d)/2]...) }},
		} {
			t.Run(name+"/"+c.name, func(t *testing.T) { b.damageFile(t, name, c.change) })
		}
		t.Run(name+"/missing", func(t *testing.T) {
			dir := copyDir(t, b.o.Dir)
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			b.check(t, dir)
		})
		t.Run(name+"/a folder", func(t *testing.T) {
			dir := copyDir(t, b.o.Dir)
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
				t.Fatal(err)
			}
			b.check(t, dir)
		})
	}
}

func TestLostMetaKeepsEpochsRising(t *testing.T) {
	b := makeDamageBase(t)
	dir := copyDir(t, b.o.Dir)
	if err := os.Remove(filepath.Join(dir, metaName)); err != nil {
		t.Fatal(err)
	}
	if r := b.check(t, dir); r.Epoch != 2 || !r.Fresh || r.Unclean == nil || r.Unclean.Epoch != 1 {
		t.Errorf("got %+v, want epoch 2, fresh, unclean epoch 1", r)
	}
}

// A damaged meta.db gives up its last state by the record's own checksum.
func TestDamagedMetaIsSearched(t *testing.T) {
	o := testOptions(t.TempDir())
	for range 5 {
		s, _ := mustOpen(t, o)
		s.Close()
	}
	path := filepath.Join(o.Dir, metaName)
	d, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(d[:2*pageSize])
	if err := os.WriteFile(path, d, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, r := mustOpen(t, o); r.Epoch != 6 || !r.Fresh || len(r.Salvaged) != 1 {
		t.Errorf("got %+v, want epoch 6, fresh, one file set aside", r)
	}
}

// Files damaged under the running store, also under a live mapping.
func TestDamageWhileOpen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(f *os.File, size int64) error
	}{
		{"truncated", func(f *os.File, size int64) error { return f.Truncate(size / 2) }},
		{"emptied", func(f *os.File, _ int64) error { return f.Truncate(0) }},
		{"overwritten", func(f *os.File, size int64) error {
			junk := make([]byte, size-2*pageSize)
			fillBytes(junk, 0xA5)
			_, err := f.WriteAt(junk[:len(junk)/2], 2*pageSize)
			return err
		}},
		{"one bit", func(f *os.File, size int64) error {
			_, err := f.WriteAt([]byte{0xEE}, size/2+1000)
			return err
		}},
	} {
		for _, which := range []string{"sealed", "active"} {
			t.Run(c.name+" "+which, func(t *testing.T) { testDamageWhileOpen(t, which == "active", c.change) })
		}
	}
}

func testDamageWhileOpen(t *testing.T, active bool, change func(*os.File, int64) error) {
	b := makeDamageBase(t)
	o := withDir(b.o, copyDir(t, b.o.Dir))
	heard := 0
	o.OnDamage = func(Salvage) { heard++ }
	s, _ := mustOpen(t, o)
	l := lanePut{lane: frame.Backfill, last: s.Last(frame.Backfill)}
	b.put[frame.Backfill] = append(b.put[frame.Backfill], l.fill(t, s, 10, 2000, 5)...)
	readAll(t, s, frame.Backfill)
	g := s.segs[0]
	if active {
		g = s.active
	}
	f := newFrame() // a mapping of the file is open when it changes
	if _, err := s.Next(frame.Backfill, g.spans[frame.Backfill].prev, f); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(g.path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := change(file, g.size); err != nil {
		t.Fatal(err)
	}
	file.Close()
	intact := b.intact(t, o.Dir)
	b.compare(t, s, intact)
	if heard > 1 {
		t.Errorf("heard of damage %d times", heard)
	}
	put := l.fill(t, s, 5, 500, 1)
	f = newFrame()
	if ok, err := s.Next(frame.Backfill, put[3].ID, f); !ok || err != nil || !sameFrame(f, put[4]) {
		t.Errorf("after the damage: %v %v", ok, err)
	}
}

func TestRepairAndFrames(t *testing.T) {
	b := makeDamageBase(t)
	dir := copyDir(t, b.o.Dir)
	name := filepath.Join(dir, b.segments(t)[0])
	d, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	clear(d[5*pageSize:][:pageSize])
	if err := os.WriteFile(name, d, 0o600); err != nil {
		t.Fatal(err)
	}
	intact := b.intact(t, dir)
	want := len(intact[0]) + len(intact[1]) + len(intact[2])
	in, err := Verify(dir)
	if err != nil || in.Sound() || in.Epoch != 1 || in.Clean {
		t.Errorf("verify before: %+v, %v", in, err)
	}
	if got := countFrames(t, dir); got != want {
		t.Errorf("Frames gives %d, want %d", got, want)
	}
	r, err := Repair(dir)
	if err != nil || len(r.Salvaged) != 1 || r.Frames != want || r.Epoch != 1 {
		t.Errorf("repair: %+v, %v; want %d frames", r, err, want)
	}
	in, err = Verify(dir)
	if err != nil || !in.Sound() || len(in.Bad) != 1 || in.Epoch != 1 || in.Clean {
		t.Errorf("verify after: %+v, %v", in, err)
	}
	if got := countFrames(t, dir); got != want {
		t.Errorf("Frames gives %d after the repair, want %d", got, want)
	}
}

func countFrames(t *testing.T, dir string) (n int) {
	for f, err := range Frames(dir) {
		if err != nil {
			continue // about what is damaged
		}
		if want := makeFrame(f.Lane, f.ID, f.Prev, len(f.Payload)); !sameFrame(f, want) {
			t.Errorf("frame %v %v is not as it was put", f.Lane, f.ID)
		}
		n++
	}
	return n
}
