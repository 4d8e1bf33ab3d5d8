# shellcheck shell=bash disable=SC2015,SC2016,SC2154
# telhub's image with everything taken away that it does not need, beside a real
# Redis of this machine. Part of test-container.sh.

echo "-- telhub, locked down"
cat >"$guest/count" <<'END'
#!/bin/sh
n=0
while sleep 0.05; do n=$((n + 1)); echo "{\"n\": $n}"; done
END
chmod +x "$guest/count"
while socat "PTY,link=$guest/counter,group=dialout,mode=660,raw,echo=0,wait-slave" "EXEC:$guest/count"; do :; done >/dev/null 2>&1 &
mkdir -p "$guest/redis" "$guest/etc"
echo secret42 >"$guest/etc/redis_password"
redis_host() {
	redis-server --port 6379 --bind 127.0.0.1 --requirepass secret42 --dir "$guest/redis" --appendonly yes --save '' >>"$guest/redis.log" 2>&1 &
	redis_pid=$!
	within 90 eval 'REDISCLI_AUTH=secret42 redis-cli ping | grep -q PONG'
}
expect "redis-server of this machine" redis_host
cat >"$guest/etc/telhub.toml" <<'END'
device = "boxed"
[redis]
url = "redis://127.0.0.1:6379/0"
password_file = "/run/secrets/redis_password"
maxlen = 0
[uplink.breaker]
open = "200ms"
open_max = "500ms"
[[sensor]]
name = "counter"
use = "line"
port = "/dev/counter"
mode = "115200 8N1"
format = "json"
[sensor.out]
n = { key = "n" }
[[sensor]]
name = "board"
use = "system"
every = "1s"
only = ["load1", "processes", "memory_available"]
END
chmod 644 "$guest"/etc/*
within 60 test -e "$guest/counter" || die "socat makes no pseudo-terminal"
# locked [OPTION...] -- COMMAND...: the image as docs/docker_deployment.md runs it.
locked() {
	local options=()
	while [ "$1" != -- ]; do options+=("$1"); shift; done
	shift
	podman run --network host --read-only --cap-drop=ALL --security-opt no-new-privileges --memory 64m --memory-swap 64m --pids-limit 64 \
		-v "$guest/etc/telhub.toml:/etc/telhub.toml:ro" -v "$guest/etc/redis_password:/run/secrets/redis_password:ro" -v boxed:/var/lib/telhub \
		-v "$(readlink -f "$guest/counter"):/dev/counter" "${options[@]}" "$registry/telhub:dev" "$@"
}
dialout=$(getent group dialout | cut -d: -f3)
pid_of() { podman inspect --format '{{.State.Pid}}' "$1"; }
page() { curl -fsS -m 5 "http://127.0.0.1:9155$1"; }
status() { page /api/status | jq -e "$1"; }
length() { REDISCLI_AUTH=secret42 redis-cli xlen 'telhub:{0}:live'; }
grows() { local from; from=$(length) && within "$1" eval "[ \$(length) -gt $((from + 2)) ]"; }
# confined PID: not root, no capability, no new privileges, filtered calls, a root that cannot be written.
confined() {
	local id
	id=$(awk '$1 == "Uid:" { print $3 }' "/proc/$1/status")
	[ "$id" != 0 ] && grep -q '^CapEff:.0*$' "/proc/$1/status" && grep -q '^CapBnd:.0*$' "/proc/$1/status" && grep -q '^NoNewPrivs:.1' "/proc/$1/status" &&
		grep -q '^Seccomp:.2' "/proc/$1/status" && awk '$5 == "/" { print $6 }' "/proc/$1/mountinfo" | grep -q '^ro' ||
		{ grep -E '^(Uid|Cap|NoNew|Seccomp)' "/proc/$1/status"; grep ' / / ' "/proc/$1/mountinfo"; return 1; }
}

expect "telhub version" eval 'locked --rm -- version | grep -F "$version"'
expect "telhub check: the configuration is good" locked --rm -- check
refuse "without the port's group: permission denied" "ermission" locked --rm -- read counter
expect "with --group-add of it: a reading" locked --rm --group-add "$dialout" -- read counter
locked -d --name boxed --group-add "$dialout" -- run >/dev/null
expect "ready" within 120 page /health/ready
expect "user 65532, no capability, no new privileges, seccomp, read-only root" confined "$(pid_of boxed)"
expect "samples reach Redis, with the password of the file" grows 60
expect "the image's own check of health is content" podman healthcheck run boxed
expect "telhub health inside tells it is ready" eval 'podman exec boxed /usr/bin/telhub health | grep "^ready, version $version"'
expect "both sensors are up" within 60 eval 'page /api/sensors | jq -e "length == 2 and all(.up)"'
expect "the state of the clock is known under the engine's seccomp profile" within 60 status '.state != "" and (.clock | tostring | test("adjtimex") | not)'
expect "metrics count them" eval 'page /metrics | grep -E "^telemetry_samples_forwarded_total\{.*lane=\"live\".*\} [1-9]"'
expect "Redis gone: the spool on the volume grows" eval 'kill $redis_pid; wait $redis_pid || true; within 120 status ".spool.frames > 0"'
kill -KILL "$(pid_of boxed)"
expect "killed in the middle" within 60 eval '[ "$(podman inspect --format "{{.State.Running}}" boxed)" = false ]'
redis_host
podman start boxed >/dev/null
expect "started again: delivers what lay in the spool" eval 'within 120 page /health/ready && within 120 status ".spool.frames == 0 and .uplink.state == \"connected\"" && grows 60'
expect "stops in order, with exit code 0, in $(t0=$(date +%s%3N); podman stop -t 20 boxed >/dev/null; echo $(($(date +%s%3N) - t0))) ms" test "$(podman inspect --format '{{.State.ExitCode}}' boxed)" = 0
expect "telhub audit, in a container, is balanced" locked --rm -- audit --whole
podman rm -f boxed >/dev/null
kill "$redis_pid"
wait "$redis_pid" 2>/dev/null || true
redis_pid=''
