package agent

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/telhub/telhub/"

// forbidden lists imports that would break the architecture, with the reason.
// A package is meant with everything below it; deps says whether imports of
// imports count.
var forbidden = []struct {
	from, to string
	deps     bool
	reason   string
}{
	{"agent/cmd/telhub", "github.com/alicebob/miniredis", true, "the board's binary carries no server"},
	{"agent/cmd/telhub", module + "drivers/sim", true, "the board's binary carries no simulator"},
	{"agent/cmd/telhub", "html/template", true, "templates call methods by name, which keeps every method of every package in the binary"},
	{"agent/cmd/telhub", "text/template", true, "templates call methods by name, which keeps every method of every package in the binary"},
	{"agent/cmd/telhub", "github.com/prometheus", true, "the Prometheus client doubles the binary's size"},
	{"agent/cmd/telhub", "periph.io/x/host", true, "host drivers add 0.9 MB and map GPIO memory; our transports need none of them"},
	{"agent/cmd/telhub", "testing", true, "test code does not belong on a board"},
	{"drivers/sim", module + "drivers/bmx280", false, "a simulator that shares code with a driver shares its mistakes"},
	{"drivers/sim", module + "drivers/bosch", false, "a simulator that shares code with a driver shares its mistakes"},
	{"drivers/sim", module + "drivers/crc", false, "a simulator that shares code with a driver shares its mistakes"},
	{"drivers/sim", module + "drivers/profile", false, "a simulator that shares code with a driver shares its mistakes"},
	{"drivers/sim", module + "drivers/nmea", false, "a simulator that shares code with a driver shares its mistakes"},
	{"drivers/sim", module + "drivers/modbus", false, "a simulator that shares code with a driver shares its mistakes"},
	{"drivers/sim", module + "drivers/framed", false, "a simulator that shares code with a driver shares its mistakes"},
	{"drivers/bmx280", module + "drivers/sim", false, "drivers do not know their simulators"},
	{"drivers/profile", module + "drivers/sim", false, "drivers do not know their simulators"},
	{"drivers", module + "agent", true, "drivers are leaves: the agent imports them"},
	{"drivers", module + "uplink", true, "drivers know nothing of where samples go"},
	{"buffer", module + "agent", true, "the ring and the store know nothing of the agent"},
	{"buffer", module + "uplink/redis", true, "the store does not know the sink"},
	{"board", "github.com/telhub/telhub/", true, "board facts are a leaf"},
	{"uplink", module + "agent", true, "the uplink is told what it needs by its options"},
	{"uplink", module + "buffer", true, "the uplink declares the store that it needs"},
	{"agent/audit", "github.com/redis", true, "the audit judges entries; who reads them is not its business"},
	{"agent/audit", module + "uplink/redis", true, "the audit is independent of what it checks"},
	{"uplink/frame", "github.com/redis", true, "frames are bytes; who carries them is not their business"},
}

func TestForbiddenImports(t *testing.T) {
	for _, rule := range forbidden {
		for pkg, imports := range list(t, rule.from, rule.deps) {
			for _, imp := range imports {
				if within(imp, rule.to) && !within(imp, module+rule.from) && imp != pkg {
					t.Errorf("%s imports %s: %s", pkg, imp, rule.reason)
				}
			}
		}
	}
}

// within reports whether a package is prefix or lies below it.
func within(pkg, prefix string) bool {
	prefix = strings.TrimSuffix(prefix, "/")
	return pkg == prefix || strings.HasPrefix(pkg, prefix+"/")
}

// list returns the imports of the package at dir and of those below it, for
// the board's system.
func list(t *testing.T, dir string, deps bool) map[string][]string {
	t.Helper()
	field := ".Imports"
	if deps {
		field = ".Deps"
	}
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join `+field+` " "}}`, module+dir+"/...")
	cmd.Env = append(cmd.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v", dir, err)
	}
	imports := make(map[string][]string)
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		imports[f[0]] = f[1:]
	}
	return imports
}
