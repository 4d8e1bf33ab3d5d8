package bench

import (
	"testing"
	"time"
)

// A link takes its time both ways, and a pipeline of any length takes it once.
func TestLinkTakesItsTimeOnce(t *testing.T) {
	srv, err := StartServer(t.Context(), AOFOff, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	const rtt = 50 * time.Millisecond
	k, err := newLink(srv.Addr, rtt)
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	c := k.behind(srv).connect()
	defer c.Close()
	if err := c.Ping(t.Context()).Err(); err != nil { // connects
		t.Fatal(err)
	}
	begin := time.Now()
	p := c.Pipeline()
	for range 2000 {
		p.Incr(t.Context(), "n")
	}
	if _, err := p.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < rtt || took > 100*rtt {
		t.Errorf("2000 commands in a pipeline took %v, want about %v", took, rtt)
	}
	if n, err := srv.admin.Get(t.Context(), "n").Int(); err != nil || n != 2000 {
		t.Errorf("the server counted %d, %v", n, err)
	}
}
