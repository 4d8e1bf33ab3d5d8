package chain

import (
	"slices"
	"strings"
	"testing"
)

func TestFiltersListsThemAll(t *testing.T) {
	var got []string
	for _, f := range Filters() {
		got = append(got, f.Name)
		s, err := ParseFilter(f.Example)
		if err != nil || s.String() != f.Example || !strings.HasPrefix(f.Example, f.Name+" ") {
			t.Errorf("%s: example %q gives %q, %v", f.Name, f.Example, s, err)
		}
		if !strings.HasSuffix(f.Doc, ".") {
			t.Errorf("%s: %q is no sentence", f.Name, f.Doc)
		}
	}
	want := filterNames()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
