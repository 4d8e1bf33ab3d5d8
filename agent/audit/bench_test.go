package audit

import (
	"fmt"
	"testing"
)

// BenchmarkAdd is what an entry costs once it is read: fields and payload.
func BenchmarkAdd(b *testing.B) {
	for _, n := range []int{10, 60} {
		for seq, encoding := range map[uint64]string{1: "compact", 2: "senml"} {
			b.Run(fmt.Sprintf("%s/%d", encoding, n), func(b *testing.B) {
				it := newMaker(b).data(live, 1, seq, n)
				a, number := New(Options{}), 0
				e := Entry{Lane: live, At: "1-0"}
				b.ReportAllocs()
				for b.Loop() {
					number++
					it.values["seq"] = fmt.Sprint(number)
					if err := e.Parse(it.values); err != nil {
						b.Fatal(err)
					}
					a.Add(&e)
				}
				if r := a.Finish(); !r.Balanced {
					b.Fatal(found(r))
				}
			})
		}
	}
}
