package config_test

import (
	"strings"
	"testing"

	"github.com/telhub/telhub/agent/config"
)

// reference is the page that Reference writes.
const reference = "../../docs/configuration_reference.md"

func TestTheReferenceIsUpToDate(t *testing.T) {
	var b strings.Builder
	if err := config.Reference(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, reference, b.String()) // to mend: go test ./agent/config -run Reference -update
}

func template(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	if err := config.Init(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLoadAcceptsWhatInitWrites(t *testing.T) {
	text := template(t)
	for line := range strings.Lines(text) {
		if line != "\n" && !strings.HasPrefix(line, "#") {
			t.Errorf("not commented out: %q", line)
		}
	}
	mustParse(t, text)
}

// Every line that shows a key is right when its # is deleted, and shows the
// default.
func TestLoadAcceptsWhatInitWritesUncommented(t *testing.T) {
	var b strings.Builder
	for line := range strings.Lines(template(t)) {
		if code, ok := strings.CutPrefix(line, "#"); ok && code != "\n" && code[0] != ' ' {
			line = code
		}
		b.WriteString(line)
	}
	got := mustParse(t, b.String())
	want := config.Default()
	if got.Queue != want.Queue || got.Uplink != want.Uplink || got.Spool != want.Spool || got.HTTP != want.HTTP || got.Redis != want.Redis {
		t.Errorf("the template shows other values than the defaults:\ngot  %+v\nwant %+v", got, want)
	}
	if len(got.Sensors) > 0 && len(got.Sensors[0].Outputs) != 3 || len(got.Indicators) != 1 {
		t.Errorf("got outputs %+v, indicators %+v", got.Sensors[0].Outputs, got.Indicators)
	}
	engineOf(t, got)
	if len(got.Sensors) != 3 || len(got.Buses) != 2 || len(got.Profiles) != 1 {
		t.Errorf("got %d sensors, %d buses, %d profiles", len(got.Sensors), len(got.Buses), len(got.Profiles))
	}
}
