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

// TestHistories is the check: whatever happens, nothing is there twice and
// nothing is missing without a record. It demands that what can happen did.
func TestHistories(t *testing.T) {
	seen := &tally{}
	n := check(t, config{seen: seen}, limit())
	if !t.Failed() {
		seen.judge(t, n)
	}
}

// limit is for how long to go on; 0 is as many as -rapid.checks says.
func limit() time.Duration {
	d, _ := time.ParseDuration(os.Getenv(forEnv))
	return d
}

// check explores histories on two cores: as many as -rapid.checks says, or for
// a time. It returns how many those were.
func check(t *testing.T, c config, limit time.Duration) int64 {
	begun, before := time.Now(), counted.Load()
	t.Run("both", func(t *testing.T) {
		for _, half := range []string{"a", "b"} {
			t.Run(half, func(t *testing.T) {
				t.Parallel()
				for once := true; once || time.Since(begun) < limit; once = false {
					rapid.Check(t, func(rt *rapid.T) { explore(t, rt, c) })
				}
			})
		}
	})
	n := counted.Load() - before
	t.Logf("%d histories in %v", n, time.Since(begun).Round(time.Second))
	return n
}
