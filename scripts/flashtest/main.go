// Command flashtest is a telhub that is broken in a chosen way, for the test of
// flash.sh: it passes what a board tries beforehand, version and check, and then
// fails as Mode, set by the linker, says.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/telhub/telhub/agent/notify"
)

// Mode is what `run` does: "hang" before READY=1, "crash" soon after it,
// "silent": READY=1 and no HTTP, "wrong": HTTP that tells another version.
var Mode = "hang"

func main() {
	command := ""
	if len(os.Args) > 1 {
		command = os.Args[1]
	}
	switch command {
	case "version":
		fmt.Printf("{\"version\":\"broken-%s\"}\n", Mode)
	case "check":
		fmt.Println(`{"http_listen":"127.0.0.1:9155","memory_bytes":10000000}`)
	case "run":
		if err := run(); err != nil {
			fmt.Fprintln(os.Stderr, "flashtest:", err)
			os.Exit(1)
		}
	}
}

func run() error {
	systemd, err := notify.FromEnv(os.Getenv)
	if err != nil {
		return err
	}
	if Mode == "hang" {
		select {}
	}
	if err := systemd.Ready(Mode); err != nil {
		return err
	}
	switch Mode {
	case "crash":
		time.Sleep(200 * time.Millisecond)
		return fmt.Errorf("crashed as asked")
	case "wrong":
		return wrong()
	}
	for {
		if err := systemd.Alive(); err != nil {
			return err
		}
		time.Sleep(time.Second)
	}
}

// wrong answers as another version would.
func wrong() error {
	ln, err := net.Listen("tcp", "127.0.0.1:9155")
	if err != nil {
		return err
	}
	return http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { // #nosec G114
		fmt.Fprintln(w, `{"status":"ready","version":"another"}`)
	}))
}
