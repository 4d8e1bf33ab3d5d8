package doctor

import (
	"net"
	"net/netip"
	"strings"

	"github.com/telhub/telhub/uplink/redis"
)

// allowed compares a server's addresses with the list of the unit. What is not
// on it is dropped without a word: the agent sees a time-out, and whoever tries
// it by hand, outside the unit, sees nothing wrong.
func (x *exam) allowed(r *redis.Reach) {
	if x.unit.get("IPAddressDeny") != "any" {
		return
	}
	addrs := r.Found
	if host, _, err := net.SplitHostPort(r.Addr); err == nil && len(addrs) == 0 {
		addrs = []string{host}
	}
	list := ranges(x.unit.get("IPAddressAllow"))
	for _, text := range addrs {
		a, err := netip.ParseAddr(text)
		if err != nil || contain(list, a.Unmap().WithZone("")) {
			continue // a name that was not found has its own finding
		}
		x.fail(r.Addr, "the unit lets the agent reach nothing at "+text+" (IPAddressDeny=any)",
			"systemctl edit telhub: IPAddressAllow="+text+" under [Service]; then restart it")
	}
}

// ranges reads a list of systemd's; its words stand for what
// systemd.resource-control(5), IPAddressAllow=, says.
func ranges(list string) []netip.Prefix {
	words := map[string]string{
		"any": "0.0.0.0/0 ::/0", "localhost": "127.0.0.0/8 ::1/128",
		"link-local": "169.254.0.0/16 fe80::/64", "multicast": "224.0.0.0/4 ff00::/8",
	}
	var out []netip.Prefix
	for _, w := range strings.Fields(list) {
		if known, ok := words[w]; ok {
			w = known
		}
		for _, one := range strings.Fields(w) {
			if p, err := netip.ParsePrefix(one); err == nil {
				out = append(out, p)
			} else if a, err := netip.ParseAddr(one); err == nil {
				out = append(out, netip.PrefixFrom(a, a.BitLen()))
			}
		}
	}
	return out
}

func contain(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
