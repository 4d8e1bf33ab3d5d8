package doctor

import (
	"context"
	"fmt"

	"github.com/telhub/telhub/agent"
)

// configuration repeats what `telhub check` finds in a file that loads.
func (x *exam) configuration(context.Context) {
	file := x.o.File
	if file == "" {
		file = "defaults"
	}
	costs, err := agent.Cost(x.cfg)
	if err != nil {
		x.fail(file, err.Error(), "telhub check tells more")
		return
	}
	x.costs = costs
	x.ok(file, fmt.Sprintf("device %s, %d sensors, %d channels, about %.4g samples/s", x.cfg.Device, costs.Sensors, costs.Channels, costs.SamplesPerSecond))
	for _, p := range x.cfg.CheckFiles() {
		x.fail(p.Path, p.Msg+": "+p.Value, orElse(p.Cure, "telhub run does not start without it"))
	}
	for _, text := range costs.Unknown(x.cfg) {
		x.warn("rate", text, "cat /sys/bus/iio/devices/*/sampling_frequency shows what is set now")
	}
	for _, text := range costs.Contradictions(x.cfg) {
		x.warn("spool.flash_budget", text, "")
	}
	if costs.Sensors == 0 {
		x.warn("sensors", "none is configured", "telhub scan prints what is connected, ready to be put into "+file)
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
