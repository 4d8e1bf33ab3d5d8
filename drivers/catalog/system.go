package catalog

import "github.com/telhub/telhub/drivers/system"

// systemOptions are never changed.
var systemOptions = []Option{
	{
		Name: "mounts", Type: Texts, Example: `["/", "/data"]`,
		Doc: `Mount points whose file systems are measured, "/" without the option: disk_free and disk_used, of /data disk_data_free and disk_data_used. ` +
			"A path on which nothing is mounted is bad.",
	},
	{
		Name: "interfaces", Type: Texts, Example: `["eth0"]`,
		Doc: "Network interfaces whose bytes are counted: network_eth0_rx and network_eth0_tx.",
	},
	{
		Name: "zone", Type: Text, Example: `"soc-thermal"`,
		Doc: "Type of the thermal zone of temperature. Without it it is the processor's.",
	},
	{
		Name: "throttled", Type: Bool, Default: "false", Example: "true",
		Doc: "Raspberry Pi: ask the firmware what it throttles. Adds throttled, throttled_since_boot and undervoltage_since_boot. " +
			"The kernel writes one warning into its log that this file is deprecated.",
	},
}

func newSystem(s *Spec) (Device, error) {
	d, err := system.New(system.Options{
		Root:       s.Root,
		Mounts:     value[[]string](s.Options, "mounts"),
		Interfaces: value[[]string](s.Options, "interfaces"),
		Zone:       value[string](s.Options, "zone"),
		Throttled:  value[bool](s.Options, "throttled"),
		Only:       s.Only,
	})
	if err != nil {
		return Device{}, err
	}
	return Device{Sensor: d}, nil
}
