package doctor

import (
	"bufio"
	"os/exec"
	"testing"
)

// hold lets another process open a file until the test ends; it returns its id.
func hold(t *testing.T, path string) int {
	t.Helper()
	cmd := exec.Command("sh", "-c", `exec 3<>"$1"; echo open; exec sleep 60`, "sh", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}
