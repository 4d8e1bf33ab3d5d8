package store

import (
	"path/filepath"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// A file that takes another's place, and its inode, is not taken for it.
func TestFilesOfTheSameShapeHaveMarksOfTheirOwn(t *testing.T) {
	var marks []fileMark
	for i := range 2 {
		o := testOptions(t.TempDir())
		s, _, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		lp := lanePut{lane: frame.Lane(i)}
		f := lp.next(1, 400+40*i)
		if err := s.Put(f); err != nil {
			t.Fatal(err)
		}
		if err := s.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		files, _ := filepath.Glob(filepath.Join(o.Dir, "*.seg"))
		m, err := markFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		m.Inode = 0
		marks = append(marks, m)
	}
	if marks[0] == marks[1] {
		t.Errorf("both have the mark %+v", marks[0])
	}
}
