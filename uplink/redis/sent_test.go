package redis

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/redis/redistest"
)

// dying forwards to a server until that has executed a script. It then loses
// the reply, closes everything and listens no more: a server that was killed.
type dying struct {
	l      net.Listener
	server string
	wg     sync.WaitGroup
}

func newDying(t *testing.T, server string) *dying {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &dying{l: l, server: server}
	d.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d.wg.Go(func() { d.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); d.wg.Wait() })
	return d
}

func (d *dying) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", d.server)
	if err != nil {
		return
	}
	defer server.Close()
	request, reply := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := client.Read(request)
		if err != nil {
			return
		}
		if _, err := server.Write(request[:n]); err != nil {
			return
		}
		m, err := server.Read(reply)
		if err != nil {
			return
		}
		if bytes.Contains(request[:n], []byte("evalsha")) {
			d.l.Close()
			return
		}
		if _, err := io.Copy(client, bytes.NewReader(reply[:m])); err != nil {
			return
		}
	}
}

// A client of a cluster tries again by itself. An open that was executed and
// whose second attempt finds nobody has been sent: the agent must not take its
// own fence for another's.
func TestAnOpenThatArrivedBeforeItsServerDiedWasSent(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t, 1)
	if err := clusterClient(t, c).ScriptLoad(t.Context(), appendScript).Err(); err != nil {
		t.Fatal(err)
	}
	d := newDying(t, c.Addrs()[0])
	port := d.l.Addr().(*net.TCPAddr).Port
	c.Nodes[0].Do(fmt.Sprintf("CONFIG SET cluster-announce-port %d", port))
	o := clusterOptions(c)
	o.Server.Addrs = []string{d.l.Addr().String()}
	err := openError(t, o)
	if !errors.Is(err, uplink.ErrUnreachable) || !errors.Is(err, uplink.ErrSent) {
		t.Errorf("error %v, want one that is %q and %q", err, uplink.ErrUnreachable, uplink.ErrSent)
	}
	if got := c.Nodes[0].Do("HGET telhub:{0}:state pi-01|alarm"); !strings.Contains(got, "1;0;0") {
		t.Errorf("the first lane's mark is %q: the open was not executed, which is what this is about", got)
	}
	c.Nodes[0].Do("CONFIG SET cluster-announce-port 0")
	c.Nodes[0].Kill()
	if err := openError(t, clusterOptions(c)); errors.Is(err, uplink.ErrSent) {
		t.Errorf("error %v of a cluster that is away says that something was sent", err)
	}
}
