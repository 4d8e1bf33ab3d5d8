package queue

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/telhub/telhub/internal/redisurl"
)

// Options configure a Queue. Zero values are filled in by Open, URL too.
type Options struct {
	// URL is the address: redis://, rediss://, unix://, redis+sentinel://,
	// rediss+sentinel://, redis+cluster:// or rediss+cluster://. Default:
	// redis://127.0.0.1:6379/0.
	URL string
	// User is the ACL user; empty: the URL's.
	User string
	// Password returns the current password; it is asked at every connect, so
	// that a rotated secret needs no restart. May be nil.
	Password func() (string, error)
	// PasswordFile is read at every connect if Password is nil; empty: the
	// URL's password.
	PasswordFile string
	CAFile       string // certificates that the server's must chain to; empty: the system's
	CertFile     string // client certificate and key, read at every connect
	KeyFile      string

	Prefix string // of all keys; default "ttp"
	Shards int    // how many shards, 1 to 1024, the same for all; default 1

	MaxPayload  int           // bytes; default 256 KiB, at most 16 MiB
	MaxLen      int64         // tasks in one stream, and in one set of delayed ones; default 5,000,000; negative: no limit
	MaxDead     int64         // dead letters of a queue in one shard; the eldest make room, which is counted; default 1,000,000; negative: no limit
	Timeout     time.Duration // of an attempt, for tasks without their own; default 30 s
	MaxAttempts int           // for tasks without their own; default 10
	Dedup       time.Duration // how long a caller's ID is remembered, counted from when the task is due; default 1 h
	UniqueFor   time.Duration // how long a unique key holds at most, counted from when the task is due; default 24 h
	KeepWaiting time.Duration // how long the state of a task with Keep is kept before its end; default 7 days

	// Retry is how long a call is repeated while Redis cannot be reached or
	// its reply was lost; default 10 s, at most 5 min, negative: not at all. The caller's
	// context ends it sooner.
	Retry time.Duration
	// Conns is how many connections a node may have; default 32, or 2 a shard
	// and 16 if that is more: a worker pool keeps one busy for each shard.
	Conns int
}

// Bounds and defaults.
const (
	defaultURL       = "redis://127.0.0.1:6379/0"
	defaultPrefix    = "ttp"
	maxShards        = 1024
	defaultPayload   = 256 << 10
	maxPayload       = 16 << 20
	defaultMaxLen    = 5_000_000
	defaultMaxDead   = 1_000_000
	defaultTimeout   = 30 * time.Second
	maxTimeout       = 7 * 24 * time.Hour
	defaultAttempts  = 10
	maxAttempts      = 1000
	defaultDedup     = time.Hour
	defaultUniqueFor = 24 * time.Hour
	defaultWaiting   = 7 * 24 * time.Hour
	maxKeep          = 365 * 24 * time.Hour
	defaultRetry     = 10 * time.Second
	maxRetry         = laneTime / 2
	defaultConns     = 32
	connsPerShard    = 2 // a worker pool's read that waits, and one of its other calls
	spareConns       = 16
	maxConns         = 10_000
	maxPrefix        = 64
)

// fill replaces zero values by the defaults.
func (o *Options) fill() {
	set(&o.URL, defaultURL)
	set(&o.Prefix, defaultPrefix)
	set(&o.Shards, 1)
	set(&o.MaxPayload, defaultPayload)
	set(&o.MaxLen, defaultMaxLen)
	set(&o.MaxDead, defaultMaxDead)
	o.MaxDead = max(o.MaxDead, -1)
	set(&o.Timeout, defaultTimeout)
	set(&o.MaxAttempts, defaultAttempts)
	set(&o.Dedup, defaultDedup)
	set(&o.UniqueFor, defaultUniqueFor)
	set(&o.KeepWaiting, defaultWaiting)
	set(&o.Retry, defaultRetry)
	set(&o.Conns, max(defaultConns, connsPerShard*o.Shards+spareConns))
}

func set[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Validate reports all that is wrong with the options, zero values aside.
func (o Options) Validate() error {
	o.fill()
	_, err := o.check()
	return err
}

// check reads the address and reports all that is wrong.
func (o *Options) check() (redisurl.URL, error) {
	var ps []error
	bad := func(field string, value any, cure string) {
		ps = append(ps, fmt.Errorf("%w: %s = %v: %s", ErrInvalid, field, value, cure))
	}
	u, err := redisurl.Parse(o.URL)
	if err != nil {
		bad("URL", redisurl.Redacted(o.URL), err.Error())
	}
	if err := checkName(o.Prefix, maxPrefix); err != nil {
		bad("Prefix", shorten(o.Prefix), err.Error())
	}
	if o.Shards < 1 || o.Shards > maxShards {
		bad("Shards", o.Shards, fmt.Sprintf("must be from 1 to %d, and the same for all that share the queue", maxShards))
	}
	if o.MaxPayload < 1 || o.MaxPayload > maxPayload {
		bad("MaxPayload", o.MaxPayload, fmt.Sprintf("must be from 1 to %d bytes; keep larger things elsewhere and queue their address", maxPayload))
	}
	if o.MaxAttempts < 1 || o.MaxAttempts > maxAttempts {
		bad("MaxAttempts", o.MaxAttempts, fmt.Sprintf("must be from 1 to %d", maxAttempts))
	}
	if o.Conns < 1 || o.Conns > maxConns {
		bad("Conns", o.Conns, fmt.Sprintf("must be from 1 to %d", maxConns))
	}
	for _, d := range [...]struct {
		field    string
		value    time.Duration
		min, max time.Duration
	}{
		{"Timeout", o.Timeout, time.Millisecond, maxTimeout},
		{"Dedup", o.Dedup, time.Second, maxKeep},
		{"UniqueFor", o.UniqueFor, time.Second, maxKeep},
		{"KeepWaiting", o.KeepWaiting, time.Minute, maxKeep},
	} {
		if d.value < d.min || d.value > d.max {
			bad(d.field, d.value, fmt.Sprintf("must be from %v to %v", d.min, d.max))
		}
	}
	if o.Retry > maxRetry {
		bad("Retry", o.Retry, fmt.Sprintf("must be %v at most: the server does not remember calls for ever", maxRetry))
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		bad("CertFile and KeyFile", shorten(o.CertFile)+" and "+shorten(o.KeyFile), "a client certificate needs both")
	}
	return u, errors.Join(ps...)
}

// checkName checks what becomes a part of keys.
func checkName(s string, most int) error {
	if s == "" || len(s) > most {
		return fmt.Errorf("must have 1 to %d characters, and has %d", most, len(s))
	}
	if i := strings.IndexFunc(s, notInName); i >= 0 {
		return fmt.Errorf("character %d must be a letter, a digit, a dot or one of _ and -", i+1)
	}
	return nil
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' && r != '.'
}
