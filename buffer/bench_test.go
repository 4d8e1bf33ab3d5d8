package buffer

import "testing"

// sample has the size of drivers.Sample.
type sample [3]uint64

// A reading is a handful of samples; the consumer drains many at once.
const perReading, perDrain = 4, 256

func BenchmarkRing(b *testing.B) {
	r := New[sample](4096)
	r.WakeAt(0)
	items, dst := make([]sample, perReading), make([]sample, perDrain)
	b.ReportAllocs()
	for i := 0; i < b.N; i += perDrain {
		for range perDrain / perReading {
			r.Push(items)
		}
		r.Drain(dst)
	}
}

func BenchmarkRingParallel(b *testing.B) {
	r := New[sample](4096)
	stop, done := make(chan struct{}), make(chan struct{})
	r.WakeAt(1024)
	go func() {
		defer close(done)
		dst := make([]sample, 4096)
		for {
			select {
			case <-r.Ready():
				r.Drain(dst)
			case <-stop:
				return
			}
		}
	}()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		items := make([]sample, perReading)
		for pb.Next() {
			r.Push(items)
		}
	})
	close(stop)
	<-done
}

func BenchmarkChannel(b *testing.B) {
	c := make(chan sample, 4096)
	var x sample
	b.ReportAllocs()
	for i := 0; i < b.N; i += perDrain {
		for range perDrain {
			c <- x
		}
		for range perDrain {
			x = <-c
		}
	}
}

func BenchmarkChannelParallel(b *testing.B) {
	c := make(chan sample, 4096)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range c {
		}
	}()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		var x sample
		for pb.Next() {
			for range perReading {
				c <- x
			}
		}
	})
	close(c)
	<-done
}
