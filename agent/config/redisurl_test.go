package config_test

import (
	"reflect"
	"testing"

	"github.com/telhub/telhub/agent/config"
)

func TestParseRedisURL(t *testing.T) {
	tcp := func(addrs ...string) config.RedisURL { return config.RedisURL{Network: "tcp", Addrs: addrs} }
	with := func(u config.RedisURL, change func(*config.RedisURL)) config.RedisURL { change(&u); return u }
	for url, want := range map[string]config.RedisURL{
		"redis://h":                  tcp("h:6379"),
		"redis://h/":                 tcp("h:6379"),
		"redis://h:7000/3":           with(tcp("h:7000"), func(u *config.RedisURL) { u.DB = 3 }),
		"redis://[2001:db8::1]:7000": tcp("[2001:db8::1]:7000"),
		"redis://[2001:db8::1]":      tcp("[2001:db8::1]:6379"),
		"rediss://u:p%40ss@h":        with(tcp("h:6379"), func(u *config.RedisURL) { u.TLS, u.User, u.Password = true, "u", "p@ss" }),
		"redis://:p/q@h":             with(tcp("h:6379"), func(u *config.RedisURL) { u.Password = "p/q" }),
		"redis+cluster://a,b:7001":   with(tcp("a:6379", "b:7001"), func(u *config.RedisURL) { u.Topology = config.Cluster }),
		"rediss+sentinel://a,b/1?master=m": with(tcp("a:26379", "b:26379"), func(u *config.RedisURL) {
			u.Topology, u.TLS, u.Master, u.DB = config.Sentinel, true, "m", 1
		}),
		"unix:///run/r.sock":          {Network: "unix", Addrs: []string{"/run/r.sock"}},
		"unix://u:p@/run/r.sock?db=2": {Network: "unix", Addrs: []string{"/run/r.sock"}, User: "u", Password: "p", DB: 2},
	} {
		got, err := config.ParseRedisURL(url)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v; want %+v", url, got, err, want)
		}
	}
}

func TestParseRedisURLRefuses(t *testing.T) {
	for _, url := range []string{
		"", "h:6379", "http://h", "redis://", "redis:///0", "redis://h:0", "redis://h:65536", "redis://h:x", "redis://h/x", "redis://h/-1",
		"redis://a,b", "redis://a b", "redis://::1", "redis://h?x=1", "redis://h/0?master=m", "redis://%zz@h", "redis+cluster://a/1",
		"redis+sentinel://a", "redis+sentinel://a?master=", "redis+sentinel://a/0?master=m&x=1", "unix://", "unix://run/r.sock",
		"unix:///r.sock?x=1", "unix:///r.sock?db=x", "redis://a,,b",
	} {
		if got, err := config.ParseRedisURL(url); err == nil {
			t.Errorf("%s: accepted as %+v", url, got)
		}
	}
}
