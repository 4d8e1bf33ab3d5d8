package redisurl_test

import (
	"reflect"
	"testing"

	"github.com/telhub/telhub/internal/redisurl"
)

func TestParse(t *testing.T) {
	tcp := func(addrs ...string) redisurl.URL { return redisurl.URL{Network: "tcp", Addrs: addrs} }
	with := func(u redisurl.URL, change func(*redisurl.URL)) redisurl.URL { change(&u); return u }
	for url, want := range map[string]redisurl.URL{
		"redis://h":                  tcp("h:6379"),
		"redis://h/":                 tcp("h:6379"),
		"redis://h:7000/3":           with(tcp("h:7000"), func(u *redisurl.URL) { u.DB = 3 }),
		"redis://[2001:db8::1]:7000": tcp("[2001:db8::1]:7000"),
		"redis://[2001:db8::1]":      tcp("[2001:db8::1]:6379"),
		"rediss://u:p%40ss@h":        with(tcp("h:6379"), func(u *redisurl.URL) { u.TLS, u.User, u.Password = true, "u", "p@ss" }),
		"redis://:p/q@h":             with(tcp("h:6379"), func(u *redisurl.URL) { u.Password = "p/q" }),
		"redis+cluster://a,b:7001":   with(tcp("a:6379", "b:7001"), func(u *redisurl.URL) { u.Topology = redisurl.Cluster }),
		"rediss+sentinel://a,b/1?master=m": with(tcp("a:26379", "b:26379"), func(u *redisurl.URL) {
			u.Topology, u.TLS, u.Master, u.DB = redisurl.Sentinel, true, "m", 1
		}),
		"unix:///run/r.sock":          {Network: "unix", Addrs: []string{"/run/r.sock"}},
		"unix://u:p@/run/r.sock?db=2": {Network: "unix", Addrs: []string{"/run/r.sock"}, User: "u", Password: "p", DB: 2},
	} {
		got, err := redisurl.Parse(url)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v; want %+v", url, got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, url := range []string{
		"", "h:6379", "http://h", "redis://", "redis:///0", "redis://h:0", "redis://h:65536", "redis://h:x", "redis://h/x", "redis://h/-1",
		"redis://a,b", "redis://a b", "redis://::1", "redis://h?x=1", "redis://h/0?master=m", "redis://%zz@h", "redis+cluster://a/1",
		"redis+sentinel://a", "redis+sentinel://a?master=", "redis+sentinel://a/0?master=m&x=1", "unix://", "unix://run/r.sock",
		"unix:///r.sock?x=1", "unix:///r.sock?db=x", "redis://a,,b",
	} {
		if got, err := redisurl.Parse(url); err == nil {
			t.Errorf("%s: accepted as %+v", url, got)
		}
	}
}
