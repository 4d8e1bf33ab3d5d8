package config

import (
	"strings"

	"github.com/telhub/telhub/internal/spell"
)

// didYouMean gives the cure for an unknown name: the nearest candidate, or
// else the list of all when it is short enough to read.
func didYouMean(got string, candidates []string) string {
	if n := spell.Nearest(got, candidates); n != "" {
		return "did you mean " + n + "?"
	}
	if len(candidates) == 0 || len(candidates) > 24 {
		return ""
	}
	if len(candidates) == 1 {
		return "the only one is " + candidates[0]
	}
	return "known are " + strings.Join(candidates, ", ")
}
