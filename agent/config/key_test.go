package config

import (
	"math"
	"strings"
	"testing"

	"github.com/telhub/telhub/drivers/catalog"
	"github.com/telhub/telhub/internal/toml"
)

// everyKey calls f for each key that exists: root, bus, sensor, engine option.
func everyKey(t *testing.T, f func(t *testing.T, where string, k *Key)) {
	t.Helper()
	tables := map[string][]Key{"": rootKeys, "bus": busKeys, "sensor": sensorKeys, "log": {componentKey}, "output": outputKeys, "indicator": indicatorKeys, "power": powerKeys}
	for _, name := range catalog.Names(nil) {
		e, _ := catalog.Lookup(name, nil)
		tables[name] = optionKeys(&e)
	}
	for where, keys := range tables {
		for i := range keys {
			t.Run(where+"/"+keys[i].Path, func(t *testing.T) { f(t, where, &keys[i]) })
		}
	}
}

// The table of keys is right in itself: this is what lets decoding treat a bad
// default or bound as impossible.
func TestEveryKeyIsComplete(t *testing.T) {
	everyKey(t, func(t *testing.T, _ string, k *Key) {
		if !strings.HasSuffix(k.Doc, ".") {
			t.Errorf("doc %q is not a sentence", k.Doc)
		}
		if (k.Type == Choice) != (len(k.Allowed) > 0) && k.Type != Int && k.Type != Words {
			t.Errorf("%v with %d allowed values", k.Type, len(k.Allowed))
		}
		if k.Default != "" {
			if _, f := k.parse(&toml.Node{Kind: toml.Untyped, Text: k.Default}); !f.ok() {
				t.Errorf("default %s %s", k.Default, f.Msg)
			}
		}
		for _, b := range []string{k.Min, k.Max} {
			if b != "" && k.Type != Float {
				k.bound(b)
			}
		}
	})
}

func TestEveryExampleIsAccepted(t *testing.T) {
	everyKey(t, func(t *testing.T, where string, k *Key) {
		if k.Type == Channels {
			text := "[[sensor]]\nname = \"a\"\nuse = \"line\"\nport = \"/dev/ttyS0\"\nformat = \"kv\"\n" + k.Path + " = " + k.Example
			if _, err := Parse("", []byte(text), nil); err != nil {
				t.Error(err)
			}
			return
		}
		if k.Type == Inner && where == "bus" {
			if _, err := Parse("", []byte("[bus.i]\npath = \"/dev/i2c-1\"\n"+k.Path+" = "+k.Example), nil); err != nil {
				t.Error(err)
			}
			return
		}
		if k.Type == Inner {
			text := "[bus.i]\npath = \"/dev/i2c-1\"\n[[sensor]]\nname = \"a\"\nuse = \"bme280\"\nbus = \"i\"\ntemperature." + k.Path + " = " + k.Example
			if _, err := Parse("", []byte(text), nil); err != nil {
				t.Error(err)
			}
			return
		}
		root, problems, ok := toml.Read([]byte("x = " + k.Example))
		if !ok || len(problems) > 0 {
			t.Fatalf("example %s is not TOML: %v", k.Example, problems)
		}
		if _, f := k.parse(root.Fields["x"]); !f.ok() {
			t.Errorf("example %s %s", k.Example, f.Msg)
		}
	})
}

// A value that fits the key's range fits its field on a 32-bit board.
func TestEveryFieldHoldsItsKeysRange(t *testing.T) {
	for _, keys := range [][]Key{rootKeys, busKeys, sensorKeys, indicatorKeys, powerKeys} {
		for i := range keys {
			k := &keys[i]
			if k.Type == Inner {
				continue // its keys are tested themselves
			}
			switch k.field(target{&Config{}, &Bus{}, &Sensor{}, &indicatorDraft{}}).(type) {
			case *int:
				if k.Max == "" || k.bound(k.Max) > math.MaxInt32 || k.Min == "" || k.bound(k.Min) < math.MinInt32 {
					t.Errorf("%s: range does not fit 32 bits", k.Path)
				}
			case *uint8:
				if k.Max == "" || k.bound(k.Max) > math.MaxUint8 || k.Min == "" || k.bound(k.Min) < 0 {
					t.Errorf("%s: range does not fit 8 bits", k.Path)
				}
			case *uint16:
				if k.Max == "" || k.bound(k.Max) > math.MaxUint16 || k.Min == "" || k.bound(k.Min) < 0 {
					t.Errorf("%s: range does not fit 16 bits", k.Path)
				}
			}
		}
	}
}

// No engine option has the name of a key that every sensor has: it could not
// be set.
func TestNoOptionHidesBehindACommonKey(t *testing.T) {
	everyKey(t, func(t *testing.T, where string, k *Key) {
		if _, isEngine := catalog.Lookup(where, nil); isEngine && findKey(sensorKeys, k.Path) != nil {
			t.Errorf("%s has an option %s", where, k.Path)
		}
	})
}

func TestEveryKeyHasAVariableOfItsOwn(t *testing.T) {
	seen := make(map[string]string)
	for i := range rootKeys {
		k := &rootKeys[i]
		if other := seen[k.Env()]; other != "" {
			t.Errorf("%s and %s share %s", k.Path, other, k.Env())
		}
		seen[k.Env()] = k.Path
	}
	if got, want := seen["TELEMETRY_UPLINK_BREAKER_OPEN_MAX"], "uplink.breaker.open_max"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
