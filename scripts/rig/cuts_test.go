//go:build hil && system

package rig

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cutsWanted is how many power-offs the Raspberry Pi lives through.
func cutsWanted(t *testing.T) int {
	t.Helper()
	cuts, err := strconv.Atoi(environ(t, "RIG_CUTS"))
	if err != nil || cuts < 1 {
		t.Fatalf("RIG_CUTS: %d power-offs, %v; want a number of at least 1", cuts, err)
	}
	return cuts
}

// powerOffs: the network goes, then the power, time and again.
func (s *system) powerOffs(t *testing.T) {
	for i := 1; i <= s.cuts; i++ {
		if !t.Run(strconv.Itoa(i), func(t *testing.T) { s.powerOff(t, i) }) {
			t.FailNow()
		}
	}
}

// powerOff: an outage with a power-off in it, and what is true after.
func (s *system) powerOff(t *testing.T, i int) {
	outage := time.Duration(3+i*7%11) * time.Second // 3 to 13 s
	epoch := uint64(len(s.boots))
	s.setDate(t)
	s.awaitCounter(t, s.counter.last())
	s.link(t, false)
	s.temperature(t, "th0", 1000*(i%80))
	start := time.Now()
	s.run(t, fmt.Sprintf("echo %d >/root/kept && sync /root/kept", i))
	wait(t, outage-min(outage, time.Since(start)))
	s.checkLog(t)
	// The kernel keeps this in memory for seconds, since nobody asks. A card
	// that has it after the power-off has not lost its power.
	forgotten := fmt.Sprintf("/root/forgotten-%d", i)
	s.run(t, "head -c 100000 /dev/urandom >"+forgotten)
	s.cut(t)
	lasted, off, said := time.Since(start), time.Now(), s.counter.pause()

	s.up(t, nil)
	s.join(t)
	if got := strings.TrimSpace(s.run(t, "cat /root/kept")); got != strconv.Itoa(i) {
		t.Errorf("a file that was synced holds %q, want %d", got, i)
	}
	size, status := s.try(t, time.Minute, "stat -c %s "+forgotten)
	if status == 0 && strings.TrimSpace(size) != "0" {
		t.Errorf("a file of 100000 bytes that nobody synced has %s: this was no power-off", size)
	}
	s.awaitDrained(t)
	took := time.Since(off)
	lost := s.checkCut(t, epoch, said)
	s.checkDeclared(t, epoch+1)
	balance := s.checkAudit(t)
	left := "gone"
	if status == 0 {
		left = "empty"
	}
	line := fmt.Sprintf("| %d | %.0f s | %d of %d | %s | %.0f s | %s |", i, lasted.Seconds(), said-lost+1, said, left, took.Seconds(), balance)
	s.report.cut(t, line)
	fmt.Println(line)
}

// checkDeclared wants an epoch to declare the power-off that it began with, once
// in each lane that it has used: a board whose network comes up after the agent
// spools its first samples.
func (s *system) checkDeclared(t *testing.T, epoch uint64) {
	t.Helper()
	lanes := make(map[string]int)
	for i := range s.all {
		a := &s.all[i]
		if a.gap == nil || a.ID.Epoch != epoch {
			continue
		}
		if lanes[a.lane.String()]++; a.gap.Cause != "power_cut" || a.gap.N != nil {
			t.Errorf("%v/%v: %s; want a power_cut of unknown number", a.lane, a.ID, a.Data)
		}
	}
	if len(lanes) == 0 {
		t.Errorf("epoch %d declares no power_cut", epoch)
	}
	for lane, n := range lanes {
		if n != 1 {
			t.Errorf("%d gap records of epoch %d in lane %s, want one", n, epoch, lane)
		}
	}
}

// checkAudit wants `telhub audit` to find nothing unexplained, and returns its balance.
func (s *system) checkAudit(t *testing.T) string {
	t.Helper()
	var r struct {
		Balanced    bool `json:"balanced"`
		Unexplained int  `json:"unexplained"`
		Devices     []struct {
			Acquired  int64 `json:"acquired"`
			Delivered int64 `json:"delivered"`
			Lost      int64 `json:"declared_lost"`
			Unknown   int64 `json:"unknown_losses"`
			Runs      struct {
				AfterCut int `json:"after_power_cut"`
			} `json:"runs"`
		} `json:"devices"`
	}
	if err := json.Unmarshal(s.audit(t), &r); err != nil {
		t.Fatal(err)
	}
	if !r.Balanced || r.Unexplained != 0 || len(r.Devices) != 1 {
		t.Fatalf("audit: %+v; want one device, balanced", r)
	}
	d := r.Devices[0]
	return fmt.Sprintf("balanced: %d acquired = %d delivered + %d declared lost + %d spans of unknown number; %d runs after a power cut",
		d.Acquired, d.Delivered, d.Lost, d.Unknown, d.Runs.AfterCut)
}
