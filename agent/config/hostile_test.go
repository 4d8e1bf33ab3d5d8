package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/config"
)

// A file of a megabyte, whatever it repeats, is judged in seconds: this is how
// it looks when somebody's generator has run wild.
func TestAHugeNumberOfOutputsIsJudgedInTime(t *testing.T) {
	for name, line := range map[string]func(i int) string{
		"keys":       func(i int) string { return fmt.Sprintf("k%d = 1\n", i) },
		"tables":     func(i int) string { return fmt.Sprintf("k%d.offset = 1\n", i) },
		"references": func(i int) string { return fmt.Sprintf("k%d.value = \"k%d + z\"\n", i, i+1) },
		"chains":     func(i int) string { return fmt.Sprintf("k%d.value = \"k%d + k%d\"\n", i, i+1, i+2) },
	} {
		var b strings.Builder
		b.WriteString(greenhouse)
		for i := 0; b.Len() < 150_000; i++ {
			b.WriteString(line(i))
		}
		begin := time.Now()
		if _, err := config.Parse("test.toml", []byte(b.String()), nil); err == nil {
			t.Errorf("%s: no error", name)
		}
		if d := time.Since(begin); d > 20*time.Second {
			t.Errorf("%s: took %v", name, d)
		}
	}
}
