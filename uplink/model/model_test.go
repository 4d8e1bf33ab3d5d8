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

// seed makes the tests of a change explore the same histories each time; with
// forEnv it is another one at each run, for those who look for what is new.
const seed = 1

// seeded tells that a seed was asked for; TestMain sets it.
var seeded bool

// forEnv asks for as many histories as fit into a time instead.
const forEnv = "TELHUB_MODEL_FOR"

func TestMain(m *testing.M) {
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	seeded = given["rapid.seed"] || given["rapid.failfile"]
	if !given["rapid.checks"] {
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
	if limit() == 0 && !seeded {
		flag.Set("rapid.seed", fmt.Sprint(seed))
		defer flag.Set("rapid.seed", "0") // controls search at random
	}
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
					rapid.Check(t, func(rt *rapid.T) {
						if half == "b" {
							rapid.Bool().Draw(rt, "second half") // of the same seed other histories
						}
						explore(t, rt, c)
					})
				}
			})
		}
	})
	n := counted.Load() - before
	t.Logf("%d histories in %v", n, time.Since(begun).Round(time.Second))
	return n
}
