package profiles

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/profile"
)

// The explanation of every worked example ends with its value.
func TestExplanationsEndWithTheValue(t *testing.T) {
	n := 0
	for _, e := range chips() {
		d, r := measure(t, e)
		for i, o := range d.Outputs() {
			lines := d.Explain(i, r)
			last := lines[len(lines)-1]
			text := strings.TrimSuffix(strings.TrimPrefix(last, "= "), " "+o.Unit)
			v, err := strconv.ParseFloat(text, 64)
			switch {
			case r.Has(i) && (err != nil || v != r.Values[i]):
				t.Errorf("%s %s: explained as %q, is %v", e.name, o.Name, lines, r.Values[i])
			case r.IsBad(i) && !strings.Contains(last, "bad"):
				t.Errorf("%s %s: explained as %q, is bad", e.name, o.Name, lines)
			}
			n++
		}
		if len(d.Basis()) == 0 {
			t.Errorf("%s: no bytes", e.name)
		}
	}
	if n < 100 {
		t.Errorf("%d outputs explained", n)
	}
}

// measure plays an example and keeps the device.
func measure(t *testing.T, e example) (*profile.Device, *drivers.Reading) {
	t.Helper()
	p, _, err := Lookup(e.name)
	if err != nil {
		t.Fatal(err)
	}
	d, err := profile.New(&player{list: slices.Concat(e.init, e.read)}, 0, p, profile.Opts{Const: e.consts, Sleep: func(time.Duration) {}})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Init(); err != nil {
		t.Fatalf("%s: %v", e.name, err)
	}
	r := &drivers.Reading{}
	for wait := time.Duration(1); wait > 0; {
		if wait, err = d.Read(r); err != nil {
			t.Fatalf("%s: %v", e.name, err)
		}
	}
	return d, r
}
