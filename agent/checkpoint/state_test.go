package checkpoint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file that cannot be understood is set aside, and the run begins anew.
func TestDamagedFileIsSetAside(t *testing.T) {
	for name, text := range map[string]string{
		"empty":       "",
		"cut off":     `{"version":1,"alarms":{"box/t":{"sta`,
		"not JSON":    "\x00\x00\x00\x00",
		"other types": `{"version":1,"alarms":[1,2]}`,
		"version":     `{"version":2}`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), Name)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			c, damage, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			bad, _ := filepath.Glob(path + ".bad-*")
			if damage == nil || len(bad) != 1 || !strings.Contains(damage.Error(), bad[0]) {
				t.Fatalf("damage is %v, set aside are %v", damage, bad)
			}
			if kept, err := os.ReadFile(bad[0]); err != nil || string(kept) != text {
				t.Errorf("what was set aside is %q, %v; want it as it was", kept, err)
			}
			if len(c.Alarms())+len(c.Counters())+len(c.Boots()) > 0 {
				t.Error("a damaged file says something nevertheless")
			}
			if err := c.Save(nil, nil); err != nil {
				t.Errorf("Save after damage: %v", err)
			}
			if _, damage, err := Open(path); damage != nil || err != nil {
				t.Errorf("Open after Save gave %v, %v", damage, err)
			}
		})
	}
}

// A file that cannot be read is an error, and stays where it is.
func TestUnreadableFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), Name)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if c, damage, err := Open(path); err == nil || damage != nil || c != nil || !strings.HasPrefix(err.Error(), "checkpoint: ") {
		t.Errorf("Open of a directory gave %v, %v, %v", c, damage, err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// A cut while the file is written leaves the old one, and half a new one
// beside it, which the next save writes over.
func TestCutWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), Name)
	c, _, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	counter := map[string]Counter{"a/b": {Expression: "integral(x)", State: []float64{3, 0}}}
	if err := c.Save(counter, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".tmp", []byte(strings.Repeat("x", 1<<16)), 0o600); err != nil {
		t.Fatal(err)
	}
	c, damage, err := Open(path)
	if damage != nil || err != nil || c.Counters()["a/b"].State[0] != 3 {
		t.Fatalf("beside half a file Open gave %v, %v, counters %v", damage, err, c.Counters())
	}
	counter["a/b"] = Counter{Expression: "integral(x)", State: []float64{4, 0}}
	if err := c.Save(counter, nil); err != nil {
		t.Fatal(err)
	}
	if c, damage, err = Open(path); damage != nil || err != nil || c.Counters()["a/b"].State[0] != 4 {
		t.Errorf("after the next save Open gave %v, %v, counters %v", damage, err, c.Counters())
	}
	if _, err := os.Stat(path + ".tmp"); err == nil {
		t.Error("the half file is still there")
	}
}

// Where the file cannot be written, the old one stays.
func TestFailedSaveKeepsTheOldFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, Name)
	c, _, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Save(nil, nil); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path+".tmp", 0o700); err != nil { // also where the test is root
		t.Fatal(err)
	}
	if err := c.Save(map[string]Counter{"a/b": {}}, nil); err == nil {
		t.Error("Save gave no error")
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("a save that failed left %q, %v; want %q", after, err, before)
	}
}

// A file that has grown beyond all measure is not read into memory.
func TestAHugeFileIsSetAsideUnread(t *testing.T) {
	path := filepath.Join(t.TempDir(), Name)
	text := `{"version":1,"alarms":{"box/t":{"state":"high"}}}` + strings.Repeat(" ", maxSize)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, damage, err := Open(path)
	if err != nil || damage == nil || !strings.Contains(damage.Error(), "more than 1048576 bytes") || len(c.Alarms()) > 0 {
		t.Errorf("Open gave %v, %v, alarms %v", damage, err, c.Alarms())
	}
	if err := c.Save(map[string]Counter{"box/t": {Expression: strings.Repeat("x", maxSize)}}, nil); err == nil {
		t.Error("Save wrote what Open would not read")
	}
	if !c.Changed() {
		t.Error("what was not saved is taken for saved")
	}
}
