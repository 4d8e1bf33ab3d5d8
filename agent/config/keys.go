package config

// levels are the log levels, most talkative first.
var levels = []string{"trace", "debug", "info", "warn", "error"}

// components are the names under which parts of the agent log.
var components = []string{"agent", "alarm", "bus", "clock", "http", "pipeline", "redis", "sensor", "store", "uplink"}

// target is where a key's value goes: the whole configuration, or the bus, sensor or
// indicator that is being read.
type target struct {
	cfg    *Config
	bus    *Bus
	sensor *Sensor

	indicator *indicatorDraft
}

// rootKeys are the keys outside of buses, sensors and profiles. Minimum and
// maximum are written like values; a Default of "" is no text, and of a key
// that has another type means that the Doc names the default.
var rootKeys = []Key{
	{
		Path: "device", Type: Text, Example: `"pi-01"`, check: checkName,
		Doc:   "Name under which this board's samples travel. The default is the host name.",
		field: func(t target) any { return &t.cfg.Device },
	},

	{
		Path: "log.level", Type: Choice, Default: "info", Allowed: levels, Example: `"debug"`,
		Doc:   "How much is logged.",
		field: func(t target) any { return &t.cfg.Log.Level },
	},
	{
		Path: "log.format", Type: Choice, Default: "json", Allowed: []string{"json", "console"}, Example: `"console"`,
		Doc:   "JSON for machines, console for people.",
		field: func(t target) any { return &t.cfg.Log.Format },
	},

	{
		Path: "queue.capacity", Type: Int, Default: "8192", Unit: "samples", Min: "64", Max: "1048576", Example: "32768",
		Doc:   "Samples that the ring between sensors and workers holds. When it is full the oldest is overwritten, counted and declared.",
		field: func(t target) any { return &t.cfg.Queue.Capacity },
	},

	{
		Path: "workers.count", Type: Int, Default: "2", Min: "1", Max: "16", Example: "1",
		Doc:   "Workers that turn samples into frames. Two keep up with any board's sensors.",
		field: func(t target) any { return &t.cfg.Workers.Count },
	},

	{
		Path: "clock.require_sync", Type: Bool, Default: "false", Example: "true",
		Doc: "Holds samples back until their dates are known: nothing is sent before the clock is synchronised, or a receiver tells the time. " +
			"Without it samples whose dates are unknown are sent as such.",
		field: func(t target) any { return &t.cfg.Clock.RequireSync },
	},

	{
		Path: "uplink.encoding", Type: Choice, Default: "senml", Allowed: []string{"senml", "compact"}, Example: `"compact"`,
		Doc:   "How samples are written into the stream: SenML is JSON for any program (RFC 8428), compact is a small fraction of its size (docs/wire.md).",
		field: func(t target) any { return &t.cfg.Uplink.Encoding },
	},
	{
		Path: "uplink.flush", Type: Duration, Default: "1s", Min: "10ms", Max: "1h", Example: `"250ms"`,
		Doc:   "Age at which a frame is sent although it is not full.",
		field: func(t target) any { return &t.cfg.Uplink.Flush },
	},
	{
		Path: "uplink.frame", Type: Int, Default: "256", Unit: "samples", Min: "1", Max: "4096", Example: "1024",
		Doc:   "Samples at which a frame is full. Larger frames cost Redis and the network less.",
		field: func(t target) any { return &t.cfg.Uplink.Frame },
	},
	{
		Path: "uplink.backfill_rate", Type: Rate, Default: "0", Unit: "bytes/s", Min: "0", Max: "10GB", Example: `"64kB"`,
		Doc:   "Bytes a second of backlog sent beside live samples after an outage. 0 takes 80 % of what live samples leave.",
		field: func(t target) any { return &t.cfg.Uplink.BackfillRate },
	},
	{
		Path: "uplink.breaker.failures", Type: Int, Default: "5", Min: "1", Max: "1000", Example: "3",
		Doc:   "Failures in a row after which the circuit breaker opens: no more attempts for a while.",
		field: func(t target) any { return &t.cfg.Uplink.Breaker.Failures },
	},
	{
		Path: "uplink.breaker.open", Type: Duration, Default: "5s", Min: "10ms", Max: "1h", Example: `"1s"`,
		Doc:   "First wait of the open circuit breaker. It doubles, with jitter, up to open_max.",
		field: func(t target) any { return &t.cfg.Uplink.Breaker.Open },
	},
	{
		Path: "uplink.breaker.open_max", Type: Duration, Default: "1m", Min: "10ms", Max: "1d", Example: `"5m"`,
		Doc:   "Longest wait of the open circuit breaker.",
		field: func(t target) any { return &t.cfg.Uplink.Breaker.OpenMax },
	},

	{
		Path: "redis.url", Type: Text, Default: "redis://127.0.0.1:6379/0", Example: `"rediss://redis.example.net:6379/0"`, check: checkRedisURL, secret: true,
		Doc: "Where Redis is: redis://host:port/db, rediss:// for TLS, unix:///path/to/socket, " +
			"redis+sentinel://host1,host2/db?master=name, redis+cluster://host1,host2 (rediss+sentinel and rediss+cluster with TLS). " +
			"A password here works, but password_file is better.",
		field: func(t target) any { return &t.cfg.Redis.URL },
	},
	{
		Path: "redis.user", Type: Text, Example: `"telhub"`,
		Doc:   "User of Redis' access control lists, if not in the URL.",
		field: func(t target) any { return &t.cfg.Redis.User },
	},
	{
		Path: "redis.password_file", Type: Text, Example: `"/etc/telhub/redis_password"`, check: checkPath,
		Doc: "File that holds the password, read again at each connection. Without it, the systemd credential redis_password " +
			"($CREDENTIALS_DIRECTORY) is used if there is one. TELEMETRY_REDIS_PASSWORD holds the password itself and goes before both.",
		field: func(t target) any { return &t.cfg.Redis.PasswordFile },
	},
	{
		Path: "redis.ca_file", Type: Text, Example: `"/etc/telhub/ca.pem"`, check: checkPath,
		Doc:   "Certificates that may sign the server's, in PEM. The default is the system's.",
		field: func(t target) any { return &t.cfg.Redis.CAFile },
	},
	{
		Path: "redis.cert_file", Type: Text, Example: `"/etc/telhub/client.pem"`, check: checkPath,
		Doc:   "Client certificate in PEM, read again at each connection. Needs key_file.",
		field: func(t target) any { return &t.cfg.Redis.CertFile },
	},
	{
		Path: "redis.key_file", Type: Text, Example: `"/etc/telhub/client.key"`, check: checkPath,
		Doc:   "Private key of the client certificate, in PEM.",
		field: func(t target) any { return &t.cfg.Redis.KeyFile },
	},
	{
		Path: "redis.stream", Type: Text, Default: "telhub", Example: `"plant7"`, check: checkStream,
		Doc:   "First part of the streams' names: <stream>:{<shard>}:<lane>.",
		field: func(t target) any { return &t.cfg.Redis.Stream },
	},
	{
		Path: "redis.shards", Type: Int, Default: "1", Min: "1", Max: "16384", Example: "64",
		Doc:   "Streams that a fleet's devices are spread over. The same number for all devices and readers; on a cluster several times its masters.",
		field: func(t target) any { return &t.cfg.Redis.Shards },
	},
	{
		Path: "redis.maxlen", Type: Int, Default: "1000000", Unit: "entries", Min: "0", Max: "1000000000000", Example: "0",
		Doc:   "Entries that a stream keeps, approximately; an entry is a frame. 0 never trims.",
		field: func(t target) any { return &t.cfg.Redis.MaxLen },
	},
	{
		Path: "redis.durability", Type: Choice, Default: "auto", Allowed: []string{"auto", "memory", "aof", "replica"}, Example: `"aof"`,
		Doc: "When a sample counts as delivered: accepted in memory, in the append-only file on disk, or by a replica. " +
			"auto takes the best that the server offers; the level in force is reported.",
		field: func(t target) any { return &t.cfg.Redis.Durability },
	},

	{
		Path: "spool.path", Type: Text, Default: "/var/lib/telhub", Example: `"/data/telhub"`, check: checkDir,
		Doc:   "Directory of the store that keeps samples while Redis is away.",
		field: func(t target) any { return &t.cfg.Spool.Path },
	},
	{
		Path: "spool.max_size", Type: Size, Default: "256MB", Unit: "bytes", Min: "16MB", Max: "1TB", Example: `"2GB"`,
		Doc:   "Hard limit of the store on disk.",
		field: func(t target) any { return &t.cfg.Spool.MaxSize },
	},
	{
		Path: "spool.drop", Type: Choice, Default: "oldest", Allowed: []string{"oldest", "newest"}, Example: `"newest"`,
		Doc:   "What goes when the store is full. Whatever goes is declared in the stream.",
		field: func(t target) any { return &t.cfg.Spool.Drop },
	},
	{
		Path: "spool.max_loss", Type: Duration, Default: "5s", Min: "100ms", Max: "1h", Example: `"30s"`,
		Doc:   "What a power cut may cost while samples are spooled. Longer is kinder to flash: it is the time between two writes. A flash_budget may stretch it.",
		field: func(t target) any { return &t.cfg.Spool.MaxLoss },
	},
	{
		Path: "spool.flash_budget", Type: Size, Default: "0", Unit: "bytes a day", Min: "0", Max: "1TB", Example: `"50MB"`,
		Doc: "Bytes that flash may be written in 24 hours; 0 does not limit them. Short outages keep to max_loss; in long ones writes grow rarer, " +
			"and a power cut may cost more than max_loss, up to an hour; telhub check says how much. Alarms are written at once all the same. See docs/flash.md.",
		field: func(t target) any { return &t.cfg.Spool.FlashBudget },
	},

	{
		Path: "http.listen", Type: Text, Default: "127.0.0.1:9155", Example: `"unix:/run/telhub/http.sock"`, check: checkListen,
		Doc:   "Where status page, metrics, health and queries are served: host:port, unix:/path, or empty for nowhere.",
		field: func(t target) any { return &t.cfg.HTTP.Listen },
	},
}

// componentKey describes log.components.NAME.
var componentKey = Key{
	Path: "log.components.NAME", Type: Choice, Allowed: levels, Example: `"debug"`,
	Doc: "Level of one part of the agent, where it differs from log.level.",
}
