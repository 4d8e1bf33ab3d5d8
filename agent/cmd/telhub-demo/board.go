package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/drivers/sim"
)

// simPath is what the demo's configuration calls the simulated adapter.
const simPath = "/dev/i2c-sim"

// simBoard is the simulated board and how an agent gets at it.
type simBoard struct{ board *sim.Board }

func newBoard(dir string) (*simBoard, error) {
	b, err := sim.NewBoard(dir, uint64(time.Now().UnixNano()))
	if err != nil {
		return nil, fmt.Errorf("simulated board: %w", err)
	}
	return &simBoard{b}, nil
}

// run lets the values move until ctx ends.
func (s *simBoard) run(ctx context.Context) {
	// A port's error means that its device is silent, which the agent reports.
	_ = s.board.Run(ctx)
}

func (s *simBoard) close() { s.board.Close() }

// adapter makes the simulated bus an adapter that can be opened anew.
type adapter struct{ *sim.I2CBus }

func (adapter) Reopen() error { return nil }
func (adapter) Close() error  { return nil }

// openers open the simulated bus where the configuration names it. Serial
// devices are on pseudo-terminals and are opened as any port is.
func (s *simBoard) openers() agent.Openers {
	return agent.Openers{I2C: func(path string, _ time.Duration) (agent.I2C, error) {
		if path != simPath {
			return nil, fmt.Errorf("the simulated board has no bus %s", path)
		}
		return adapter{s.board.I2C}, nil
	}}
}

// config is the demo's configuration, as somebody with this board would write it.
func (s *simBoard) config(redisURL, spool, listen string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `device = "demo"

[log]
format = "console"

[uplink.breaker]
open_max = "5s"

[redis]
url = %q

[spool]
path = %q
max_size = "64MB"

[http]
listen = %q

[bus.i2c1]
path = %q
`, redisURL, spool, listen, simPath)
	for _, p := range s.board.Parts() {
		part(&b, p)
	}
	return b.String()
}

// units of the serial device's fields.
// It is never changed.
var units = map[string]string{"soil_moisture": "%", "light": "lx", "battery": "V"}

// processing is what is done with some outputs. It is never changed.
var processing = map[string]string{
	"greenhouse": `[sensor.temperature]
filter = "median 3"
aggregate = { window = "10s", of = ["mean", "max"] }
[sensor.dewpoint]
value = "dewpoint(temperature, humidity)"
unit = "Cel"
filter = "round 1"
[sensor.warmer]
value = "{greenhouse/temperature} - {outside/temperature}"
unit = "K"
filter = "round 2"
send = { change = 0.1, every = "1m" }
`,
	"supply": `[sensor.current]
alarm = { high = 0.5, clear = 0.45, for = "2s" }
[sensor.energy]
value = "integral(power) / 3600"
unit = "Wh"
filter = "round 4"
`,
}

func part(b *strings.Builder, p sim.Part) {
	fmt.Fprintf(b, "\n[[sensor]]\nname = %q\nuse = %q\nevery = %q\n", p.Name, p.Use, p.Every)
	if p.Bus != "" {
		fmt.Fprintf(b, "bus = %q\naddr = 0x%02x\n", p.Bus, p.Addr)
	} else {
		fmt.Fprintf(b, "port = %q\nmode = %q\n", p.Port, p.Mode)
	}
	if p.ShuntOhm != 0 {
		fmt.Fprintf(b, "shunt = %v\n", p.ShuntOhm)
	}
	b.WriteString(processing[p.Name])
	if len(p.Fields) == 0 {
		return
	}
	fmt.Fprintf(b, "format = \"json\"\n[sensor.out]\n")
	for _, f := range p.Fields {
		fmt.Fprintf(b, "%s = { key = %q, unit = %q }\n", f.Name, f.Name, units[f.Name])
	}
}
