package config

import "time"

// Config is a complete configuration: every field has its value, defaults
// included. It is read-only once loaded.
type Config struct {
	Log       Log
	Redis     Redis
	Queue     Queue
	Worker    Worker
	HTTP      HTTP
	Telemetry Telemetry
	Postgres  Postgres
	Tracing   Tracing
	Handlers  []Handler // in the file's order

	file string          // where it was read from, for messages; empty without a file
	set  map[string]bool // root keys that the file or the environment set; nil when none
}

// File is where the configuration was read from; empty without a file.
func (c *Config) File() string { return c.file }

// IsSet reports whether the file or the environment set a key, as in
// "http.listen".
func (c *Config) IsSet(path string) bool { return c.set[path] }

// Log says what is logged and how.
type Log struct {
	Level  string // one of levels
	Format string // "json" or "console"
}

// Redis is the server that holds the queue. Its password comes from
// Redis.Password.
type Redis struct {
	URL          URL
	User         string // ACL user; empty: the URL's, or the default user
	PasswordFile string // also set to the systemd credential when there is one
	CAFile       string
	CertFile     string
	KeyFile      string
	Conns        int // a node

	EnvPassword Secret // TTP_REDIS_PASSWORD; exported, because fmt hides only fields that it may call
}

// Queue is how tasks lie in Redis. All programs that share a queue share
// Prefix and Shards.
type Queue struct {
	Prefix      string
	Shards      int
	MaxPayload  int64 // bytes
	MaxLen      int64 // waiting tasks a stream; 0: not limited
	MaxDead     int64 // dead letters of a queue in one shard; 0: not limited
	Timeout     time.Duration
	MaxAttempts int
	Dedup       time.Duration // how long the receipt of an enqueued ID is kept
	UniqueFor   time.Duration // how long a unique key holds at most
}

// Worker is the pool of "ttp run".
type Worker struct {
	Name     string // of this consumer; empty: the host name
	Count    int
	Reserved int // more, for critical tasks
	Queues   []string
	Lease    time.Duration
	Grace    time.Duration
	Drain    time.Duration // in which the autoscale hint wants a backlog worked off
}

// HTTP is the local face.
type HTTP struct {
	Listen string // "host:port", "unix:/path" or "" for off
}

// Telemetry is the consumer of telhub's streams.
type Telemetry struct {
	Stream string // first part of the streams' names; empty: off
	Shards int
	Batch  int           // frames a transaction
	Flush  time.Duration // age at which a transaction is committed although it is not full
	Lease  time.Duration
	Keep   time.Duration // in the database; 0: for ever
	Trim   time.Duration // age at which acknowledged entries leave the streams; 0: never
}

// Postgres is where telemetry goes. Its password comes from Postgres.Password.
type Postgres struct {
	URL          URL // empty: none
	PasswordFile string
	MaxConns     int

	EnvPassword Secret // TTP_POSTGRES_PASSWORD
}

// Tracing is where OpenTelemetry spans go.
type Tracing struct {
	Endpoint string  // base URL of an OTLP/HTTP receiver; empty: off
	Service  string  // service.name
	Ratio    float64 // of new traces; a task that carries a sampled one is always followed
}

// Handler is what "ttp run" does with tasks of one type.
type Handler struct {
	Type    string        // of the tasks
	Kind    string        // one of handlerKinds
	URL     URL           // http: where the payload is posted
	Headers []string      // http: "Name: value"
	Command []string      // exec: program and arguments; the payload is its standard input
	Timeout time.Duration // of one request or run, beside the task's own; 0: the task's
}
