package doctor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// What the unit that we ship lets through, and what a drop-in adds.
func TestARedisThatTheUnitDoesNotLetTheAgentReach(t *testing.T) {
	shipped, err := os.ReadFile(filepath.Join("..", "..", "systemd", "telhub.service"))
	if err != nil {
		t.Fatal(err)
	}
	srv := redistest.Start(t)
	const unit = "usr/lib/systemd/system/telhub.service"
	tree := map[string]string{unit: string(shipped)}
	cfg := load(t, "[http]\nlisten = \"\"\n[redis]\nurl = \""+srv.URL()+"\"\n")
	wantNone(t, examine(t, Options{Root: grow(t, tree), Config: cfg}), "redis", srv.Addr(), Fail)

	tree[unit] = "[Service]\nIPAddressDeny=any\nIPAddressAllow=10.0.0.0/8\n"
	want(t, examine(t, Options{Root: grow(t, tree), Config: cfg}), "redis", srv.Addr(), Fail,
		"the unit lets the agent reach nothing at 127.0.0.1", "systemctl edit telhub: IPAddressAllow=127.0.0.1")

	for _, allow := range []string{"127.0.0.1", "localhost", "any", "127.0.0.0/8"} {
		tree["etc/systemd/system/telhub.service.d/x.conf"] = "[Service]\nIPAddressAllow=" + allow + "\n"
		wantNone(t, examine(t, Options{Root: grow(t, tree), Config: cfg}), "redis", srv.Addr(), Fail)
	}
}
