package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/telhub/telhub/agent/config"
	"github.com/telhub/telhub/drivers/catalog"
)

// mustParse reads a configuration that has to be right.
func mustParse(t *testing.T, text string, env ...string) *config.Config {
	t.Helper()
	c, err := config.Parse("test.toml", []byte(text), env)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaultsAreTheDocumentedOnes(t *testing.T) {
	got, err := config.Parse("", []byte(`device = "pi-01"`), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Config{
		Device:  "pi-01",
		Log:     config.Log{Level: "info", Format: "json"},
		Queue:   config.Queue{Capacity: 8192},
		Workers: config.Workers{Count: 2},
		Uplink: config.Uplink{
			Encoding: "senml", Flush: time.Second, Frame: 256,
			Breaker: config.Breaker{Failures: 5, Open: 5 * time.Second, OpenMax: time.Minute},
		},
		Redis: config.Redis{
			URL: "redis://127.0.0.1:6379/0", Stream: "telhub", Shards: 1, MaxLen: 1_000_000, Durability: "auto",
		},
		Spool: config.Spool{Path: "/var/lib/telhub", MaxSize: 256_000_000, Drop: "oldest", MaxLoss: 5 * time.Second},
		HTTP:  config.HTTP{Listen: "127.0.0.1:9155"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDefaultDeviceIsAValidName(t *testing.T) {
	c := config.Default()
	if _, err := config.Parse("", []byte(fmt.Sprintf("device = %q", c.Device)), nil); err != nil {
		t.Errorf("the default device is refused: %v", err)
	}
}

// TestWholeFile reads what design and documentation show.
func TestWholeFile(t *testing.T) {
	c, err := config.Load("testdata/whole.toml", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Log.Components["uplink"], "debug"; got != want {
		t.Errorf("log.components.uplink = %q, want %q", got, want)
	}
	if got, want := c.Spool.FlashBudget, int64(50_000_000); got != want {
		t.Errorf("flash_budget is %d, want %d", got, want)
	}
	if got, want := c.Spool.MaxSize, int64(2<<30); got != want {
		t.Errorf("spool.max_size = %d, want %d", got, want)
	}
	if got, want := c.Uplink.BackfillRate, int64(64_000); got != want {
		t.Errorf("uplink.backfill_rate = %d, want %d", got, want)
	}
	buses := []config.Bus{
		{
			Name: "i2c1", Kind: catalog.I2C, Path: "/dev/i2c-1", Timeout: 100 * time.Millisecond, Rebind: true,
			Power: config.Power{Chip: "gpiochip0", Line: 27, Active: "low", Off: 500 * time.Millisecond, Settle: 2 * time.Second},
		},
		{Name: "gps", Kind: catalog.Serial, Port: "/dev/serial/by-id/usb-u-blox", Mode: "9600 8N1", Timeout: 2 * time.Second},
		{Name: "/dev/ttyAMA0", Kind: catalog.Serial, Port: "/dev/ttyAMA0", Mode: "4800 8N1", Timeout: time.Second},
	}
	if !reflect.DeepEqual(c.Buses, buses) {
		t.Errorf("buses:\ngot  %+v\nwant %+v", c.Buses, buses)
	}
	for i, want := range []struct {
		name, engine, bus string
		addr              uint16
		every             time.Duration
	}{
		{"greenhouse", "bme280", "i2c1", 0x76, 10 * time.Second},
		{"outside", "my-tmp117", "i2c1", 0x48, time.Minute},
		{"battery", "ina219", "i2c1", 0x40, time.Second},
		{"position", "nmea", "gps", 0, time.Second},
		{"depth", "nmea", "/dev/ttyAMA0", 0, 10 * time.Second},
	} {
		s := c.Sensors[i]
		if s.Name != want.name || s.Engine.Name != want.engine || s.Bus != want.bus || s.Addr != want.addr || s.Every != want.every {
			t.Errorf("sensor %d: got %s %s %s 0x%02x %v, want %+v", i, s.Name, s.Engine.Name, s.Bus, s.Addr, s.Every, want)
		}
		if c.BusOf(&s) == nil {
			t.Errorf("sensor %s has no bus", s.Name)
		}
		if _, err := catalog.Check(s.Spec()); err != nil {
			t.Errorf("sensor %s: %v", s.Name, err)
		}
	}
	engineOf(t, c)
	if got, want := len(c.Sensors[0].Outputs), 3; got != want || !c.Clock.RequireSync || len(c.Indicators) != 1 {
		t.Errorf("%d outputs, want %d; clock %+v, indicators %+v", got, want, c.Clock, c.Indicators)
	}
	if got, want := c.Sensors[0].Options["oversampling_pressure"], any(int64(16)); got != want {
		t.Errorf("oversampling_pressure = %v, want %v", got, want)
	}
	if got, want := c.Sensors[2].Options["shunt"], any(0.01); got != want {
		t.Errorf("shunt = %v, want %v", got, want)
	}
	if got, want := c.Sensors[3].Only, []string{"lat", "lon"}; !reflect.DeepEqual(got, want) {
		t.Errorf("only = %v, want %v", got, want)
	}
}

func TestTheEnvironmentGoesBeforeTheFile(t *testing.T) {
	c := mustParse(t, "[queue]\ncapacity = 1024\n[log.components]\nredis = \"warn\"\n[bus.\"gps-1\"]\nport = \"/dev/ttyS0\"\n",
		"TELEMETRY_QUEUE_CAPACITY=0x1000", "TELEMETRY_DEVICE=boat", "TELEMETRY_UPLINK_BREAKER_OPEN_MAX=1d",
		"TELEMETRY_HTTP_LISTEN=", "TELEMETRY_LOG_COMPONENTS_UPLINK=debug", "TELEMETRY_BUS_GPS_1_PORT=/dev/ttyS9",
		"TELEMETRY_SPOOL_MAX_SIZE=1GiB", "HOME=/root", "TELEMETRYX=1", "NONSENSE")
	if got, want := c.Queue.Capacity, 4096; got != want {
		t.Errorf("queue.capacity = %d, want %d", got, want)
	}
	if got, want := c.Device, "boat"; got != want {
		t.Errorf("device = %q, want %q", got, want)
	}
	if got, want := c.Uplink.Breaker.OpenMax, 24*time.Hour; got != want {
		t.Errorf("open_max = %v, want %v", got, want)
	}
	if got, want := c.HTTP.Listen, ""; got != want {
		t.Errorf("http.listen = %q, want %q", got, want)
	}
	if got, want := c.Log.Components, map[string]string{"redis": "warn", "uplink": "debug"}; !reflect.DeepEqual(got, want) {
		t.Errorf("components = %v, want %v", got, want)
	}
	if got, want := c.Buses[0].Port, "/dev/ttyS9"; got != want {
		t.Errorf("bus.gps-1.port = %q, want %q", got, want)
	}
	if got, want := c.Spool.MaxSize, int64(1<<30); got != want {
		t.Errorf("spool.max_size = %d, want %d", got, want)
	}
}

func TestAMissingFileSaysHowToGetOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telhub.toml")
	_, err := config.Load(path, nil)
	if err == nil || !strings.Contains(err.Error(), "telhub init > "+path) {
		t.Errorf("got %v", err)
	}
	var ps config.Problems
	if !errors.As(err, &ps) || len(ps) != 1 {
		t.Errorf("got %T, want Problems with one", err)
	}
}

func TestADirectoryIsNoFile(t *testing.T) {
	if _, err := config.Load(t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("got %v", err)
	}
}

func TestAHugeFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telhub.toml")
	if err := os.WriteFile(path, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path, nil); err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
		t.Errorf("got %v", err)
	}
}

// A hundred problems are enough for anybody.
func TestProblemsAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&b, "key%d = 1\n", i)
	}
	_, err := config.Parse("test.toml", []byte(b.String()), nil)
	var ps config.Problems
	if !errors.As(err, &ps) {
		t.Fatalf("got %v", err)
	}
	if got, want := len(ps), 101; got != want {
		t.Errorf("%d problems, want %d", got, want)
	}
	if got, want := ps[100].Msg, "4900 more problems follow"; got != want {
		t.Errorf("last is %q, want %q", got, want)
	}
}
