# shellcheck shell=bash disable=SC2016,SC2154
# The compose files, by docker-compose against podman's service, with the images
# that were just built. Part of test-container.sh.

# A copy with passwords of its own. Debian's docker-compose 1.29.2 does not know
# the key name: yet, which later ones take for the project's.
cp -r deployment "$guest/deployment"
docker=$guest/deployment/docker
rm -rf "$docker/secrets"
"$docker/secrets.sh" >/dev/null
old_compose() { docker-compose version --short 2>/dev/null | grep -q '^1\.'; }
if old_compose; then sed -i '/^name:/d' "$docker"/docker-compose*.yml; fi
demo() { docker-compose -p demo -f "$docker/docker-compose.yml" "$@"; }
hub() { docker-compose -p hub -f "$docker/docker-compose-ttp.yml" "$@"; }
board() { docker-compose -p board -f "$docker/docker-compose-board.yml" "$@"; }
name_of() { podman ps -q --filter "label=com.docker.compose.project=$1" --filter "label=com.docker.compose.service=$2" | head -n1; }
count_of() { podman ps -q --filter "label=com.docker.compose.project=$1" --filter "label=com.docker.compose.service=$2" | wc -l; }
ask_redis() { podman exec "$(name_of "$1" redis)" /bin/sh -c 'REDISCLI_AUTH=$(cat /run/secrets/redis_admin) exec redis-cli --user admin "$@"' sh "${@:2}" 2>/dev/null; }
in_ttp() { podman exec "$(name_of "$1" "$2")" /usr/bin/ttp "${@:3}"; }

echo "-- compose files"
expect "docker-compose.yml is valid" demo config -q
expect "docker-compose-ttp.yml is valid" hub config -q
refuse "docker-compose-board.yml wants the devices' groups" "I2C_GID" board config -q
export I2C_GID TTY_GID I2C_DEVICE=/dev/tty6 TTY_DEVICE=/dev/tty5 CONFIG=$guest/etc/board.toml
I2C_GID=$(stat -c %g /dev/tty6) TTY_GID=$(stat -c %g /dev/tty5)
expect "... with them it is valid" board config -q
sed 's/mem_limit/mem_limt/' "$docker/docker-compose.yml" >"$docker/wrong.yml"
refuse "a misspelled key is refused" "mem_limt" docker-compose -p wrong -f "$docker/wrong.yml" config -q
for dir in ../prometheus/prometheus.yml ../prometheus/rules ../grafana/provisioning/datasources ../grafana/provisioning/dashboards ../grafana/dashboards; do
	expect "what is mounted is there: ${dir#../}" test -e "$docker/$dir"
done

podman system service -t 0 "unix://$guest/podman.sock" >"$guest/service.log" 2>&1 &
export DOCKER_HOST=unix://$guest/podman.sock
within 90 test -S "$guest/podman.sock" || die "podman's service does not start"
# podman leaves the rhythm of health checks to systemd, which is not here.
(while sleep 1; do podman ps -q --filter health=starting --filter health=unhealthy --filter health=healthy | xargs -r -n1 podman healthcheck run || true; done) >/dev/null 2>&1 &

# confined_all PROJECT: each container as the compose files say.
confined_all() {
	local id ids
	ids=$(podman ps -q --filter "label=com.docker.compose.project=$1") && [ -n "$ids" ] || { echo "no container of $1 runs"; return 1; }
	for id in $ids; do
		confined "$(pid_of "$id")" || { podman inspect --format '{{.Name}}' "$id"; return 1; }
		podman inspect "$id" | jq -e '.[0] | .HostConfig | .Memory > 0 and .PidsLimit > 0 and .NanoCpus > 0 and (.PortBindings | [.[]? | .[]?.HostIp] | all(. == "127.0.0.1"))' >/dev/null ||
			{ podman inspect --format '{{.Name}} {{json .HostConfig}}' "$id"; return 1; }
	done
}
# hidden PROJECT: no secret stands in an argument, a variable or a description.
hidden() {
	local file
	podman ps -q --filter "label=com.docker.compose.project=$1" | xargs podman inspect >"$guest/inspect" || return 1
	for file in "$docker"/secrets/*; do
		if grep -qF "$(cat "$file")" "$guest/inspect" || grep -qaFs "$(cat "$file")" /proc/[0-9]*/cmdline /proc/[0-9]*/environ; then
			echo "${file##*/} can be seen"
			return 1
		fi
	done
}
query() { curl -fsS -m 5 --get --data-urlencode "query=$1" http://127.0.0.1:9090/api/v1/query | jq -e "$2"; }
targets_up() { curl -fsS -m 5 http://127.0.0.1:9090/api/v1/targets | jq -e '[.data.activeTargets[] | select(.scrapePool == "telhub" or .scrapePool == "ttp") | .health] == ["up", "up"]'; }
audit() { # audit NETWORK REDIS DEVICE: telhub's audit as a container
	podman run --rm --network "$1" --read-only --cap-drop=ALL --user 65532:65532 -v "$docker/secrets/redis_telhub:/run/secrets/redis_telhub:ro" -v "$guest/etc/empty.toml:/etc/telhub.toml:ro" \
		-e "TELEMETRY_DEVICE=$3" -e "TELEMETRY_REDIS_URL=$2" -e TELEMETRY_REDIS_USER=telhub -e TELEMETRY_REDIS_PASSWORD_FILE=/run/secrets/redis_telhub "$registry/telhub:dev" audit --whole
}
: >"$guest/etc/empty.toml"
chmod 644 "$guest/etc/empty.toml"

echo "-- docker-compose.yml: redis, telhub with its simulated board, ttp, prometheus"
t0=$(date +%s)
expect "up, each after what it needs is healthy" demo up -d --no-build redis telhub ttp prometheus
expect "the board's page is ready, on 127.0.0.1:9155" within 240 page /health/ready
say "      $(($(date +%s) - t0)) s"
expect "samples in Redis" within 120 eval '[ "$(ask_redis demo xlen "telhub:{0}:live")" -gt 2 ]'
expect "six sensors are up" within 120 eval 'page /api/sensors | jq -e "length == 6 and all(.up)"'
expect "without a password Redis answers nobody" eval 'podman exec "$(name_of demo redis)" redis-cli ping 2>&1 | grep NOAUTH'
refuse "telhub's password does not open ttp's keys" "NOPERM" podman exec "$(name_of demo redis)" /bin/sh -c 'REDISCLI_AUTH=$(cat /run/secrets/redis_telhub) redis-cli -e --user telhub hget ttp:x y'
refuse "ttp's password does not empty the server" "NOPERM" podman exec "$(name_of demo redis)" /bin/sh -c 'REDISCLI_AUTH=$(cat /run/secrets/redis_ttp) redis-cli -e --user ttp flushall'
expect "all are confined, limited, and published on 127.0.0.1 at most" confined_all demo
expect "no password can be seen from outside" hidden demo
expect "a task is run by ttp" eval '[ "$(in_ttp demo ttp enqueue echo "\"ping\"" --wait 10s)" = "\"ping\"" ]'
expect "prometheus scrapes the board and ttp" within 240 targets_up
expect "... and knows the agent's metrics" within 240 query 'telemetry_build_info * on(instance) group_left() up{job="telhub"}' '.data.result | length == 1'
expect "... its rules load and evaluate" within 240 eval 'curl -fsS -m 5 http://127.0.0.1:9090/api/v1/rules | jq -e "[.data.groups[].rules[] | select(.health != \"ok\")] == [] and (.data.groups | length > 0)"'
redis_log=$(ls "$(podman inspect --format '{{range .Mounts}}{{if eq .Destination "/data"}}{{.Source}}{{end}}{{end}}' "$(name_of demo redis)")"/appendonlydir/*.incr.aof)
demo stop -t 10 redis >/dev/null 2>&1
expect "Redis stopped: the spool grows, the page stays" within 120 status '.spool.frames > 0'
kill -KILL "$(pid_of "$(name_of demo telhub)")"
expect "telhub killed: the engine starts it again" within 120 eval 'page /health/live && status ".uptime_seconds < 20"'
# As a power cut may leave the log: within a transaction.
printf '*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$4\r\ntorn\r\n$1\r\n1\r\n*1\r\n$4\r\nEX' >>"$redis_log"
demo start redis >/dev/null 2>&1
expect "Redis back: everything is delivered" within 240 status '.spool.frames == 0 and .uplink.state == "connected"'
expect "... and the torn transaction was cut off its log" eval '! grep -aq torn "$redis_log"'
had=$(ask_redis demo xlen 'telhub:{0}:live')
kept() { # what had been acknowledged is there, and more comes
	local now
	now=$(ask_redis demo xlen 'telhub:{0}:live')
	[ "$now" -gt "$had" ] || { echo "entries: $had before, $now now"; podman logs "$(name_of demo redis)" 2>&1 | tail -n 12; return 1; }
}
expect "down and up again" eval 'demo down -t 20 && demo up -d --no-build redis telhub && within 240 page /health/ready'
expect "... what was in the volumes is there" within 60 kept
demo stop -t 20 telhub >/dev/null 2>&1
expect "the audit of all of it is balanced" audit demo_backend redis://redis:6379/0 demo
demo down -v -t 10 >/dev/null 2>&1

echo "-- docker-compose-ttp.yml: redis (valkey), postgres, two sinks, two workers"
export REDIS_IMAGE=localhost/valkey:test
psql_hub() { podman exec "$(name_of hub postgres)" /bin/sh -c 'PGPASSWORD=$(cat /run/secrets/postgres_ttp) psql -h 127.0.0.1 -U ttp -d telemetry -qAtc "$1"' sh "$1"; }
rows() { psql_hub 'SELECT count(*) FROM telhub.samples'; }
rows_grow() { local from; from=$(rows) && within "$1" eval "[ \$(rows) -gt $from ]"; }
expect "up, each after what it needs is healthy" hub up -d --no-build
expect "two sinks and two workers" test "$(count_of hub sink)/$(count_of hub ttp)" = 2/2
expect "the tables are there: made once, though two began at the same time" within 240 eval '[ "$(psql_hub "SELECT count(*) = max(version) FROM telhub.version")" = t ]'
expect "ttp's role owns its database and is no superuser" test "$(psql_hub "SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = 'ttp'")" = f
expect "WAITAOF: the board's confirmations are of the disk" eval 'ask_redis hub acl getuser telhub | grep -q waitaof'
simulated() { # a board outside the compose network, by the published port
	podman run -d --name field --network host --read-only --cap-drop=ALL --security-opt no-new-privileges --tmpfs /tmp -v field:/var/lib/telhub -v "$docker/secrets/redis_telhub:/run/secrets/redis_telhub:ro" \
		-e TELEMETRY_DEVICE=field-01 -e TELEMETRY_REDIS_URL=redis://127.0.0.1:6379/0 -e TELEMETRY_REDIS_USER=telhub -e TELEMETRY_REDIS_PASSWORD_FILE=/run/secrets/redis_telhub "$registry/telhub-demo:dev"
}
expect "a board, by the published port" simulated
expect "its samples become rows" within 240 eval '[ "$(rows)" -gt 100 ]'
expect "all are confined, limited, and published on 127.0.0.1 at most" confined_all hub
expect "no password can be seen from outside" hidden hub
expect "1000 tasks are done by the workers" eval 'in_ttp hub ttp enqueue echo "{}" --count 1000 && within 120 eval "in_ttp hub ttp stats --json | jq -es \"[.[] | (.. | objects | .waiting? // 0)] | add == 0\""'
expect "more workers: --scale ttp=4" eval 'hub up -d --no-build --scale ttp=4 && [ "$(count_of hub ttp)" = 4 ]'
hub stop -t 20 postgres >/dev/null 2>&1
sleep 3
hub start postgres >/dev/null 2>&1
expect "PostgreSQL stopped and started: rows go on" eval 'within 240 rows && rows_grow 60'
expect "an upgrade: sinks are replaced while the board sends" eval 'hub up -d --no-build --no-deps --force-recreate sink && rows_grow 60'
expect "alarms found a handler: nothing lies among the dead letters" eval '[ -z "$(in_ttp hub ttp dlq list --json)" ]'
expect "the board stops in order" eval 'podman stop -t 20 field && [ "$(podman inspect --format "{{.State.ExitCode}}" field)" = 0 ]'
podman logs field 2>/dev/null | tail -n 3 | sed 's/^/        | /'
expect "telhub audit is balanced" audit host redis://127.0.0.1:6379/0 field-01
expect "ttp telemetry audit: the database holds what the streams hold, each once" within 240 in_ttp hub sink telemetry audit --whole --rows --streams
in_ttp hub sink telemetry audit --whole --rows | sed 's/^/        | /'
podman rm -f field >/dev/null
hub down -v -t 20 >/dev/null 2>&1

echo "-- docker-compose-board.yml"
# Virtual consoles stand for devices: nodes of a major that the engine's device
# list has to allow, with a group of their own.
cat >"$CONFIG" <<'END'
device = "boxed-board"
[redis]
url = "redis://127.0.0.1:6379/0"
[[sensor]]
name = "port"
use = "line"
port = "/dev/ttyAMA0"
mode = "9600 8N1"
format = "json"
[sensor.out]
n = { key = "n" }
END
chmod 644 "$CONFIG"
if ! (echo -500 >/proc/self/oom_score_adj) 2>/dev/null; then # no CAP_SYS_RESOURCE
	say "      without oom_score_adj, which this machine does not let root lower"
	sed -i '/oom_score_adj/d' "$docker/docker-compose-board.yml"
fi
expect "up" board up -d --no-build
expect "ready, on the board's own loopback" within 120 page /health/ready
pid=$(pid_of "$(name_of board telhub)")
expect "confined" confined "$pid"
expect "both devices are there, and open to it: a file that it has open is /dev/ttyAMA0" within 90 eval 'ls -l /proc/$pid/fd | grep /dev/ttyAMA0 && test -c /proc/$pid/root/dev/i2c-1'
refuse "a device that is not named is not there" "No such file" ls "/proc/$pid/root/dev/loop0"
board down -v -t 10 >/dev/null 2>&1
