package config_test

import (
	"testing"

	"github.com/telhub/telhub/agent/config"
)

// BenchmarkLoad is a part of the time from start to the first frame.
func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := config.Load("testdata/whole.toml", nil); err != nil {
			b.Fatal(err)
		}
	}
}
