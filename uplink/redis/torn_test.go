package redis

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/telhub/telhub/uplink/redis/redistest"
)

// A power cut ends the server's log within a transaction. The server throws
// away the torn command and keeps the transaction's beginning, which would be
// run at the start after the next: a frame that was sent again would be there
// twice. What README.md has servers do before they start keeps it from that.
func TestATornTransactionIsCutOff(t *testing.T) {
	log := []string{"--appendonly", "yes", "--appendfsync", "always"}
	for name, start := range map[string]func() *redistest.Server{
		"redis":  func() *redistest.Server { return redistest.Start(t, log...) },
		"valkey": func() *redistest.Server { return redistest.StartValkey(t, log...) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, mend := range []bool{true, false} {
				srv := start()
				send(t, srv, 1, 1)
				send(t, srv, 2, 2)
				srv.Kill()
				tear(t, srv)
				if mend {
					srv.MendLog(srv.Dir())
				}
				srv.Start()
				send(t, srv, 2, 2) // the agent sees that it is missing, and still has it
				srv.Kill()
				srv.Start()
				got := sequence(t, client(t, srv))
				if mend && len(got) != 2 {
					t.Errorf("the streams hold %v, want each once", got)
				}
				if !mend {
					t.Logf("without that %s has %v", name, got)
				}
			}
		})
	}
}

// send opens the lane and appends frames first to last of epoch 1.
func send(t *testing.T, srv *redistest.Server, first, last uint64) {
	t.Helper()
	s := newSink(t, options(srv.Addr()))
	open(t, s, 1)
	if err := s.Append(t.Context(), batch(1, 1, first, last)); err != nil {
		t.Fatal(err)
	}
}

// tear cuts a stopped server's log within its last transaction, behind the
// command that appends.
func tear(t *testing.T, srv *redistest.Server) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(srv.Dir(), "appendonlydir", "*.incr.aof"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("append-only files: %v, %v", logs, err)
	}
	info, err := os.Stat(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(logs[0], info.Size()-3); err != nil {
		t.Fatal(err)
	}
}
