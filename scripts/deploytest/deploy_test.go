// Package deploytest runs scripts/deploy.sh over releases that are right and
// wrong: nothing may reach a board before signature and sums are right. And it
// runs scripts/flash.sh against boards that mean no good.
package deploytest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A release is what `make release` leaves, with packages of a few bytes.
type release struct {
	t                         *testing.T
	dir, public, hosts, calls string
	path                      string // PATH with an ssh that only takes notes
	release                   string // RELEASE
}

func newRelease(t *testing.T) *release {
	t.Helper()
	for _, tool := range []string{"minisign", "ar"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: scripts/test-deps.sh installs it", err)
		}
	}
	top := t.TempDir()
	r := &release{t: t, dir: filepath.Join(top, "signed"), public: filepath.Join(top, "public"), hosts: filepath.Join(top, "hosts.txt"), calls: filepath.Join(top, "calls")}
	bin := filepath.Join(top, "bin")
	for _, dir := range []string{r.dir, bin} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r.path = bin + ":" + os.Getenv("PATH")
	r.write(filepath.Join(bin, "ssh"), fmt.Sprintf("#!/bin/sh\necho \"$*\" >>%s\nexit 255\n", r.calls), 0o755)
	r.write(r.hosts, "root@board-1\n", 0o644)
	var sums strings.Builder
	for _, arch := range []string{"arm64", "armhf", "amd64"} {
		name := "telhub_1.2.3-1_" + arch + ".deb"
		r.deb(name, "program for "+arch)
		data, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), name)
	}
	// Of what is not downloaded to deploy.
	fmt.Fprintf(&sums, "%x  telhub_1.2.3-1_arm64.ipk\n", sha256.Sum256(nil))
	r.write(filepath.Join(r.dir, "SHA256SUMS"), sums.String(), 0o644)
	secret := filepath.Join(top, "secret")
	r.run("minisign", "-G", "-W", "-f", "-s", secret, "-p", r.public)
	r.run("minisign", "-S", "-s", secret, "-m", filepath.Join(r.dir, "SHA256SUMS"))
	return r
}

func (r *release) write(path, text string, mode os.FileMode) {
	r.t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		r.t.Fatal(err)
	}
}

func (r *release) run(name string, args ...string) {
	r.t.Helper()
	if out, err := exec.CommandContext(r.t.Context(), name, args...).CombinedOutput(); err != nil {
		r.t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}

// deb makes a package as dpkg knows it: an archive of ar with data.tar.gz in it.
func (r *release) deb(name, program string) {
	r.t.Helper()
	var data bytes.Buffer
	zip := gzip.NewWriter(&data)
	files := tar.NewWriter(zip)
	if err := errors.Join(
		files.WriteHeader(&tar.Header{Name: "./usr/bin/telhub", Mode: 0o755, Size: int64(len(program))}),
		func() error { _, err := files.Write([]byte(program)); return err }(),
		files.Close(), zip.Close(),
	); err != nil {
		r.t.Fatal(err)
	}
	tmp := r.t.TempDir()
	r.write(filepath.Join(tmp, "debian-binary"), "2.0\n", 0o644)
	r.write(filepath.Join(tmp, "data.tar.gz"), data.String(), 0o644)
	path := filepath.Join(r.dir, name)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	r.run("ar", "rc", path, filepath.Join(tmp, "debian-binary"), filepath.Join(tmp, "data.tar.gz"))
}

// deploy runs the script and tells its exit code, its words, and whom ssh was to call.
func (r *release) deploy() (code int, out, calls string) {
	r.t.Helper()
	c := exec.CommandContext(r.t.Context(), "../deploy.sh", r.dir, r.public, r.hosts)
	c.Env = append(os.Environ(), "PATH="+r.path, "RELEASE="+r.release)
	words, err := c.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		r.t.Fatal(err)
	}
	seen, err := os.ReadFile(r.calls)
	if err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), string(words), string(seen)
}

// TestASignedReleaseGoesToTheBoards: the board does not answer here, so that
// flash.sh, which has tests of its own, ends with 1; but it was called.
func TestASignedReleaseGoesToTheBoards(t *testing.T) {
	r := newRelease(t)
	r.release = "v1.2.3"
	code, out, calls := r.deploy()
	for _, want := range []string{"telhub-linux-arm64", "telhub-linux-armv7", "telhub-linux-amd64", "canary: root@board-1"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if code != 1 || !strings.Contains(calls, "root@board-1") {
		t.Errorf("exit code %d, ssh was called with %q, want 1 and root@board-1", code, calls)
	}
}

func TestWhatIsNotSignedReachesNoBoard(t *testing.T) {
	tests := map[string]struct {
		harm func(r *release)
		want string
	}{
		"another key": {func(r *release) {
			r.run("minisign", "-G", "-W", "-f", "-s", filepath.Join(r.t.TempDir(), "secret"), "-p", r.public)
		}, "is not signed by"},
		"no signature": {func(r *release) {
			if err := os.Remove(filepath.Join(r.dir, "SHA256SUMS.minisig")); err != nil {
				r.t.Fatal(err)
			}
		}, "is not signed by"},
		"sums that were changed": {func(r *release) {
			r.write(filepath.Join(r.dir, "SHA256SUMS"), "\n", 0o644)
		}, "is not signed by"},
		"a package that was changed": {func(r *release) {
			r.deb("telhub_1.2.3-1_arm64.deb", "another program")
		}, "not what was signed"},
		"a package more": {func(r *release) {
			r.deb("telhub_1.2.4-1_arm64.deb", "another program")
		}, "is not in SHA256SUMS"},
		// Its dot stands for the hyphen of the one that is named, for whoever reads names as patterns.
		"a package whose name is a pattern": {func(r *release) {
			r.deb("telhub_1.2.3.1_arm64.deb", "another program")
		}, "is no name of a package"},
		"a package whose name is another pattern": {func(r *release) {
			r.run("mv", filepath.Join(r.dir, "telhub_1.2.3-1_arm64.deb"), filepath.Join(r.dir, "telhub_1.2..-1_arm64.deb"))
			r.deb("telhub_1.2..-1_arm64.deb", "another program")
		}, "is not in SHA256SUMS"},
		"a package by the name of another": {func(r *release) {
			r.run("cp", filepath.Join(r.dir, "telhub_1.2.3-1_amd64.deb"), filepath.Join(r.dir, "telhub_1.2.3-1_arm64.deb"))
		}, "not what was signed"},
		"an older release, as signed as this one": {func(r *release) { r.release = "v1.2.4" }, "is not of release v1.2.4"},
		"no package": {func(r *release) {
			debs, err := filepath.Glob(filepath.Join(r.dir, "*.deb"))
			if err != nil || len(debs) != 3 {
				r.t.Fatalf("got %v, %v", debs, err)
			}
			r.run("rm", debs...)
		}, "holds no package"},
		"no hosts": {func(r *release) { r.write(r.hosts, "", 0o644) }, "names no host"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRelease(t)
			test.harm(r)
			code, out, calls := r.deploy()
			if code == 0 || !strings.Contains(out, test.want) {
				t.Errorf("exit code %d, want a failure with %q:\n%s", code, test.want, out)
			}
			if calls != "" {
				t.Errorf("ssh was called: %s", calls)
			}
		})
	}
}
