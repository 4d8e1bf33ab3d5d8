package secret_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telhub/telhub/internal/secret"
)

func TestTextNeverShowsItself(t *testing.T) {
	const s = secret.Text("hunter2")
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if got := fmt.Sprintf(format, s); strings.Contains(got, "hunter2") {
			t.Errorf("%s shows it: %s", format, got)
		}
	}
	if got, err := json.Marshal(s); err != nil || string(got) != `"***"` {
		t.Errorf("JSON is %s, %v", got, err)
	}
	if got := secret.Text("").String(); got != "" {
		t.Errorf("none prints %q", got)
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	for text, want := range map[string]string{"a b\n": "a b", "a\r\n": "a", "a": "a", "a\n\n": "a\n", "": "", "\n": "", strings.Repeat("x", 4097): ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := secret.Read(path)
		if got.Reveal() != want || (err == nil) != (want != "") {
			t.Errorf("%.10q: %q, %v; want %q", text, got.Reveal(), err, want)
		}
	}
}
