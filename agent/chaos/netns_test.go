//go:build chaos

package chaos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// wire is a network of three: the agent's namespace, a router's, and this
// machine. Between agent and router lies the link that is cut; the router is
// where packets vanish without anybody being told.
//
//	agent .1 ── .2 router .5 ── .6 this machine
type wire struct {
	t             *testing.T
	agent, router string // namespaces
	host          string // this machine's end
	net           string // the first three bytes of all addresses
}

const wirePrefix = "telhub-chaos-"

// newWire needs root. Namespaces that a killed run has left are removed first.
func newWire(t *testing.T) *wire {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("network namespaces need root: run make chaos as root")
	}
	sweep(t)
	pid, n := os.Getpid(), rand.IntN(256)
	w := &wire{
		t: t, agent: fmt.Sprintf("%s%d-%d-a", wirePrefix, pid, n), router: fmt.Sprintf("%s%d-%d-r", wirePrefix, pid, n),
		host: fmt.Sprintf("tlc%dx%d", pid, n), net: fmt.Sprintf("198.18.%d.", n), // RFC 2544: for tests of networks
	}
	t.Cleanup(func() {
		for _, ns := range []string{w.agent, w.router} { // the links go with them
			exec.Command("ip", "netns", "del", ns).Run()
		}
	})
	a, r := w.agent, w.router
	for _, line := range []string{
		"netns add " + a, "netns add " + r,
		"-n " + a + " link add eth0 type veth peer name agent netns " + r,
		"link add " + w.host + " type veth peer name host netns " + r,
	} {
		w.ip(line)
	}
	// A packet is not to be dropped because the way back is closed.
	for _, key := range []string{"ip_forward=1", "conf/all/rp_filter=0", "conf/agent/rp_filter=0", "conf/host/rp_filter=0"} {
		k, v, _ := strings.Cut(key, "=")
		w.run("ip", "netns", "exec", r, "sh", "-c", "echo "+v+" >/proc/sys/net/ipv4/"+k)
	}
	for _, line := range []string{
		"-n " + a + " addr add " + w.net + "1/30 dev eth0", "-n " + a + " link set lo up", "-n " + a + " link set eth0 up",
		"-n " + r + " addr add " + w.net + "2/30 dev agent", "-n " + r + " link set agent up",
		"-n " + r + " addr add " + w.net + "5/30 dev host", "-n " + r + " link set host up",
		"addr add " + w.net + "6/30 dev " + w.host, "link set " + w.host + " up",
		"-n " + a + " route add default via " + w.net + "2",
		"route add " + w.net + "0/30 via " + w.net + "5",
	} {
		w.ip(line)
	}
	return w
}

// sweep removes the namespaces of processes that are no more.
func sweep(t *testing.T) {
	t.Helper()
	names, err := filepath.Glob("/run/netns/" + wirePrefix + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range names {
		name := filepath.Base(path)
		pid, _, _ := strings.Cut(strings.TrimPrefix(name, wirePrefix), "-")
		if _, err := strconv.Atoi(pid); err != nil {
			continue
		}
		if _, err := os.Stat("/proc/" + pid); os.IsNotExist(err) {
			exec.Command("ip", "netns", "del", name).Run()
		}
	}
}

func (w *wire) ip(line string) {
	w.t.Helper()
	w.run("ip", strings.Fields(line)...)
}

func (w *wire) run(name string, args ...string) {
	w.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		w.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// wrap is what puts a program into the agent's namespace.
func (w *wire) wrap() []string { return []string{"ip", "netns", "exec", w.agent} }

// server is this machine's address as the agent sees it.
func (w *wire) server() string { return w.net + "6" }

// plug sets the agent's link up or down: down, its own interface has no carrier.
func (w *wire) plug(in bool) { w.ip("-n " + w.router + " link set agent " + updown(in)) }

// far sets the link behind the router up or down: down, the router says that
// the server is unreachable.
func (w *wire) far(in bool) {
	w.ip("-n " + w.router + " link set host " + updown(in))
}

func updown(in bool) string {
	if in {
		return "up"
	}
	return "down"
}

// vanish lets packets to the server, or to the agent, disappear in the router.
func (w *wire) vanish(toServer, toAgent bool) {
	w.t.Helper()
	for addr, gone := range map[string]bool{w.net + "6": toServer, w.net + "1": toAgent} {
		if gone {
			w.ip("-n " + w.router + " route replace blackhole " + addr + "/32")
		} else {
			exec.Command("ip", "-n", w.router, "route", "del", "blackhole", addr+"/32").Run() // there may be none
		}
	}
}

// squeeze lets the router drop what goes beyond so many kbit/s each way;
// 0 = nothing. The kernel loses real packets then: what waits longer than 50 ms.
func (w *wire) squeeze(kbit int) {
	w.t.Helper()
	for _, dev := range []string{"agent", "host"} {
		if kbit == 0 {
			w.run("tc", "-n", w.router, "qdisc", "del", "dev", dev, "root")
			continue
		}
		w.run("tc", "-n", w.router, "qdisc", "replace", "dev", dev, "root", "tbf", "rate", fmt.Sprintf("%dkbit", kbit), "burst", "4kb", "latency", "50ms")
	}
}
