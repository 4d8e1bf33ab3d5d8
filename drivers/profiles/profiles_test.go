package profiles

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers/profile"
)

// bare are the names of outputs that are numbers without a unit.
var bare = regexp.MustCompile(`count|status|alarm|factor|index|state|code|^input_`)

func TestShippedProfilesAreComplete(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range all {
		names = append(names, p.Name())
		if p.Title() == "" || p.Datasheet() == "" {
			t.Errorf("%s: title %q, data sheet %q: none may be missing", p.Name(), p.Title(), p.Datasheet())
		}
		if chip := p.Kind() == profile.I2C; chip && (p.Time() == 0 || len(p.Addresses()) == 0) || !chip && p.Mode() == "" {
			t.Errorf("%s: time %v, addresses %v, mode %q: a chip has the first two, others the third",
				p.Name(), p.Time(), p.Addresses(), p.Mode())
		}
		outs, err := p.Outputs(nil)
		if err != nil {
			t.Error(err)
		}
		for _, o := range outs {
			if o.Unit == "" && !bare.MatchString(o.Name) {
				t.Errorf("%s: %+v: the unit is missing", p.Name(), o)
			}
			if o.Resolution == 0 && p.Kind() == profile.I2C {
				t.Errorf("%s: %+v: the resolution is missing", p.Name(), o)
			}
		}
	}
	for _, want := range []string{"tmp102", "lm75", "ina219", "sht4x", "tmp117", "sht3x", "bh1750", "ina226", "mcp9808", "aht20", "hdc1080"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not shipped", want)
		}
	}
	if !slices.Equal(names, Names()) {
		t.Errorf("All has %v, Names %v", names, Names())
	}
}

// Every profile has an example, and what cannot be told apart is known.
func TestEveryProfileHasAnExampleAndIdentity(t *testing.T) {
	covered := map[string]bool{}
	for _, e := range chips() {
		covered[e.name] = true
	}
	for _, e := range serialExamples {
		covered[e.name] = true
	}
	for _, e := range meters() {
		covered[e.name] = true
	}
	var blind []string
	for _, name := range Names() {
		p, _, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		if !covered[name] {
			t.Errorf("%s has no worked example", name)
		}
		if p.Kind() == profile.I2C && !p.Identifies() {
			blind = append(blind, name)
		}
	}
	if want := []string{"ads1015", "ads1115", "aht10", "aht20", "as5600", "bh1750", "htu21d", "lsm303dlhc-accel", "mcp23008",
		"mcp23017", "mcp3421", "pcf8574", "pcf8591", "sdp3x", "sht21", "tmp105", "veml7700"}; !slices.Equal(blind, want) {
		t.Errorf("without identity: %v, want %v: chips with nothing to identify them by", blind, want)
	}
}

func TestLookup(t *testing.T) {
	for _, name := range []string{"nochip", "", "../profile/doc", "./tmp102"} {
		if p, ok, err := Lookup(name); ok || p != nil || err != nil {
			t.Errorf("%q: %v, %v, %v; want nothing", name, p, ok, err)
		}
	}
	text, ok := Source("sht4x")
	if !ok || !regexp.MustCompile(`(?m)^\[profile\.sht4x\]$`).MatchString(text) {
		t.Errorf("source of sht4x: %v, %q", ok, text)
	}
}

func TestCompileErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"x = ", "profile chip: [line 1: syntax: a key without value"},
		{"[other]\nkind = \"i2c\"", "profile chip: "},
		{"[profile.other]\nkind = \"i2c\"", "want the one table [profile.chip]"},
		{"[profile.chip]\nkind = \"i2c\"", "missing: want the steps"},
	} {
		if p, err := compile("chip", tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, %v; want %q", tt.text, p, err, tt.want)
		}
	}
}
