package main

import (
	"testing"
)

// A command that has succeeded is not run again because something that it
// began still holds its output.
func TestExecThatLeavesSomethingBehind(t *testing.T) {
	all := handlers(t, "[handler.job]\nkind = \"exec\"\ncommand = [\"/bin/sh\", \"-c\", \"echo well; sleep 60 & exit 0\"]\n")
	if got, err := all["job"](t.Context(), delivery("")); string(got) != "well\n" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
