#!/usr/bin/env bash
# Tests deployment/prometheus and deployment/grafana against the real programs:
# promtool's checks and unit tests; dashboards by Grafana's schema; then a real
# Redis, PostgreSQL, two agents, ttp and Prometheus, with load, an outage of
# each server, failing tasks and a dead sensor, and every expression of every
# rule and dashboard must give data. Loopback only, everything in a temporary
# directory. Debian; docs/observability.md.
set -euo pipefail
cd "$(dirname "$0")/.."
die() { echo "test-monitoring: $*" >&2; exit 1; }
say() { printf '== %s  (%ss)\n' "$*" "$SECONDS"; }

packages=()
need() { command -v "$1" >/dev/null || packages+=("$2"); }
need prometheus prometheus
need promtool prometheus
need redis-server redis-server
need redis-cli redis-tools
need socat socat
need curl curl
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || packages+=(postgresql)
if [ ${#packages[@]} -gt 0 ]; then
	[ "$(id -u)" = 0 ] || die "missing: ${packages[*]}: apt-get install them, or run this as root"
	policy=/usr/sbin/policy-rc.d # their services must not start
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod +x $policy
		trap 'rm -f $policy' EXIT
	fi
	apt-get update -q
	DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "${packages[@]}"
	rm -f $policy
	trap - EXIT
fi

dir=$(mktemp -d /tmp/monitoring.XXXXXX)
declare -A pids=()
finish() {
	local code=$?
	trap - EXIT
	for name in prometheus agent demo ttp feeder socat redis postgres; do
		[ -z "${pids[$name]:-}" ] || stop "$name"
	done
	if [ "$code" != 0 ] && [ -z "${KEEP:-}" ]; then
		for log in "$dir"/*.log; do echo "-- $log"; tail -n 12 "$log" | cut -c1-300; done
	fi
	if [ -n "${KEEP:-}" ]; then echo "kept: $dir"; else rm -rf "$dir"; fi
	exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM
# start NAME COMMAND…: in the background, its output into NAME.log.
start() {
	local name=$1
	shift
	"$@" >>"$dir/$name.log" 2>&1 </dev/null &
	pids[$name]=$!
}
stop() { # NAME [SIGNAL]
	kill -"${2:-TERM}" "${pids[$1]}" 2>/dev/null || :
	wait "${pids[$1]}" 2>/dev/null || :
	unset "pids[$1]"
}
until_true() { # SECONDS WHAT COMMAND…
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || die "$what: not within time"
		for name in "${!pids[@]}"; do kill -0 "${pids[$name]}" 2>/dev/null || die "$what: $name has ended"; done
		sleep 0.3
	done
}
port() { # a free one; the kernel does not give it out again soon
	local p
	for _ in $(seq 50); do
		p=$((20000 + RANDOM % 12000))
		(: <"/dev/tcp/127.0.0.1/$p") 2>/dev/null || { echo $p; return; }
	done
	die "no free port"
}

say "rules and their tests"
promtool check config deployment/prometheus/prometheus.yml
promtool test rules deployment/prometheus/tests/*.yml

say "dashboards"
(cd scripts/monitoring && go build -o "$dir/monitoring" .)
"$dir/monitoring" validate deployment/grafana/dashboards/*.json
# The check itself can fail: a misspelt field deep inside, and a panel over another.
sed '0,/"fieldConfig"/s//"fieldConfg"/' deployment/grafana/dashboards/ttp.json >"$dir/bad.json"
if "$dir/monitoring" validate "$dir/bad.json" >/dev/null 2>&1; then die "a misspelt field is not noticed"; fi
sed 's/"x": [0-9]*/"x": 0/' deployment/grafana/dashboards/ttp.json >"$dir/bad.json"
if "$dir/monitoring" validate "$dir/bad.json" >/dev/null 2>&1; then die "panels that overlap are not noticed"; fi

if [ -z "${BIN:-}" ]; then # BIN names a directory with all three, built before
	say "building"
	BIN=$dir
	go build -o "$BIN/telhub" ./agent/cmd/telhub
	go build -o "$BIN/telhub-demo" ./agent/cmd/telhub-demo
	go build -o "$BIN/ttp" ./processing/cmd/ttp
fi

say "starting"
redis=$(port) pg=$(port) http_demo=$(port) http_agent=$(port) http_ttp=$(port) http_prom=$(port)
redis_up() {
	start redis redis-server --port "$redis" --bind 127.0.0.1 --dir "$dir" --save '' --appendonly yes
	until_true 30 "redis-server" redis-cli -p "$redis" ping
}
redis_up
bin=$(dirname "$(find /usr/lib/postgresql -name initdb | sort -V | tail -n1)")
as=() # PostgreSQL does not run as root
mkdir "$dir/pg"
if [ "$(id -u)" = 0 ]; then
	as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
	chmod 711 "$dir"
	chown postgres: "$dir/pg"
fi
(cd "$dir/pg" && "${as[@]}" "$bin/initdb" -D "$dir/pg/data" -U postgres -A trust --no-sync >"$dir/initdb.log")
postgres_up() {
	start postgres "${as[@]}" "$bin/postgres" -D "$dir/pg/data" -p "$pg" -h 127.0.0.1 -k "$dir/pg" -c fsync=off
	until_true 30 "postgres" "$bin/pg_isready" -h 127.0.0.1 -p "$pg"
}
postgres_up

# ttp: telemetry into the database, a handler that fails, traces to nobody.
cat >"$dir/ttp.toml" <<END
[redis]
url = "redis://127.0.0.1:$redis/0"
[worker]
count = 2
[http]
listen = "127.0.0.1:$http_ttp"
[telemetry]
stream = "telhub"
[postgres]
url = "postgres://postgres@127.0.0.1:$pg/postgres?sslmode=disable"
[tracing]
endpoint = "http://127.0.0.1:1"
[handler.flaky]
kind = "exec"
command = ["/bin/false"]
END
ttp() { "$BIN/ttp" "$@" --config "$dir/ttp.toml" >>"$dir/cli.log" 2>&1; }
start ttp "$BIN/ttp" run --config "$dir/ttp.toml"

# An agent of the simulated board, and the board's own program with a serial
# device (a pseudo-terminal that a counter writes to), alarms, and a sensor
# that is not there.
REDIS_URL="redis://127.0.0.1:$redis/0" start demo "$BIN/telhub-demo" -listen "127.0.0.1:$http_demo" -dir "$dir/spool-demo"
start socat socat "PTY,link=$dir/line,raw,echo=0" "PTY,link=$dir/line-far,raw,echo=0"
until_true 10 "a pseudo-terminal" test -e "$dir/line-far"
# shellcheck disable=SC2016 # the shell inside expands
start feeder sh -c 'n=0; while sleep 0.05; do n=$((n + 1)); echo "{\"n\": $n}"; done >"$1"' feeder "$dir/line-far"
cat >"$dir/telhub.toml" <<END
device = "pi-01"
[redis]
url = "redis://127.0.0.1:$redis/0"
[uplink.breaker]
failures = 2
open = "500ms"
open_max = "1s"
[spool]
path = "$dir/spool-agent"
max_size = "16MB"
flash_budget = "20MB"
[http]
listen = "127.0.0.1:$http_agent"
[[sensor]]
name = "counter"
use = "line"
port = "$dir/line"
mode = "115200 8N1"
format = "json"
every = "1s"
[sensor.out]
n = { key = "n" }
[sensor.n]
alarm = { high = 100, level = "critical" }
[[sensor]]
name = "board"
use = "system"
every = "1s"
only = ["load1", "memory_available"]
[sensor.memory_available]
alarm = { high = 1, level = "warn" }
[[sensor]]
name = "missing"
use = "hwmon"
chip = "lm75"
every = "1s"
END
"$BIN/telhub" check --config "$dir/telhub.toml" >"$dir/check.log" 2>&1 || { cat "$dir/check.log"; die "the agent's configuration is wrong"; }
start agent "$BIN/telhub" run --config "$dir/telhub.toml"

mkdir -p "$dir/prometheus/targets"
cp -r deployment/prometheus/rules "$dir/prometheus/"
# The real file with shorter intervals and our own targets. A scrape of ttp may
# take 3 s while Redis is away.
sed -e 's/: 15s$/: 5s/; s/: 10s$/: 5s/' -e "s/localhost:9090/127.0.0.1:$http_prom/" deployment/prometheus/prometheus.yml >"$dir/prometheus/prometheus.yml"
cat >"$dir/prometheus/targets/telhub.yml" <<END
- targets: ["127.0.0.1:$http_demo"]
  labels: { instance: demo }
- targets: ["127.0.0.1:$http_agent"]
END
echo "- targets: ['127.0.0.1:$http_ttp']" >"$dir/prometheus/targets/ttp.yml"
began=$SECONDS
start prometheus prometheus --config.file="$dir/prometheus/prometheus.yml" --storage.tsdb.path="$dir/prometheus/data" \
	--web.listen-address="127.0.0.1:$http_prom" --log.level=warn
query() { curl -fsS "http://127.0.0.1:$http_prom/api/v1/query" --data-urlencode "query=$1"; }
holds() { query "$1" | grep -q '"value":\['; }
until_true 180 "Prometheus scrapes all" holds 'count(up{job=~"telhub|ttp"} == 1) == 3'
until_true 180 "samples arrive in the database" holds 'ttp_telemetry_rows_total{group="storage"} > 0'

say "load"
for class in critical high normal bulk; do ttp enqueue echo '"hello"' --class $class --count 300; done
ttp enqueue sleep 50ms --count 300 --class normal
ttp enqueue sleep 6s --timeout 10s # longer than a lease: it is renewed
ttp enqueue echo '"later"' --at 10m
ttp enqueue nonsense
ttp enqueue flaky --attempts 2
ttp enqueue flaky --attempts 20 --count 5
ttp schedule add often echo '"again"' --every 1s
redis-cli -p "$redis" xadd 'telhub:{0}:live' '*' hello world >/dev/null
until_true 180 "dead letters" holds 'sum(ttp_dead_letters_total) >= 2 and on() sum(ttp_telemetry_dead_letters_total) > 0'
sleep 15

say "the database is away"
stop postgres INT
until_true 180 "ttp says so" holds 'rate(ttp_telemetry_store_errors_total[20s]) > 0'
postgres_up

say "Redis is away, and a serial device is silent"
stop feeder
stop redis
until_true 180 "agents spool" holds 'count(telemetry_uplink_connected == 0 and telemetry_spool_frames > 0) == 2'
until_true 180 "ttp says so" holds 'ttp_redis_up == 0'
until_true 180 "the silence is noticed" holds 'telemetry_sensor_up{sensor="counter"} == 0'
sleep 10
redis_up
until_true 180 "the backlog is delivered" holds 'sum(rate(telemetry_samples_forwarded_total{lane="backfill"}[20s])) > 0'
until_true 180 "all is well again" holds 'min(telemetry_uplink_connected) == 1 and min(ttp_redis_up) == 1'
sleep 20

say "every expression"
"$dir/monitoring" evaluate -url "http://127.0.0.1:$http_prom" -since "$((SECONDS - began))s" \
	-catalogue docs/observability.md -empty scripts/monitoring/empty.txt \
	-pending TelhubUplinkDown,TelhubSensorDown,TelhubChannelAlarm,TelhubChannelWarning,TelhubProblems,TtpDeadLetters,TtpDeadLettersLeft,TtpTelemetryDeadLetters,TtpDatabaseAway,TtpRedisDown,TtpTracesLost \
	deployment/grafana/dashboards/*.json
# That it can fail: an expression of a metric that nobody exports.
sed 's/telemetry_uplink_live/telemetry_uplink_alive/' deployment/grafana/dashboards/telhub-agent.json >"$dir/bad.json"
if "$dir/monitoring" evaluate -url "http://127.0.0.1:$http_prom" -catalogue docs/observability.md -empty scripts/monitoring/empty.txt "$dir/bad.json" >/dev/null 2>&1; then
	die "an expression without data is not noticed"
fi
say "all expressions give data"
