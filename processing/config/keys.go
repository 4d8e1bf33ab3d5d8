package config

// levels are the log levels, most talkative first.
var levels = []string{"trace", "debug", "info", "warn", "error"}

// handlerKinds are what a handler of the configuration can do.
var handlerKinds = []string{"echo", "sleep", "exec", "http"}

// rootKeys are the keys outside of handlers.
var rootKeys = []key{
	{
		path: "log.level", kind: choice, def: "info", allowed: levels, example: `"debug"`,
		doc:   "How much is logged. SIGHUP reads it again without a restart.",
		field: func(t target) any { return &t.cfg.Log.Level },
	},
	{
		path: "log.format", kind: choice, def: "json", allowed: []string{"json", "console"}, example: `"console"`,
		doc:   "JSON for machines, console for people.",
		field: func(t target) any { return &t.cfg.Log.Format },
	},

	{
		path: "redis.url", kind: text, def: "redis://127.0.0.1:6379/0", example: `"rediss://redis.example.net:6379/0"`, check: checkRedisURL, secret: true,
		doc: "Where Redis is: redis://host:port/db, rediss:// for TLS, unix:///path/to/socket, " +
			"redis+sentinel://host1,host2/db?master=name, redis+cluster://host1,host2 (rediss+sentinel and rediss+cluster with TLS). " +
			"A password here works, but password_file is better.",
		field: func(t target) any { return &t.cfg.Redis.URL },
	},
	{
		path: "redis.user", kind: text, example: `"ttp"`,
		doc:   "User of Redis' access control lists, if not in the URL.",
		field: func(t target) any { return &t.cfg.Redis.User },
	},
	{
		path: "redis.password_file", kind: text, example: `"/etc/ttp/redis_password"`, check: checkPath,
		doc: "File that holds the password, read again at each connection. Without it, the systemd credential redis_password " +
			"($CREDENTIALS_DIRECTORY) is used if there is one. TTP_REDIS_PASSWORD holds the password itself and goes before both.",
		field: func(t target) any { return &t.cfg.Redis.PasswordFile },
	},
	{
		path: "redis.ca_file", kind: text, example: `"/etc/ttp/ca.pem"`, check: checkPath,
		doc:   "Certificates that may sign the server's, in PEM. The default is the system's.",
		field: func(t target) any { return &t.cfg.Redis.CAFile },
	},
	{
		path: "redis.cert_file", kind: text, example: `"/etc/ttp/client.pem"`, check: checkPath,
		doc:   "Client certificate in PEM, read again at each connection. Needs key_file.",
		field: func(t target) any { return &t.cfg.Redis.CertFile },
	},
	{
		path: "redis.key_file", kind: text, example: `"/etc/ttp/client.key"`, check: checkPath,
		doc:   "Private key of the client certificate, in PEM.",
		field: func(t target) any { return &t.cfg.Redis.KeyFile },
	},
	{
		path: "redis.conns", kind: whole, def: "32", min: "4", max: "10000", example: "64",
		doc:   "Connections to one node of Redis at most.",
		field: func(t target) any { return &t.cfg.Redis.Conns },
	},

	{
		path: "queue.prefix", kind: text, def: "ttp", example: `"plant7"`, check: checkName,
		doc:   "First part of all keys. Programs with another prefix do not see each other's tasks.",
		field: func(t target) any { return &t.cfg.Queue.Prefix },
	},
	{
		path: "queue.shards", kind: whole, def: "1", min: "1", max: "1024", example: "16",
		doc: "Parts that each queue is cut into. The same number for all producers and workers; one serves a single Redis well, " +
			"a cluster wants several times its masters.",
		field: func(t target) any { return &t.cfg.Queue.Shards },
	},
	{
		path: "queue.max_payload", kind: size, def: "256KiB", min: "1", max: "16MiB", example: `"1MiB"`,
		doc:   "Largest payload of a task. A larger one is refused at enqueue.",
		field: func(t target) any { return &t.cfg.Queue.MaxPayload },
	},
	{
		path: "queue.max_len", kind: whole, def: "5000000", min: "0", max: "1000000000", example: "100000",
		doc:   "Tasks that may wait in one stream (a queue's class in one shard). Further ones are refused at enqueue: nothing is dropped. 0 does not limit them.",
		field: func(t target) any { return &t.cfg.Queue.MaxLen },
	},
	{
		path: "queue.max_dead", kind: whole, def: "1000000", min: "0", max: "1000000000", example: "10000",
		doc:   "Dead letters that a queue keeps in one shard. The eldest make room for further ones, which ttp_queue_dead_letters_dropped_total counts. 0 does not limit them.",
		field: func(t target) any { return &t.cfg.Queue.MaxDead },
	},
	{
		path: "queue.timeout", kind: duration, def: "30s", min: "1ms", max: "7d", example: `"5m"`,
		doc:   "Longest run of one attempt, where the task does not say otherwise.",
		field: func(t target) any { return &t.cfg.Queue.Timeout },
	},
	{
		path: "queue.max_attempts", kind: whole, def: "10", min: "1", max: "1000", example: "5",
		doc:   "Attempts after which a task is a dead letter, where the task does not say otherwise.",
		field: func(t target) any { return &t.cfg.Queue.MaxAttempts },
	},
	{
		path: "queue.dedup", kind: duration, def: "1h", min: "1s", max: "365d", example: `"24h"`,
		doc:   "How long an enqueued ID is known: enqueued again within this time it gives the first receipt and no second task.",
		field: func(t target) any { return &t.cfg.Queue.Dedup },
	},
	{
		path: "queue.unique_for", kind: duration, def: "24h", min: "1s", max: "365d", example: `"7d"`,
		doc:   "How long a unique key holds at most, counted from when its task is due. It is released as soon as the task is over.",
		field: func(t target) any { return &t.cfg.Queue.UniqueFor },
	},

	{
		path: "worker.name", kind: text, example: `"worker-1"`, check: checkWorkerName,
		doc:   "Name of this process among the consumers, for people who look into Redis; something unique is added to it. The default is the host name.",
		field: func(t target) any { return &t.cfg.Worker.Name },
	},
	{
		path: "worker.count", kind: whole, def: "4", min: "1", max: "4096", example: "16",
		doc:   "Tasks that run at the same time in one process.",
		field: func(t target) any { return &t.cfg.Worker.Count },
	},
	{
		path: "worker.reserved", kind: whole, def: "1", min: "0", max: "4096", example: "2",
		doc:   "More of them, for critical tasks only: those never wait for others to end.",
		field: func(t target) any { return &t.cfg.Worker.Reserved },
	},
	{
		path: "worker.queues", kind: texts, def: "default", example: `["default", "reports"]`, check: checkQueue,
		doc:   "Queues that are worked on.",
		field: func(t target) any { return &t.cfg.Worker.Queues },
	},
	{
		path: "worker.lease", kind: duration, def: "5s", min: "1s", max: "10m", example: `"10s"`,
		doc:   "How long a silent worker keeps its tasks. It is renewed while a task runs; tasks of a killed worker run elsewhere within lease + 2 s.",
		field: func(t target) any { return &t.cfg.Worker.Lease },
	},
	{
		path: "worker.grace", kind: duration, def: "10s", min: "10ms", max: "1h", example: `"1m"`,
		doc:   "How long running tasks may go on after SIGTERM; what is not done then is given back at once. Also how long after its timeout a task may take to heed it before it is given up as hung.",
		field: func(t target) any { return &t.cfg.Worker.Grace },
	},
	{
		path: "worker.drain", kind: duration, def: "1m", min: "1s", max: "1d", example: `"10m"`,
		doc:   "Time in which a backlog should be gone: the metric ttp_workers_wanted reckons with it.",
		field: func(t target) any { return &t.cfg.Worker.Drain },
	},

	{
		path: "http.listen", kind: text, def: "127.0.0.1:9156", example: `"unix:/run/ttp/http.sock"`, check: checkListen,
		doc:   "Where ttp run serves metrics, health and status: host:port, unix:/path, or empty for nowhere.",
		field: func(t target) any { return &t.cfg.HTTP.Listen },
	},

	{
		path: "telemetry.stream", kind: text, example: `"telhub"`, check: checkStream,
		doc:   "First part of telhub's streams (its redis.stream), in the same Redis. Setting it makes ttp run write what arrives there into PostgreSQL, exactly once.",
		field: func(t target) any { return &t.cfg.Telemetry.Stream },
	},
	{
		path: "telemetry.shards", kind: whole, def: "1", min: "1", max: "16384", example: "64",
		doc:   "Shards of those streams: telhub's redis.shards.",
		field: func(t target) any { return &t.cfg.Telemetry.Shards },
	},
	{
		path: "telemetry.batch", kind: whole, def: "500", min: "1", max: "10000", example: "1000",
		doc:   "Frames that one transaction writes at most.",
		field: func(t target) any { return &t.cfg.Telemetry.Batch },
	},
	{
		path: "telemetry.flush", kind: duration, def: "100ms", min: "1ms", max: "1m", example: `"1s"`,
		doc:   "Age at which a transaction is committed although it is not full.",
		field: func(t target) any { return &t.cfg.Telemetry.Flush },
	},
	{
		path: "telemetry.lease", kind: duration, def: "30s", min: "1s", max: "1h", example: `"10s"`,
		doc:   "After which frames of a silent reader go to another one.",
		field: func(t target) any { return &t.cfg.Telemetry.Lease },
	},
	{
		path: "telemetry.keep", kind: duration, def: "0s", min: "0s", max: "36500d", example: `"730d"`,
		doc:   "How long samples and events stay in the database. 0s: for ever.",
		field: func(t target) any { return &t.cfg.Telemetry.Keep },
	},
	{
		path: "telemetry.trim", kind: duration, def: "0s", min: "0s", max: "3650d", example: `"1h"`,
		doc: "Removes from telhub's streams what every consumer group has acknowledged, once it is that old. 0s: removes nothing. " +
			"Set the agents' redis.maxlen = 0 beside it, which removes without asking.",
		field: func(t target) any { return &t.cfg.Telemetry.Trim },
	},

	{
		path: "postgres.url", kind: text, example: `"postgres://ttp@db.example.net:5432/telemetry?sslmode=verify-full"`, check: checkPostgresURL, secret: true,
		doc:   "Database that telemetry goes to, as libpq writes it. A password here works, but password_file is better.",
		field: func(t target) any { return &t.cfg.Postgres.URL },
	},
	{
		path: "postgres.password_file", kind: text, example: `"/etc/ttp/postgres_password"`, check: checkPath,
		doc: "File that holds the password, read again at each connection. Without it, the systemd credential postgres_password is used " +
			"if there is one. TTP_POSTGRES_PASSWORD holds the password itself and goes before both.",
		field: func(t target) any { return &t.cfg.Postgres.PasswordFile },
	},
	{
		path: "postgres.max_conns", kind: whole, def: "4", min: "1", max: "1000", example: "8",
		doc:   "Connections to the database at most.",
		field: func(t target) any { return &t.cfg.Postgres.MaxConns },
	},

	{
		path: "tracing.endpoint", kind: text, example: `"http://127.0.0.1:4318"`, check: checkEndpoint, secret: true,
		doc:   "Base URL of an OpenTelemetry receiver (OTLP over HTTP). Empty: no spans are made.",
		field: func(t target) any { return &t.cfg.Tracing.Endpoint },
	},
	{
		path: "tracing.service", kind: text, def: "ttp", example: `"ttp-reports"`, check: checkName,
		doc:   "service.name of the spans.",
		field: func(t target) any { return &t.cfg.Tracing.Service },
	},
	{
		path: "tracing.ratio", kind: number, def: "1", min: "0", max: "1", example: "0.01",
		doc:   "Share of tasks without a trace of their own that get one. A task that comes with a sampled trace is always followed.",
		field: func(t target) any { return &t.cfg.Tracing.Ratio },
	},
}

// handlerKeys are the keys of a [handler.TYPE].
var handlerKeys = []key{
	{
		path: "kind", kind: choice, allowed: handlerKinds, example: `"http"`,
		doc: "What is done with a task of this type: echo returns the payload as result, sleep waits for the duration in the payload, " +
			"exec runs a command, http posts the payload.",
		field: func(t target) any { return &t.handler.Kind },
	},
	{
		path: "url", kind: text, example: `"http://127.0.0.1:8080/invoice"`, check: checkHTTPURL, secret: true,
		doc:   "http: where the payload is posted. 2xx is success, 408, 425, 429 and 5xx are tried again (Retry-After is heeded), all else is a dead letter.",
		field: func(t target) any { return &t.handler.URL },
	},
	{
		path: "headers", kind: texts, example: `["Content-Type: application/json"]`, check: checkHeader, secret: true,
		doc:   "http: headers of the request.",
		field: func(t target) any { return &t.handler.Headers },
	},
	{
		path: "command", kind: texts, example: `["/usr/local/bin/report", "--from-stdin"]`,
		doc: "exec: program with its arguments; no shell. The payload is its standard input, its standard output the result. " +
			"Exit code 0 is success, 100 makes the task a dead letter, any other asks for another attempt.",
		field: func(t target) any { return &t.handler.Command },
	},
	{
		path: "timeout", kind: duration, def: "0s", min: "0s", max: "1d", example: `"30s"`,
		doc:   "http, exec: longest request or run, where it is shorter than the task's own timeout. 0s: the task's.",
		field: func(t target) any { return &t.handler.Timeout },
	},
}
