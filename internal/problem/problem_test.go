package problem

import (
	"fmt"
	"strings"
	"testing"
)

func TestProblemsAreSortedAndBounded(t *testing.T) {
	if err := (Problems{}).OrNil(); err != nil {
		t.Errorf("an empty list is %v", err)
	}
	err := Problems{
		{Source: "VARIABLE", Path: "a", Msg: "is wrong"},
		{Source: "x.toml", Line: 7, Path: "b", Value: "0", Msg: "must be at least 1", Cure: "raise it"},
		{Source: "x.toml", Line: 2, Msg: "is not TOML"},
	}.OrNil()
	want := "x.toml:2: is not TOML\nx.toml:7: b = 0: must be at least 1; raise it\nVARIABLE: a: is wrong"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	var many Problems
	for i := range 2 * Max {
		many = append(many, Problem{Source: "x.toml", Line: i + 1, Msg: "is wrong"})
	}
	lines := strings.Split(many.OrNil().Error(), "\n")
	if last := fmt.Sprintf("x.toml:%d: %d more problems follow; mend these first", Max, Max); len(lines) != Max+1 || lines[Max] != last {
		t.Errorf("%d lines, the last is %q, want %q", len(lines), lines[len(lines)-1], last)
	}
}
