package model

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// histories is how many histories each half of TestHistories runs when
// -rapid.checks does not say otherwise.
const histories = 5000

// forEnv asks for as many histories as fit into a time instead.
const forEnv = "TELHUB_MODEL_FOR"

// wideEnv asks for the wider search.
const wideEnv = "TELHUB_MODEL_WIDE"

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		n := histories
		if raceEnabled {
			n /= 20
		}
		flag.Set("rapid.checks", fmt.Sprint(n))
	}
	os.Exit(m.Run())
}

// TestHistories is the check where the server keeps what it promised and the
// store is never full: whatever else happens, nothing is there twice and nothing
// is missing without a record.
func TestHistories(t *testing.T) { check(t, config{kept: true}, limit()) }

// TestWiderHistories adds servers that forget what they promised, full stores
// and agents without a store. It is for a search by hand: what it finds stands
// in docs/model_check.md.
func TestWiderHistories(t *testing.T) {
	if os.Getenv(wideEnv) != "" {
		check(t, config{}, limit())
	}
}

// limit is for how long to go on; 0 is as many as -rapid.checks says.
func limit() time.Duration {
	d, _ := time.ParseDuration(os.Getenv(forEnv))
	return d
}

// check explores histories on two cores: as many as -rapid.checks says, or for
// a time.
func check(t *testing.T, c config, limit time.Duration) {
	begun, before := time.Now(), counted.Load()
	t.Cleanup(func() { t.Logf("%d histories in %v", counted.Load()-before, time.Since(begun).Round(time.Second)) })
	for _, half := range []string{"a", "b"} {
		t.Run(half, func(t *testing.T) {
			t.Parallel()
			for once := true; once || time.Since(begun) < limit; once = false {
				rapid.Check(t, func(rt *rapid.T) { explore(t, rt, c) })
			}
		})
	}
}
