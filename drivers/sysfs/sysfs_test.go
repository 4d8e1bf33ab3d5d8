package sysfs_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/sysfs"
)

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestIntAgreesWithTheStandardLibrary(t *testing.T) {
	for _, s := range []string{
		"0", "-0", "+7", "23125", "-55000", "9223372036854775807", "-9223372036854775807", "9223372036854775808",
		"18446744073709551616", "", "-", "+", "1a", " 1", "1 ", "0x10", "1.5", "--1", "99999999999999999999999",
	} {
		got, ok := sysfs.Int([]byte(s))
		want, err := strconv.ParseInt(s, 10, 64)
		if ok != (err == nil) || ok && got != want {
			t.Errorf("%q: got %d, %v; want %d, %v", s, got, ok, want, err)
		}
	}
}

func FuzzInt(f *testing.F) {
	f.Add("23125")
	f.Add("-9223372036854775807")
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := sysfs.Int([]byte(s))
		want, err := strconv.ParseInt(s, 10, 64)
		if err == nil && want == math.MinInt64 {
			return // one value less is taken, which no file of the kernel's has
		}
		if ok != (err == nil) || ok && got != want {
			t.Errorf("%q: got %d, %v; want %d, %v", s, got, ok, want, err)
		}
	})
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"CPU-therm": "cpu_therm", "/var/lib/telhub": "var_lib_telhub", "temp1": "temp1", "+3.3V": "n3_3v", "--": "", "eth0.100": "eth0_100",
	} {
		got := sysfs.Name(in)
		if got != want || got != "" && !sysfs.ValidName(got) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// A File gives what the file says now, notices that it was removed, and finds
// it again when it is opened anew.
func TestFile(t *testing.T) {
	root := t.TempDir()
	at := filepath.Join(root, "temp1_input")
	write(t, at, "23125\n")
	var p sysfs.Path
	var f sysfs.File
	var buf [64]byte
	if _, err := f.Read(buf[:]); sysfs.Sentinel(err) != drivers.ErrUnplugged {
		t.Errorf("a closed file: got %v", err)
	}
	if err := f.Open(p.Root(root).Add("/temp1_input")); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, want := range []int64{23125, -500} {
		write(t, at, strconv.FormatInt(want, 10)+"\n")
		if got, err := f.Int(buf[:]); got != want || err != nil {
			t.Errorf("got %d, %v, want %d", got, err, want)
		}
	}
	write(t, at, "no number\n")
	if _, err := f.Int(buf[:]); sysfs.Sentinel(err) != drivers.ErrInvalid {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(at); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Int(buf[:]); sysfs.Sentinel(err) != drivers.ErrUnplugged {
		t.Errorf("removed: got %v", err)
	}
	if err := f.Open(&p); sysfs.Sentinel(err) != drivers.ErrUnplugged || f.IsOpen() {
		t.Errorf("open what is not there: got %v", err)
	}
	write(t, at, "1\n")
	if err := f.Open(&p); err != nil {
		t.Fatal(err)
	}
}

func TestPathIsBounded(t *testing.T) {
	var p sysfs.Path
	p.Root("/").Add(strings.Repeat("x", 2*sysfs.MaxPath)).AddInt(1234567890)
	if p.Len() != sysfs.MaxPath {
		t.Errorf("length %d", p.Len())
	}
	// What is left of a path that is too long may be something else's.
	root := t.TempDir()
	for len(root)+len("/long") < sysfs.MaxPath {
		root += "/."
	}
	var f sysfs.File
	if err := f.Open(p.Root(root).Add("/////////////////////////nothing")); err != unix.ENAMETOOLONG {
		t.Errorf("got %v", err)
	}
	if err := f.Open(p.Cut(1)); err != nil { // the root directory
		t.Errorf("got %v", err)
	}
	f.Close()
	if got := p.Root("/tmp/").Add("/hwmon").AddInt(0).AddInt(17).Cut(11).String(); got != "/tmp/hwmon0" {
		t.Errorf("got %q", got)
	}
}

// Dir lists what os.ReadDir lists, over several of its buffers.
func TestDirListsEverything(t *testing.T) {
	root := t.TempDir()
	for i := range 700 {
		write(t, filepath.Join(root, "a-name-of-some-length-"+strconv.Itoa(i)), "")
	}
	for _, dir := range []string{root, "/proc/self", "/dev"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var p sysfs.Path
		var d sysfs.Dir
		if err := d.Open(p.Root("").Add(dir)); err != nil {
			t.Fatal(err)
		}
		var got []string
		for name := d.Next(); name != nil; name = d.Next() {
			got = append(got, string(name))
		}
		slices.Sort(got)
		want := make([]string, len(entries))
		for i, e := range entries {
			want[i] = e.Name()
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %d names, want %d", dir, len(got), len(want))
		}
	}
}

func TestClassKnowsNameAndDevice(t *testing.T) {
	root := t.TempDir()
	write(t, root+"/sys/class/hwmon/hwmon0/name", "lm75\n")
	write(t, root+"/sys/class/hwmon/hwmon1/name", "cpu_thermal\n")
	write(t, root+"/sys/class/hwmon/hwmon2/temp1_input", "1\n") // half of a device
	if err := os.Symlink("../../../1-0048", root+"/sys/class/hwmon/hwmon0/device"); err != nil {
		t.Fatal(err)
	}
	var c sysfs.Class
	if err := c.Walk(root, "/sys/class/hwmon", "hwmon", "name"); err != nil {
		t.Fatal(err)
	}
	var l sysfs.List
	found := 0
	for c.Next() {
		if c.Is("lm75", "1-0048") {
			found++
			if got, want := c.Path.String(), root+"/sys/class/hwmon/hwmon0"; got != want {
				t.Errorf("path %s, want %s", got, want)
			}
		}
		if c.Is("lm75", "1-0049") || c.Is("lm7", "") {
			t.Error("took one for another")
		}
		l.Add(c.Value, c.Device)
	}
	if got := l.String(); found != 1 || got != "lm75 (1-0048), cpu_thermal" && got != "cpu_thermal, lm75 (1-0048)" {
		t.Errorf("found %d of %q", found, got)
	}
}

func TestErrorSaysWhatMayHelp(t *testing.T) {
	e := sysfs.Error{Subject: "hwmon lm75"}
	e.There.Add([]byte("cpu_thermal"), nil)
	err := e.Set("find", drivers.ErrUnplugged, "there are ")
	if got, want := err.Error(), "hwmon lm75: find: unplugged: there are cpu_thermal"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	err = e.Fail("read temp1_input", unix.EREMOTEIO)
	if !errors.Is(err, drivers.ErrNACK) || err.Error() != "hwmon lm75: read temp1_input: no acknowledge" {
		t.Errorf("got %v", err)
	}
	if got := sysfs.Sentinel(unix.EPERM); got != unix.EPERM {
		t.Errorf("got %v", got)
	}
}

// A mount point is one, its subdirectory is none, and the figures are those of
// os and unix.
func TestStatfs(t *testing.T) {
	var p, above sysfs.Path
	var got, want unix.Statfs_t
	for path, mounted := range map[string]bool{"/": true, "/proc": true, "/proc/self": false} {
		ok, err := p.Root("").Add(path).Statfs(&got, &above)
		if err != nil || ok != mounted {
			t.Errorf("%s: %v, %v; want %v", path, ok, err, mounted)
		}
		if err := unix.Statfs(path, &want); err != nil || got.Blocks != want.Blocks || got.Bsize != want.Bsize {
			t.Errorf("%s: got %+v, want %+v, %v", path, got, want, err)
		}
	}
	if _, err := p.Root("").Add("/proc/nothing").Statfs(&got, &above); sysfs.Sentinel(err) != drivers.ErrUnplugged {
		t.Errorf("got %v", err)
	}
}

func TestNothingAllocates(t *testing.T) {
	root := t.TempDir()
	write(t, root+"/c/d0/name", "x\n")
	if err := os.Symlink("../y", root+"/c/d0/device"); err != nil {
		t.Fatal(err)
	}
	s := new(struct {
		p, above sysfs.Path
		f        sysfs.File
		c        sysfs.Class
		fs       unix.Statfs_t
		l        sysfs.List
		e        sysfs.Error
		buf      [64]byte
	})
	defer s.f.Close()
	if n := testing.AllocsPerRun(100, func() {
		_ = s.c.Walk(root, "/c", "d", "name")
		for s.c.Next() {
			s.l.Reset()
			s.l.Add(s.c.Value, s.c.Device)
			_ = s.f.Open(s.c.Path.Add("/name"))
		}
		_, _ = s.f.Int(s.buf[:])
		_, _ = s.p.Root(root).Statfs(&s.fs, &s.above)
		_ = s.f.Open(s.p.Root(root).Add("/nothing"))
		_, err := s.f.Int(s.buf[:])
		_ = s.e.Fail("read", err)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The files of a sensor that nobody holds any more are closed.
func TestOwnCloses(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := count()
	func() {
		owner := &struct{ files []sysfs.File }{make([]sysfs.File, 8)}
		sysfs.Own(owner, owner.files)
		var p sysfs.Path
		for i := range owner.files {
			if err := owner.files[i].Open(p.Root("").Add("/proc/loadavg")); err != nil {
				t.Fatal(err)
			}
		}
		if n := count(); n < before+8 {
			t.Errorf("%d descriptors, want %d", n, before+8)
		}
		runtime.KeepAlive(owner)
	}()
	for deadline := time.Now().Add(10 * time.Second); count() > before; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors, want %d", count(), before)
		}
	}
}
