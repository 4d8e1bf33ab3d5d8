package uplink

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/telhub/telhub/uplink/frame"
)

// always dates every boot alike.
type always frame.Dating

func (d always) Dating() frame.Dating                      { return frame.Dating(d) }
func (d always) Of(frame.BootID, int64) frame.Dating       { return frame.Dating(d) }
func (d always) Bounds(frame.BootID, int64) (int64, int64) { return 0, 0 }

// A gap record that was stored ends, as a frame, before what is not stored yet;
// in the stream the entry says what the record says.
func TestTheEntryOfAStoredGapRecordHasTheRecordsSpan(t *testing.T) {
	for _, known := range []bool{true, false} {
		s := &sender{}
		s.init(&Options{Dates: always{Quality: frame.NTP, Offset: 1000}, LargeBytes: 64})
		f := &frame.Frame{}
		info := frame.GapInfo{Cause: frame.PowerCut, N: -1, T0: 400, T1: 900, T0Known: known}
		if err := info.Seal(f); err != nil {
			t.Fatal(err)
		}
		f.T0, f.T1 = 300, 500 // as the keeper sets it before what memory holds
		s.begin(&s.job)
		if err := s.render(f); err != nil {
			t.Fatal(err)
		}
		it := &s.batch.Items[0]
		if it.T1 != 1900 || known && it.T0 != 1400 || it.T0 > it.T1 {
			t.Errorf("beginning known %v: the entry reaches from %d to %d, the record from 1400 to 1900", known, it.T0, it.T1)
		}
		if want := fmt.Appendf(nil, `"t1":%d`, it.T1); !bytes.Contains(it.Data, want) {
			t.Errorf("got %s, want %s in it", it.Data, want)
		}
	}
}
