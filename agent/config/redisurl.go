package config

import "github.com/telhub/telhub/internal/redisurl"

// Topology is how a Redis is made up.
type Topology = redisurl.Topology

// The topologies.
const (
	Single   = redisurl.Single // one server
	Sentinel = redisurl.Sentinel
	Cluster  = redisurl.Cluster
)

// RedisURL is what a redis.url says.
type RedisURL = redisurl.URL

// ParseRedisURL reads the address of a Redis. Errors never hold a password.
func ParseRedisURL(s string) (RedisURL, error) { return redisurl.Parse(s) }
