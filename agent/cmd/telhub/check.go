package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/telhub/telhub/agent"
	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/internal/brief"
)

// cmdCheck checks the configuration and prints what it can cost.
func (e *env) cmdCheck(args []string) error {
	f := e.flags("check")
	f.BoolVar(&e.json, "json", false, "print JSON")
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return usagef("check takes no argument %q; name a configuration with --config FILE", rest[0])
	}
	cfg, err := e.load()
	if err != nil {
		return err
	}
	warnings := []string{}
	for _, p := range append(cfg.CheckFiles(), cfg.CheckAdapters("/")...) {
		warnings = append(warnings, p.Error())
		fmt.Fprintln(e.stderr, "telhub: warning:", p.Error())
	}
	c, err := agent.Cost(cfg)
	if err != nil {
		return err
	}
	for _, text := range append(c.Unknown(cfg), c.Contradictions(cfg)...) {
		warnings = append(warnings, text)
		fmt.Fprintln(e.stderr, "telhub: warning:", text)
	}
	if e.json {
		return json.NewEncoder(e.stdout).Encode(map[string]any{
			"device": cfg.Device, "sensors": c.Sensors, "channels": c.Channels,
			"samples_per_second": c.SamplesPerSecond, "memory_bytes": c.Memory,
			"flash_bytes_per_day": c.FlashPerDay, "flash_bytes_per_day_online": c.FlashOnline, "autonomy_seconds": c.Autonomy.Seconds(),
			"flash_budget_bytes": cfg.Spool.FlashBudget, "commit_interval_seconds": c.Commits.Seconds(), "loss_window_seconds": c.Window.Seconds(),
			"http_listen": cfg.HTTP.Listen,
			"warnings":    warnings,
		})
	}
	fmt.Fprintf(e.stdout, "%s is good: device %s, %d sensors, %d channels, about %.4g samples/s\n",
		e.config, cfg.Device, c.Sensors, c.Channels, c.SamplesPerSecond)
	fmt.Fprintf(e.stdout, "worst-case memory   %s (frames %s, queue and workers %s, spool %s, sending %s, Go itself %s)\n",
		brief.Bytes(c.Memory), brief.Bytes(c.Pool.Bytes()), brief.Bytes(c.Pipeline), brief.Bytes(2*c.Pending), brief.Bytes(c.Sender), brief.Bytes(c.Rest()))
	fmt.Fprintf(e.stdout, "flash while offline %s a day, with max_loss %s%s; %s a day while online\n",
		brief.Bytes(c.FlashPerDay), cfg.Spool.MaxLoss, limit(cfg, c), brief.Bytes(c.FlashOnline))
	fmt.Fprintf(e.stdout, "a power cut         costs what was sampled in the last %s while offline; commits every %s, alarms at once\n",
		c.Window, c.Commits.Round(100*time.Millisecond))
	fmt.Fprintf(e.stdout, "offline autonomy    about %s until spool.max_size %s is full\n", span(c.Autonomy), brief.Bytes(cfg.Spool.MaxSize))
	return nil
}

// limit tells of flash_budget, if there is one.
func limit(cfg *config.Config, c *agent.Costs) string {
	if cfg.Spool.FlashBudget == 0 {
		return ""
	}
	if c.Window > cfg.Spool.MaxLoss {
		return fmt.Sprintf(" stretched to %s by flash_budget %s", c.Window, brief.Bytes(cfg.Spool.FlashBudget))
	}
	return fmt.Sprintf(", within flash_budget %s", brief.Bytes(cfg.Spool.FlashBudget))
}

// span prints a long time for people.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%.0f hours", d.Hours())
	}
	return d.Round(time.Minute).String()
}
