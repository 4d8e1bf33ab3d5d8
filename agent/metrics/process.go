package metrics

import (
	"bytes"
	"os"
	"runtime"
	rm "runtime/metrics"
	"strconv"
	"syscall"
	"time"
)

// RegisterProcess adds what is known of the process itself, under the names
// that Prometheus' dashboards expect: memory, CPU time, start, goroutines and
// garbage collections. started is when the process began.
func (r *Registry) RegisterProcess(started time.Time) {
	r.GaugeFunc("process_resident_memory_bytes", "Resident memory size in bytes.", residentBytes)
	r.CounterFunc("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", cpuSeconds)
	start := float64(started.UnixMilli()) / 1e3
	r.GaugeFunc("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", func() float64 { return start })
	r.GaugeFunc("go_goroutines", "Number of goroutines that currently exist.", func() float64 { return float64(runtime.NumGoroutine()) })
	r.CounterFunc("go_gc_cycles_total", "Garbage collections since the start.", gcCycles)
}

// residentBytes reads the second field of /proc/self/statm (proc(5)), pages.
func residentBytes() float64 {
	b, err := os.ReadFile("/proc/self/statm")
	fields := bytes.Fields(b)
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return float64(pages) * float64(os.Getpagesize())
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func gcCycles() float64 {
	s := []rm.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	rm.Read(s)
	return float64(s[0].Value.Uint64())
}
