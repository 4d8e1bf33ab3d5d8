package checkpoint

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/uplink/frame"
)

func TestASaveThatFailsForEverDoesNotPinTheStoreForEver(t *testing.T) {
	r := newRig(t)
	r.take(r.event(0, drivers.AlarmHigh))
	r.file.Begin()
	r.commit()
	r.file.End(true)
	block := filepath.Join(r.dir, Name+".tmp")
	if err := os.Mkdir(block, 0o700); err != nil {
		t.Fatal(err)
	}
	for n := range failuresBorne {
		if got := r.file.Saved(); got != (frame.ID{}) {
			t.Fatalf("after %d failures %v counts as saved", n, got)
		}
		if r.file.Save(nil, nil) == nil {
			t.Fatal("Save into a directory gave no error")
		}
	}
	if got := r.file.Saved(); got != r.onFlash {
		t.Errorf("the store must keep all behind %v, want behind %v", got, r.onFlash)
	}
	if err := os.Remove(block); err != nil {
		t.Fatal(err)
	}
	r.save()
	r.take(r.event(1, drivers.AlarmLow))
	r.file.Begin()
	r.commit()
	r.file.End(true)
	if got := r.file.Saved(); !got.Less(r.onFlash) {
		t.Errorf("%v counts as saved, and is not", got)
	}
}
