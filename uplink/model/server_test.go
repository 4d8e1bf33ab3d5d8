package model

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/telhub/telhub/uplink"
	"github.com/telhub/telhub/uplink/frame"
)

// serverKind says what stands behind what a server accepted.
type serverKind int

const (
	volatileServer serverKind = iota // no log: level memory
	oldServer                        // log, fsync each second, cannot be asked: level age
	logServer                        // the same with WAITAOF: level aof
	alwaysServer                     // log, fsync at each write: level aof
	pairServer                       // a replica: level replica
	serverKinds
)

func (k serverKind) level() uplink.Durability {
	return [...]uplink.Durability{uplink.Memory, uplink.Age, uplink.AOF, uplink.AOF, uplink.Replica}[k]
}

// server is a Redis: it runs the real script over a keyspace and forgets, as
// real ones do, what it has not made durable.
type server struct {
	kind serverKind

	mu       sync.Mutex    // guards all below
	confirm  time.Duration // how long WAITAOF and WAIT take
	keys     *keyspace
	lua      *interpreter
	scripted bool     // the script is in its cache
	flushed  bool     // it was, until SCRIPT FLUSH
	executed int      // calls of the script
	synced   snapshot // what its disk has
	fsynced  time.Time
	replica  snapshot
	session  int       // grows when its connections die
	noticed  int       // session of the last change that clients notice: others dial anew by themselves
	loading  time.Time // until then it reads its data
}

func newServer(kind serverKind, script string) *server {
	s := &server{kind: kind, keys: newKeyspace(), fsynced: time.Now()}
	s.lua = newInterpreter(script, s.keys)
	s.synced, s.replica = s.keys.snapshot(), s.keys.snapshot()
	return s
}

// What a server answers instead of running a script.
var (
	errNoScript = errors.New("NOSCRIPT No matching script")
	errReset    = errors.New("connection reset by peer")
)

// eval runs the script; whole says that the request carries its text.
func (s *server) eval(session int, whole bool, keys, argv []string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case session != s.session:
		return "", errReset
	case time.Now().Before(s.loading):
		return "", uplink.ErrLoading
	case !whole && !s.scripted:
		return "", errNoScript
	}
	s.scripted, s.flushed = true, false
	s.executed++
	s.tickLocked()
	reply, err := s.lua.run(keys, argv)
	if s.kind == alwaysServer {
		s.synced = s.keys.snapshot()
	}
	return reply, err
}

// tickLocked makes durable what a second has passed over.
func (s *server) tickLocked() {
	if now := time.Now(); now.Sub(s.fsynced) >= time.Second {
		s.fsynced, s.synced = now, s.keys.snapshot()
	}
}

// current returns the session of the connection that a client uses whose last
// one was of a session: a pool dials anew when a connection has died idle.
func (s *server) current(session int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session >= s.noticed {
		return s.session
	}
	return session
}

// connected returns the session of new connections.
func (s *server) connected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session
}

// confirms sets how long WAITAOF and WAIT take.
func (s *server) confirms(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.confirm = after
}

// copied takes the snapshot that WAITAOF or WAIT will have made safe, and says
// how long that takes.
func (s *server) copied() (snapshot, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys.snapshot(), s.confirm
}

// safe notes that a snapshot is on disk or on the replica, and reports whether
// the server is still the one that promised it.
func (s *server) safe(session int, taken snapshot) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session != s.session {
		return false
	}
	switch {
	case s.kind == pairServer && s.replica.version < taken.version:
		s.replica = taken
	case (s.kind == logServer || s.kind == oldServer) && s.synced.version < taken.version:
		s.synced = taken
	}
	return true
}

// rewindLocked sets the server back. Connections die; drop says that clients
// notice. What was under way in them never arrives.
func (s *server) rewindLocked(to snapshot, drop bool) {
	s.keys.restore(to)
	s.synced, s.replica = s.keys.snapshot(), s.keys.snapshot()
	s.scripted = false
	s.session++
	if drop {
		s.noticed = s.session
	}
}

// restart loses what is not on disk.
func (s *server) restart(drop bool, loading time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tickLocked()
	s.rewindLocked(s.synced, drop)
	s.loading = time.Now().Add(loading)
}

// failover promotes the replica as far as it came.
func (s *server) failover(drop bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rewindLocked(s.replica, drop)
}

// replicate lets the replica catch up.
func (s *server) replicate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replica = s.keys.snapshot()
}

// flush is FLUSHALL.
func (s *server) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys.restore(snapshot{})
	s.synced, s.replica = s.keys.snapshot(), s.keys.snapshot()
}

func (s *server) flushScripts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushed, s.scripted = s.scripted || s.flushed, false
}

// calls returns how many calls of the script were executed.
func (s *server) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.executed
}

// wasFlushed reports whether SCRIPT FLUSH is why the script is not there.
func (s *server) wasFlushed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flushed
}

// fail lets a command of the next script fail after some that succeed.
func (s *server) fail(command string, after int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys.failing, s.keys.after = command, after
}

func (s *server) heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys.failing, s.loading = "", time.Time{}
}

// stream returns the entries of a lane.
func (s *server) stream(lane frame.Lane) []entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.keys.streams[streamKey(lane)]
	return list[:len(list):len(list)]
}

// mark returns what the state has of a lane.
func (s *server) mark(lane frame.Lane) frame.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, _ := parseMark(s.keys.hashes[stateKey][field(lane)])
	return m.ID
}

const (
	deviceName = "pi-01"
	stateKey   = "telhub:{0}:state"
)

func streamKey(l frame.Lane) string { return "telhub:{0}:" + l.String() }

func laneOf(key string) frame.Lane {
	for l := range frame.Lane(frame.Lanes) {
		if strings.HasSuffix(key, ":"+l.String()) {
			return l
		}
	}
	panic("no stream of a lane: " + key)
}
