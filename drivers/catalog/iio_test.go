package catalog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers/catalog"
)

// A device of iio is asked, or speaks by itself as soon as the buffer is meant.
func TestIIO(t *testing.T) {
	axes := []string{"accel_x", "accel_y"}
	for name, test := range map[string]struct {
		more   catalog.Options
		speaks bool
	}{
		"asked":     {nil, false},
		"said":      {catalog.Options{"buffered": true}, true},
		"frequency": {catalog.Options{"sampling_frequency": 1600.0}, true},
		"trigger":   {catalog.Options{"trigger": "t"}, true},
		"length":    {catalog.Options{"length": int64(64), "watermark": int64(8)}, true},
	} {
		o := catalog.Options{"chip": "adxl345", "channels": axes}
		for k, v := range test.more {
			o[k] = v
		}
		facts, err := catalog.Check(catalog.Spec{Engine: lookup(t, "iio"), Options: o})
		if err != nil || facts.Speaks != test.speaks || len(facts.Outputs) != 2 || facts.Outputs[1].Name != "accel_y" {
			t.Errorf("%s: %+v, %v", name, facts, err)
		}
	}
	for _, test := range []struct {
		option, msg string
		options     catalog.Options
	}{
		{"chip", "want what the file name", nil},
		{"channels", "is missing", catalog.Options{"chip": "x"}},
		{"buffered", "is false beside options", catalog.Options{"chip": "x", "channels": axes, "buffered": false, "trigger": "t"}},
		{"watermark", "want at most", catalog.Options{"chip": "x", "channels": axes, "length": int64(2), "watermark": int64(3)}},
		{"out", `output "a"`, catalog.Options{"chip": "x", "out": []catalog.Channel{{Name: "a", Key: "b"}}}},
		{"set", "want an attribute", catalog.Options{"chip": "x", "channels": axes, "set": []string{"a"}}},
	} {
		_, err := catalog.Check(catalog.Spec{Engine: lookup(t, "iio"), Options: test.options})
		var oe *catalog.OptionError
		if !errors.As(err, &oe) || oe.Option != test.option || !strings.Contains(oe.Msg, test.msg) {
			t.Errorf("got %v, want %s: %s", err, test.option, test.msg)
		}
	}
}
