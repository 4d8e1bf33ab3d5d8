package board

import (
	"cmp"
	"fmt"
	"strings"
)

// watchOuts collects what bites on this board, in the order in which people
// meet it.
func watchOuts(b *Board, f *facts) []WatchOut {
	var all []WatchOut
	all = appendI2C(all, b, f)
	all = appendSerial(all, b, f)
	return appendClock(all, b, f)
}

func appendI2C(all []WatchOut, b *Board, f *facts) []WatchOut {
	if missing, want := b.missingBus(f); missing {
		all = append(all, WatchOut{
			ID: "i2c-off", Text: want,
			Do: cmp.Or(f.i2cCure, "enable an I2C controller in the board's device tree and load its driver"),
		})
	}
	for i := range b.I2C {
		a := &b.I2C[i]
		switch {
		case !a.Exposed:
		case !a.Device:
			all = append(all, WatchOut{
				ID:   "i2c-dev",
				Text: fmt.Sprintf("the kernel drives i2c-%d, but there is no %s: programs cannot use it", a.Number, a.Path),
				Do:   "modprobe i2c-dev, and put i2c-dev into /etc/modules-load.d/i2c-dev.conf",
			})
		case strings.HasPrefix(a.Driver, "bcm2835 ("):
			all = append(all, WatchOut{
				ID: "clock-stretching",
				Text: fmt.Sprintf("the controller of i2c-%d mishandles clock stretching: sensors that stretch (SCD30, CCS811, BNO055) "+
					"can return wrong bytes without an error", a.Number),
				Do: "put dtparam=i2c_arm_baudrate=10000 into /boot/firmware/config.txt, or use a bus of the overlay i2c-gpio for such a sensor",
			})
		}
	}
	return all
}

// missingBus reports whether the bus that sensors are usually put on is
// absent. On machines without a device tree that is nothing to remark.
func (b *Board) missingBus(f *facts) (bool, string) {
	if len(f.i2c) == 0 {
		return len(b.I2C) == 0 && len(b.Compatible) > 0, "the kernel has no I2C adapter"
	}
	main := f.i2c[:1]
	for i := range b.I2C {
		if f.find(main, fmt.Sprintf("i2c-%d", b.I2C[i].Number), b.I2C[i].node) != nil {
			return false, ""
		}
	}
	return true, fmt.Sprintf("%s, %s, is switched off", main[0].name, main[0].label)
}

func appendSerial(all []WatchOut, b *Board, f *facts) []WatchOut {
	for i := range b.Serial {
		s := &b.Serial[i]
		if s.Console && s.Exposed {
			all = append(all, consoleOn(s, f))
		}
		if f.headerLabel != "" && s.Label == f.headerLabel && strings.HasSuffix(s.node, "/serial@7e215040") {
			all = append(all, WatchOut{
				ID: "mini-uart",
				Text: fmt.Sprintf("Bluetooth has the full UART (PL011); %s on the header is the mini UART: "+
					"no parity, and its rate follows the core clock", s.Path),
				Do: "put dtoverlay=disable-bt into /boot/firmware/config.txt, run systemctl disable hciuart, and reboot: the header then has ttyAMA0",
			})
		}
	}
	if n := b.withoutID(); n > 0 {
		all = append(all, WatchOut{
			ID:   "shared-by-id",
			Text: fmt.Sprintf("%d USB serial adapters have no name of their own under /dev/serial/by-id: they carry the same or no serial number", n),
			Do:   "configure them by /dev/serial/by-path, which names the USB socket",
		})
	}
	return all
}

func consoleOn(s *Serial, f *facts) WatchOut {
	where := s.Path
	if s.Label != "" {
		where += ", " + s.Label
	}
	return WatchOut{
		ID:   "console-on-sensor-uart",
		Text: fmt.Sprintf("the kernel's console is on %s: a sensor there would read boot messages and be asked to log in", where),
		Do: fmt.Sprintf("remove the console= of that port from %s, run systemctl disable --now serial-getty@%s.service, and reboot",
			cmp.Or(f.cmdline, "the kernel's command line"), s.Name()),
	}
}

// withoutID counts USB adapters that another one's by-id name hides.
func (b *Board) withoutID() (n int) {
	usb := 0
	for i := range b.Serial {
		s := &b.Serial[i]
		if !strings.HasPrefix(s.Name(), "ttyUSB") {
			continue
		}
		usb++
		if len(s.Links) == 0 || !strings.HasPrefix(s.Links[0], "/dev/serial/by-id/") {
			n++
		}
	}
	if usb < 2 {
		return 0
	}
	return n
}

func appendClock(all []WatchOut, b *Board, f *facts) []WatchOut {
	if len(b.RTC) == 0 {
		return append(all, WatchOut{
			ID:   "no-rtc",
			Text: "there is no real-time clock: after a power cut the date is unknown until the network or a GNSS receiver gives it",
			Do:   cmp.Or(f.rtcCure, "fit an RTC, or rely on NTP or GNSS: samples taken before are dated when the time becomes known"),
		})
	}
	if f.rtcNote != "" {
		all = append(all, WatchOut{
			ID:   "rtc-without-battery",
			Text: "the board's real-time clock forgets the date in a power cut unless it has a cell",
			Do:   f.rtcNote,
		})
	}
	return all
}
