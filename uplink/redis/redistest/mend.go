package redistest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// MendLog does to a stopped server's append-only log in dir what has to be done
// after a power cut (README.md, Redis): it cuts off a transaction that has no
// end. redis-server 7.0 and valkey-server 8.0 throw away only the torn command,
// and run the transaction's beginning at the start after the next.
func (s *Server) MendLog(dir string) {
	s.tb.Helper()
	program := strings.TrimSuffix(s.binary, "-server") + "-check-aof"
	cmd := exec.Command(program, "--fix", filepath.Join(dir, "appendonlydir", "appendonly.aof.manifest"))
	cmd.Stdin = strings.NewReader("y\n")
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.tb.Fatalf("%s: %v:\n%s", program, err, out)
	}
}
