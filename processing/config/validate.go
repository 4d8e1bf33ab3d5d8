package config

import "github.com/telhub/telhub/internal/redisurl"

// validate checks what concerns several keys. Each problem stands at the key
// that was set; defaults fit together, so one of them was.
func (l *loader) validate() {
	l.validateRedis()
	c := l.cfg
	if c.Telemetry.Stream != "" && c.Postgres.URL == "" {
		l.conflict(fault{"there is no database that telemetry could go to", `set postgres.url, or delete telemetry.stream`}, "telemetry.stream")
	}
	if c.Postgres.URL == "" && (c.Postgres.PasswordFile != "" || c.Postgres.EnvPassword != "") {
		l.conflict(fault{"has no effect, because postgres.url names no database", "set it, or delete this"}, "postgres.password_file")
	}
	if u := c.Tracing.Endpoint; u == "" {
		l.conflictIfSet(fault{"has no effect, because tracing.endpoint is empty", "set it, or delete the line"}, "tracing.ratio", "tracing.service")
	}
}

// conflict reports a problem at the first of the keys that was set, and not to
// nothing. One that only a credential or a variable outside of the keys set is
// no mistake.
func (l *loader) conflict(f fault, keys ...string) {
	for _, key := range keys {
		if at, ok := l.set[key]; ok && at.shown != `""` {
			l.add(at, key, f)
			return
		}
	}
}

// conflictIfSet reports a problem at each of the keys that was set.
func (l *loader) conflictIfSet(f fault, keys ...string) {
	for _, key := range keys {
		l.conflict(f, key)
	}
}

func (l *loader) validateRedis() {
	r := &l.cfg.Redis
	u, err := redisurl.Parse(r.URL.Reveal())
	if err != nil {
		return // reported already
	}
	if (r.CertFile == "") != (r.KeyFile == "") {
		l.conflict(fault{"a client certificate needs both cert_file and key_file", "add the other one"}, "redis.cert_file", "redis.key_file")
	}
	if !u.TLS {
		l.conflictIfSet(fault{
			"has no effect, because the connection is not encrypted: redis.url is " + r.URL.String(),
			"begin the URL with rediss, or delete the line",
		}, "redis.ca_file", "redis.cert_file", "redis.key_file")
	}
	if r.User != "" && u.User != "" && r.User != u.User {
		l.conflict(fault{"the URL names another user", "keep one of the two"}, "redis.user", "redis.url")
	}
	if u.Password != "" {
		l.conflict(fault{"the URL holds a password too", "take it out of the URL"}, "redis.password_file")
	}
}
