package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/telhub/telhub/agent/config"
)

// clock looks at what samples are dated by. A time zone does not matter: dates
// are UTC.
func (x *exam) clock(context.Context) {
	now := time.Now()
	if now.Before(x.o.Built) {
		x.fail("date", fmt.Sprintf("the clock says %s, which is before this program was built (%s)",
			now.UTC().Format(time.DateTime), x.o.Built.UTC().Format(time.DateOnly)),
			"bring NTP up, or fit an RTC; until then samples carry the time since boot and are dated when it is known")
	} else {
		x.ok("date", now.UTC().Format("2006-01-02 15:04:05 UTC")+", plausible")
	}
	x.rtc()
	x.synchronised()
	if i := slices.IndexFunc(x.cfg.Sensors, func(s config.Sensor) bool { return s.Use == "nmea" }); i >= 0 {
		x.ok("GNSS", "sensor "+x.cfg.Sensors[i].Name+" gives the time where NTP does not")
	}
}

func (x *exam) rtc() {
	var names []string
	for _, dir := range x.tree.glob("/sys/class/rtc/rtc*") {
		names = append(names, lastOf(dir)+" ("+orElse(x.tree.text(dir+"/name"), "unnamed")+")")
	}
	if len(names) == 0 {
		x.warn("RTC", "there is none: after a power cut the date is unknown until the network or a satellite receiver tells it", x.boardCure("no-rtc",
			"fit one, or rely on NTP or GNSS: samples taken before are dated when the time becomes known"))
		return
	}
	x.ok("RTC", strings.Join(names, ", "))
	for _, w := range x.board.WatchOuts {
		if w.ID == "rtc-without-battery" {
			x.warn("RTC", w.Text, w.Do)
		}
	}
}

// boardCure is what the board's own watch-out says to do.
func (x *exam) boardCure(id, other string) string {
	for _, w := range x.board.WatchOuts {
		if w.ID == id {
			return w.Do
		}
	}
	return other
}

// synchronised asks the kernel, and where it does not tell the daemon's mark
// (systemd's ProtectClock takes even the question away).
func (x *exam) synchronised() {
	by := x.timeDaemon()
	known, synced := x.kernelSynced()
	if !known {
		synced = x.tree.exists("/run/systemd/timesync/synchronized")
	}
	switch {
	case synced && by != "":
		x.ok("synchronised", "by "+by)
	case synced:
		x.ok("synchronised", "the kernel says so")
	case by != "":
		x.warn("synchronised", "not yet, though "+by+" runs", "check its servers and the network: timedatectl timesync-status, chronyc sources")
	default:
		x.warn("synchronised", "nothing synchronises the clock", "systemctl enable --now systemd-timesyncd, or install chrony; a satellite receiver (use = \"nmea\") serves, too")
	}
	if x.cfg.Clock.RequireSync && !synced {
		x.warn("require_sync", "clock.require_sync holds every sample back until the clock is synchronised", "bring NTP up, or set clock.require_sync = false")
	}
}

// timeDaemon names what keeps the clock right.
func (x *exam) timeDaemon() string {
	names := map[string]string{
		"systemd-timesyn": "systemd-timesyncd", "systemd-timesyncd": "systemd-timesyncd", // a name is cut at 15 bytes
		"chronyd": "chrony", "ntpd": "ntpd", "openntpd": "openntpd", "ptp4l": "ptp4l", "phc2sys": "phc2sys",
	}
	by := ""
	x.tree.processes(func(_ int, name string) bool {
		by = names[name]
		return by == ""
	})
	return by
}

// The state and bit of adjtimex(2) that mean "not synchronised", <linux/timex.h>.
const (
	timeError = 5
	staUnsync = 0x40
)

func (x *exam) kernelSynced() (known, synced bool) {
	if !x.tree.real() {
		return false, false
	}
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil, err == nil && state != timeError && t.Status&staUnsync == 0
}
