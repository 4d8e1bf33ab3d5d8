package doctable

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const heading = "| what | n |\n| --- | ---: |\n"

func TestPut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.md")
	text := "# X\n\n<!-- table -->\n<!-- end of table -->\n\nafter\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, lines := range [][]string{{"| a | 1 |\n", "| b | 2 |\n"}, {"| c | 3 |\n", "| a | 4 |\n"}} {
		if err := Put(path, heading, lines); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := heading + "| a | 4 |\n| b | 2 |\n| c | 3 |\n"
	if !strings.Contains(string(got), want) || !strings.HasPrefix(string(got), "# X\n") || !strings.HasSuffix(string(got), "\nafter\n") {
		t.Errorf("got %s\nwant in it %s", got, want)
	}
}

func TestPutRefusesADocumentWithoutMarks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.md")
	if err := os.WriteFile(path, []byte("# X\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Put(path, heading, nil); err == nil {
		t.Error("no error")
	}
}
