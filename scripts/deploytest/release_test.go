package deploytest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatIsSigned runs release.sh over packages that are whole, and over
// those that somebody has had a hand in between build and signature.
func TestWhatIsSigned(t *testing.T) {
	tests := map[string]struct {
		harm    func(dir string) error
		release string
		want    string // of the error; "" for a signature
	}{
		"whole":            {func(string) error { return nil }, "v1.2.3", ""},
		"whole, by hand":   {func(string) error { return nil }, "", ""},
		"another release":  {func(string) error { return nil }, "v1.2.4", "are of version 1.2.3, not of v1.2.4"},
		"a file more":      {func(dir string) error { return os.WriteFile(dir+"/telhub_9_arm64.deb", nil, 0o644) }, "v1.2.3", "SHA256SUMS does not name"},
		"a file exchanged": {func(dir string) error { return os.WriteFile(dir+"/telhub_1.2.3-1_arm64.deb", nil, 0o644) }, "v1.2.3", "FAILED"},
		"a file less":      {func(dir string) error { return os.Remove(dir + "/telhub_1.2.3-1_arm64.deb") }, "v1.2.3", "No such file"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			dir, script := filepath.Join(top, "dist/packages"), filepath.Join(top, "scripts/release.sh")
			text, err := os.ReadFile("../release.sh")
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.MkdirAll(dir, 0o755), os.Mkdir(filepath.Dir(script), 0o755), os.WriteFile(script, text, 0o755)); err != nil {
				t.Fatal(err)
			}
			var sums strings.Builder
			for _, file := range []string{"telhub_1.2.3-1_arm64.deb", "telhub_1.2.3_arm64.cdx.json", "ttp_1.2.3_arm64.cdx.json"} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(file), 0o644); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256([]byte(file)), file)
			}
			if err := errors.Join(os.WriteFile(dir+"/SHA256SUMS", []byte(sums.String()), 0o644), tt.harm(dir)); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.CommandContext(t.Context(), "minisign", "-G", "-W", "-s", top+"/key", "-p", top+"/pub").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			c := exec.CommandContext(t.Context(), script, top+"/key", top+"/pub")
			c.Env = append(os.Environ(), "RELEASE="+tt.release)
			out, err := c.CombinedOutput()
			signature, _ := os.ReadFile(dir + "/SHA256SUMS.minisig")
			if tt.want == "" {
				if err != nil || !strings.Contains(string(signature), "trusted comment: telhub 1.2.3\n") {
					t.Errorf("got %v, %s, signature %s", err, out, signature)
				}
			} else if err == nil || !strings.Contains(string(out), tt.want) || len(signature) > 0 {
				t.Errorf("got %v, %s, signature %q; want %q and no signature", err, out, signature, tt.want)
			}
		})
	}
}
