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
			srv := start()
			send(t, srv, 1, 1)
			send(t, srv, 2, 2)
			srv.Kill()
			file := tear(t, srv)
			torn := size(t, file)
			srv.MendLog(srv.Dir())
			if got := size(t, file); got >= torn {
				t.Errorf("the log has %d bytes, of %d: nothing was torn", got, torn)
			}
			srv.Start()
			send(t, srv, 2, 2) // the agent sees that it is missing, and still has it
			srv.Kill()
			srv.Start()
			wantSequence(t, client(t, srv), "1/1", "1/2")
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

// tear cuts a stopped server's log within its last transaction, in the EXEC
// that ends it, and returns its file.
func tear(t *testing.T, srv *redistest.Server) string {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(srv.Dir(), "appendonlydir", "*.incr.aof"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("append-only files: %v, %v", logs, err)
	}
	if err := os.Truncate(logs[0], size(t, logs[0])-3); err != nil {
		t.Fatal(err)
	}
	return logs[0]
}

func size(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
