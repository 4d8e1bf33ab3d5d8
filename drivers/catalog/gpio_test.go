package catalog_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers/catalog"
)

func TestGPIO(t *testing.T) {
	e := lookup(t, "gpio")
	for _, o := range []catalog.Options{
		{"line": int64(0)}, {"line_name": "GPIO17", "edge": "both", "bias": "pull-up", "debounce": 5 * time.Millisecond},
	} {
		facts, err := catalog.Check(catalog.Spec{Engine: e, Options: o})
		if err != nil || facts.Speaks || len(facts.Outputs) != 5 || facts.Outputs[0].Name != "count" {
			t.Errorf("%v: %+v, %v", o, facts, err)
		}
	}
	for _, test := range []struct {
		option, msg string
		options     catalog.Options
	}{
		{"line", "is missing", nil},
		{"line_name", "stands beside line", catalog.Options{"line": int64(1), "line_name": "x"}},
		{"chip", "want its name", catalog.Options{"line": int64(1), "chip": "a/b"}},
		{"debounce", "want whole microseconds", catalog.Options{"line": int64(1), "debounce": time.Nanosecond}},
	} {
		_, err := catalog.Check(catalog.Spec{Engine: e, Options: test.options})
		var oe *catalog.OptionError
		if !errors.As(err, &oe) || oe.Option != test.option || !strings.Contains(oe.Msg, test.msg) {
			t.Errorf("got %v, want %s: %s", err, test.option, test.msg)
		}
	}
}
