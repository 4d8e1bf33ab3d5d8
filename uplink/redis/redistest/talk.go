package redistest

import (
	"net"
	"strings"
	"time"
)

// talkTime bounds one exchange with a server.
const talkTime = 5 * time.Second

// Do sends an inline command over the unix socket and returns the reply as it
// came, errors of MOVED and other kinds included. A server that does not
// answer fails the test.
func (s *Server) Do(command string) string {
	s.tb.Helper()
	reply, err := s.talk(command)
	if err != nil {
		s.tb.Fatalf("%s: %v", command, err)
	}
	return reply
}

// talk exchanges one command for what one read of the reply gives: enough for
// the short replies that tests ask for.
func (s *Server) talk(command string) (string, error) {
	c, err := net.DialTimeout("unix", s.Socket(), talkTime)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(talkTime)); err != nil {
		return "", err
	}
	if _, err := c.Write([]byte(command + "\r\n")); err != nil {
		return "", err
	}
	buf := make([]byte, 64<<10)
	n, err := c.Read(buf)
	return string(buf[:n]), err
}

// Await repeats a command until its reply is as wanted; it fails the test
// after half a minute.
func (s *Server) Await(command string, wanted func(reply string) bool) {
	s.tb.Helper()
	deadline := time.Now().Add(2 * startTime)
	for {
		reply, err := s.talk(command)
		if err == nil && wanted(reply) {
			return
		}
		if time.Now().After(deadline) {
			s.tb.Fatalf("%s: %q, %v", command, reply, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func contains(reply, text string) bool { return strings.Contains(reply, text) }
