package iio

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers"
)

// A look tells what setting up would say, and writes nothing.
func TestLook(t *testing.T) {
	root := tree(t, accel)
	before := files(t, root)
	for _, tt := range []struct {
		o    Options
		err  error
		want string
	}{
		{Options{Chip: "adxl345", Channels: axes, Buffer: Buffer{Frequency: 1600, Length: 99}}, nil, "/dev/iio:device0"},
		{Options{Chip: "adxl345", Channels: axes, Buffer: Buffer{Trigger: "adxl345-dev0"}}, nil, "/dev/iio:device0"},
		{Options{Chip: "adxl345", Channels: axes, Buffer: Buffer{Trigger: "fast"}}, drivers.ErrUnplugged, "there is adxl345-dev0; one by a timer"},
		{Options{Chip: "adxl345", Channels: []string{"anglvel_x"}}, drivers.ErrIdentity, "the buffer has accel_x"},
		{Options{Chip: "bmi160", Channels: axes}, drivers.ErrUnplugged, "the kernel has adxl345"},
	} {
		tt.o.Root = root
		b, err := NewBuffered(tt.o)
		if err != nil {
			t.Fatal(err)
		}
		err = b.Look()
		switch {
		case !errors.Is(err, tt.err), err != nil && !strings.Contains(err.Error(), tt.want):
			t.Errorf("%+v: %v, want %v, %q", tt.o, err, tt.err, tt.want)
		case err == nil && b.Node() != tt.want:
			t.Errorf("%+v: node %s, want %s", tt.o, b.Node(), tt.want)
		}
	}
	plant(t, root, "sys/bus/iio/devices/iio:device0/in_accel_x_raw: 5")
	s, err := New(Options{Root: root, Chip: "adxl345", Channels: []string{"accel_x"}, Set: []string{"in_accel_scale = 0.01"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Look(); err != nil {
		t.Error(err)
	}
	after := files(t, root)
	for path, text := range before {
		if after[path] != text {
			t.Errorf("%s is %q, was %q", path, after[path], text)
		}
	}
}

// files are what all files below a root hold, but for its pipes.
func files(t *testing.T, root string) map[string]string {
	t.Helper()
	m := make(map[string]string)
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		m[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
