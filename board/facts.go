package board

import "strings"

// facts is what we know of one board beyond what its kernel tells. The DTS
// file that each row is drawn from is named in testdata/README.md.
type facts struct {
	name       string
	compatible []string // any of these in the device tree's list selects the row

	i2c    []place // the first is the bus that sensors are usually put on
	serial []place

	// headerLabel is set where two UARTs share the header's pins: the port
	// behind the alias serial0 comes out there (see headerUART).
	headerLabel string

	i2cCure string // how to switch the first I2C bus on
	cmdline string // where the kernel's command line is edited
	rtcCure string // how to give the board a clock that survives power cuts
	rtcNote string // what its own clock needs to survive them; "" = nothing to say
}

// place is where a bus or port comes out.
type place struct {
	name     string // the kernel's name: "i2c-1", "ttyS2"
	node     string // ends of its device tree path, blank between, where numbers vary between kernels; else ""
	label    string
	internal bool // not for sensors: occupied on the board
}

const (
	piHeaderI2C  = "header pins 3 (SDA) and 5 (SCL)"
	piHeaderUART = "header pins 8 (TXD) and 10 (RXD)"
	piI2CCure    = "put dtparam=i2c_arm=on into /boot/firmware/config.txt and reboot"
	piCmdline    = "/boot/firmware/cmdline.txt"
	piRTCCure    = "fit a DS3231 and put dtoverlay=i2c-rtc,ds3231 into /boot/firmware/config.txt"
)

// piI2C are the buses of the boards with a BCM2835 to BCM2711.
func piI2C() []place {
	return []place{
		{name: "i2c-1", node: "/i2c@7e804000", label: piHeaderI2C},
		{name: "i2c-0", node: "/i2c@7e205000", label: "header pins 27 and 28 (HAT EEPROM), camera, display", internal: true},
		{name: "i2c-2", node: "/i2c@7e805000", label: "HDMI", internal: true},
		{name: "i2c-10", label: "camera and display", internal: true},
		{name: "i2c-20", node: "/i2c@7ef04500", label: "HDMI 0", internal: true},
		{name: "i2c-21", node: "/i2c@7ef09500", label: "HDMI 1", internal: true},
	}
}

// known is the table of boards.
func known() []facts {
	pi := func(name string, compatible ...string) facts {
		return facts{
			name: name, compatible: compatible, i2c: piI2C(), headerLabel: piHeaderUART,
			i2cCure: piI2CCure, cmdline: piCmdline, rtcCure: piRTCCure,
		}
	}
	return []facts{
		pi("Raspberry Pi Zero 2 W", "raspberrypi,model-zero-2-w"),
		pi("Raspberry Pi 3", "raspberrypi,3-model-b", "raspberrypi,3-model-b-plus", "raspberrypi,3-model-a-plus"),
		pi("Raspberry Pi 4", "raspberrypi,4-model-b", "raspberrypi,400", "raspberrypi,4-compute-module"),
		{
			name:       "Raspberry Pi 5",
			compatible: []string{"raspberrypi,5-model-b", "raspberrypi,500", "raspberrypi,5-compute-module"},
			i2c: []place{
				{name: "i2c-1", node: "/i2c@74000 /i2c@40074000", label: piHeaderI2C},
				{name: "i2c-4", node: "/i2c@80000 /i2c@40080000", label: "camera and display connector 1", internal: true},
				{name: "i2c-6", node: "/i2c@88000 /i2c@40088000", label: "camera and display connector 0", internal: true},
			},
			serial: []place{
				{name: "ttyAMA0", node: "/serial@30000 /serial@40030000", label: piHeaderUART},
				{name: "ttyAMA10", node: "/serial@7d001000", label: "debug connector", internal: true},
			},
			i2cCure: piI2CCure, cmdline: piCmdline,
			rtcNote: "connect a rechargeable RTC cell to J5 (BAT) and put dtparam=rtc_bbat_vchg=3000000 into /boot/firmware/config.txt to charge it",
		},
		{
			name:       "BeagleBone Black",
			compatible: []string{"ti,am335x-bone-black"},
			i2c: []place{
				{name: "i2c-2", label: "P9_20 (SDA) and P9_19 (SCL)"},
				{name: "i2c-1", label: "P9_18 (SDA) and P9_17 (SCL)"},
				{name: "i2c-0", label: "on the board: PMIC, EEPROM, HDMI", internal: true},
			},
			serial: []place{
				{name: "ttyS0", label: "debug header J1", internal: true},
				{name: "ttyS1", label: "P9_24 (TXD) and P9_26 (RXD)"},
				{name: "ttyS2", label: "P9_21 (TXD) and P9_22 (RXD)"},
				{name: "ttyS4", label: "P9_13 (TXD) and P9_11 (RXD)"},
				{name: "ttyO0", label: "debug header J1", internal: true},
				{name: "ttyO1", label: "P9_24 (TXD) and P9_26 (RXD)"},
				{name: "ttyO2", label: "P9_21 (TXD) and P9_22 (RXD)"},
				{name: "ttyO4", label: "P9_13 (TXD) and P9_11 (RXD)"},
			},
			i2cCure: "enable the bus's overlay in /boot/uEnv.txt (BB-I2C1-00A0.dtbo, BB-I2C2-00A0.dtbo) and reboot",
			cmdline: "/boot/uEnv.txt",
			rtcNote: "its RTC has no battery: fit a DS3231 on i2c-2 if dates must survive a power cut without network",
		},
		{
			name:       "BeaglePlay",
			compatible: []string{"beagle,am625-beagleplay"},
			i2c: []place{
				{name: "i2c-1", label: "Grove connector"},
				{name: "i2c-3", label: "mikroBUS socket"},
				{name: "i2c-5", label: "QWIIC connector"},
				{name: "i2c-0", label: "on the board: PMIC, EEPROM, RTC", internal: true},
				{name: "i2c-2", label: "HDMI", internal: true},
				{name: "i2c-4", label: "camera connector", internal: true},
			},
			serial: []place{
				{name: "ttyS0", label: "mikroBUS socket"},
				{name: "ttyS1", label: "CC1352P7 wireless processor", internal: true},
				{name: "ttyS2", label: "debug connector", internal: true},
			},
			i2cCure: "boot the board's own device tree, k3-am625-beagleplay.dtb",
			cmdline: "/boot/firmware/extlinux/extlinux.conf",
		},
		{
			name:       "Jetson Orin Nano",
			compatible: []string{"nvidia,p3768-0000+p3767-0005", "nvidia,p3767-0005", "nvidia,p3768-0000+p3767-0003", "nvidia,p3767-0003"},
			i2c: []place{
				{name: "i2c-7", node: "/i2c@c250000", label: piHeaderI2C},
				{name: "i2c-1", node: "/i2c@c240000", label: "header pins 27 (SDA) and 28 (SCL)"},
				{name: "i2c-0", node: "/i2c@3160000", label: "on the board: EEPROM", internal: true},
				{name: "i2c-2", node: "/i2c@3180000", label: "camera connectors", internal: true},
			},
			serial: []place{
				{name: "ttyTHS1", node: "/serial@3100000", label: piHeaderUART},
				{name: "ttyTCU0", label: "debug header", internal: true},
			},
			i2cCure: "enable the bus with: sudo /opt/nvidia/jetson-io/jetson-io.py, then reboot",
			cmdline: "/boot/extlinux/extlinux.conf",
		},
		{
			name:       "NXP i.MX8M Plus EVK",
			compatible: []string{"fsl,imx8mp-evk"},
			i2c: []place{
				{name: "i2c-2", node: "/i2c@30a40000", label: "I2C3, shared with the board's port expander at 0x20"},
				{name: "i2c-4", node: "/i2c@30ad0000", label: "I2C5, connector J22 (shares its pins with CAN1)"},
				{name: "i2c-0", node: "/i2c@30a20000", label: "on the board: PMIC", internal: true},
				{name: "i2c-1", node: "/i2c@30a30000", label: "I2C2: camera, display, USB-C", internal: true},
			},
			serial: []place{
				{name: "ttymxc1", node: "/serial@30890000", label: "debug USB connector", internal: true},
				{name: "ttymxc0", node: "/serial@30860000", label: "UART1"},
				{name: "ttymxc2", node: "/serial@30880000", label: "UART3"},
				{name: "ttymxc3", node: "/serial@30a60000", label: "UART4"},
			},
			i2cCure: "boot a device tree that enables &i2c3; for J22 disable flexcan1 and enable &i2c5",
			cmdline: "U-Boot's variable bootargs",
		},
		{
			name:       "Radxa ROCK 5B",
			compatible: []string{"radxa,rock-5b"},
			i2c: []place{
				{name: "i2c-8", node: "/i2c@feca0000", label: "header pins 7 (SDA) and 32 (SCL)"},
				{name: "i2c-7", node: "/i2c@fec90000", label: "audio codec; with overlay rk3588-i2c7-m3 " + piHeaderI2C},
				{name: "i2c-0", node: "/i2c@fd880000", label: "on the board: CPU regulators", internal: true},
				{name: "i2c-1", node: "/i2c@fea90000", label: "on the board: regulators", internal: true},
				{name: "i2c-6", node: "/i2c@fec80000", label: "on the board: RTC", internal: true},
			},
			serial: []place{
				{name: "ttyS2", node: "/serial@feb50000", label: piHeaderUART},
				{name: "ttyFIQ0", label: piHeaderUART},
				{name: "ttyS7", node: "/serial@feba0000", label: "header pins 24 (RXD) and 26 (TXD) with overlay rk3588-uart7-m2"},
			},
			i2cCure: "enable the overlay rk3588-i2c8-m4 (rsetup, Overlays) and reboot",
			cmdline: "/boot/extlinux/extlinux.conf",
		},
		{
			name:       "QEMU virt",
			compatible: []string{"linux,dummy-virt"},
			i2cCure:    "QEMU's virt machine has no I2C controller: use -M raspi3b or -M imx8mp-evk",
			cmdline:    "QEMU's option -append",
		},
	}
}

// lookup finds the row for a device tree's compatible list, nil if none. The
// most specific string decides.
func lookup(compatible []string) *facts {
	table := known()
	for _, c := range compatible {
		for i := range table {
			for _, want := range table[i].compatible {
				if c == want {
					return &table[i]
				}
			}
		}
	}
	return nil
}

// find picks the place of a bus by its device tree node where both are known,
// because numbers can shift with overlays, else by the kernel's name.
func (f *facts) find(places []place, name, node string) *place {
	for i := range places {
		p := &places[i]
		if p.node != "" && node != "" {
			if p.at(node) {
				return p
			}
			continue
		}
		if p.name == name {
			return p
		}
	}
	return nil
}

// at reports whether the place is that device tree node.
func (p *place) at(node string) bool {
	for _, end := range strings.Fields(p.node) {
		if strings.HasSuffix(node, end) {
			return true
		}
	}
	return false
}
