package config

import "fmt"

// validate checks what concerns several keys. Each problem stands at the key
// that was set; defaults fit together, so one of them was.
func (l *loader) validate() {
	c := l.cfg
	if c.Uplink.Frame > c.Queue.Capacity {
		l.conflict(fault{
			fmt.Sprintf("a frame of %d samples does not fit into a ring of %d", c.Uplink.Frame, c.Queue.Capacity),
			"lower uplink.frame or raise queue.capacity",
		}, "uplink.frame", "queue.capacity")
	}
	if b := c.Uplink.Breaker; b.Open > b.OpenMax {
		l.conflict(fault{
			fmt.Sprintf("the first wait, %v, is longer than the longest, %v", b.Open, b.OpenMax),
			"lower open or raise open_max",
		}, "uplink.breaker.open", "uplink.breaker.open_max")
	}
	if b := c.Spool.FlashBudget; b != 0 && b < leastBudget {
		l.conflict(fault{
			fmt.Sprintf("%d bytes a day do not pay for a write an hour", b),
			`give at least "1MB", or 0 for no limit`,
		}, "spool.flash_budget")
	}
	l.validateRedis()
}

// leastBudget pays for a commit of the store in each hour, twice.
const leastBudget = 1_000_000

// conflict reports a problem at the first of the keys that was set.
func (l *loader) conflict(f fault, keys ...string) {
	for _, key := range keys {
		if at, ok := l.set[key]; ok {
			l.add(at, key, f)
			return
		}
	}
	l.add(place{source: l.file, line: 1}, keys[0], f)
}

func (l *loader) validateRedis() {
	r := &l.cfg.Redis
	u, err := ParseRedisURL(r.URL.Reveal())
	if err != nil {
		return // reported already
	}
	if (r.CertFile == "") != (r.KeyFile == "") {
		l.conflict(fault{"a client certificate needs both cert_file and key_file", "add the other one"}, "redis.cert_file", "redis.key_file")
	}
	if !u.TLS && (r.CAFile != "" || r.CertFile != "" || r.KeyFile != "") {
		l.conflict(fault{
			"has no effect, because the connection is not encrypted: redis.url is " + r.URL.String(),
			"begin the URL with rediss, or delete the line",
		}, "redis.ca_file", "redis.cert_file", "redis.key_file")
	}
	if r.User != "" && u.User != "" && r.User != u.User {
		l.conflict(fault{"the URL names another user", "keep one of the two"}, "redis.user", "redis.url")
	}
	if _, fromFile := l.set["redis.password_file"]; fromFile && u.Password != "" {
		l.conflict(fault{"the URL holds a password too", "take it out of the URL"}, "redis.password_file")
	}
}
