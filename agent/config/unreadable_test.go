package config

import (
	"io/fs"
	"syscall"
	"testing"
)

// Tests run as root, who may read everything: the error is given.
func TestAFileOfRootTellsWhoMayReadIt(t *testing.T) {
	p := unreadableConfig("/etc/x.toml", &fs.PathError{Op: "open", Path: "/etc/x.toml", Err: syscall.EACCES})
	if got, want := p.Error(), "/etc/x.toml: cannot be read: permission denied; run it as root (sudo), or as a user who may read it"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
