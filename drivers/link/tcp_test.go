package link_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/telhub/telhub/drivers"
	"github.com/telhub/telhub/drivers/link"
)

// serve answers each connection with f until the test ends.
func serve(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			f(c)
			c.Close()
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		<-done
	})
	return ln.Addr().String()
}

func TestTCPCarriesAnExchange(t *testing.T) {
	addr := serve(t, func(c net.Conn) {
		p := make([]byte, 1)
		for {
			if _, err := io.ReadFull(c, p); err != nil {
				return
			}
			_, _ = c.Write([]byte("<abcd"))
		}
	})
	port := link.NewTCP(addr)
	if _, err := port.Write([]byte("?")); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("before Reopen: %v", err)
	}
	if err := port.Reopen(); err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	l := newLink(t, port, link.Options{Timeout: 10 * time.Second})
	for range 3 {
		if got, err := l.Exchange([]byte("?"), &fixed{5}); string(got) != "<abcd" || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
	}
}

func TestTCPReturnsAfterAHangUp(t *testing.T) {
	addr := serve(t, func(c net.Conn) { _, _ = io.ReadFull(c, make([]byte, 1)) })
	port := link.NewTCP(addr)
	defer port.Close()
	l := newLink(t, port, link.Options{Timeout: 10 * time.Second})
	for range 2 {
		if err := port.Reopen(); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Exchange([]byte("?"), &fixed{5}); !errors.Is(err, drivers.ErrUnplugged) {
			t.Fatalf("got %v, want unplugged", err)
		}
	}
	nobody := link.NewTCP("127.0.0.1:1")
	if err := nobody.Reopen(); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("got %v, want unplugged", err)
	}
}
