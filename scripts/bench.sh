#!/bin/sh
# Measures telhub beside redis-benchmark on a Redis of its own, without
# persistence, which it starts and stops. Arguments go to `telhub bench`.
#
# Where there are two CPUs or more and taskset, Redis has the first for itself
# as far as it needs it; the clients, telhub and redis-benchmark, run on all.
# CLIENTS=1 keeps the clients on one other CPU, as a board with a server of
# its own would be loaded.
set -eu
cd "$(dirname "$0")/.."
for tool in redis-server redis-benchmark; do
	command -v "$tool" >/dev/null || { echo "bench: $tool is missing: apt-get install redis-server" >&2; exit 1; }
done
port=${PORT:-$((20000 + $$ % 20000))}
dir=$(mktemp -d)
server=
clients=
if command -v taskset >/dev/null && [ "$(nproc)" -gt 1 ]; then
	server="taskset -c 0"
	[ "${CLIENTS:-}" = 1 ] && clients="taskset -c 1"
fi
$server redis-server --daemonize no --save '' --appendonly no \
	--port "$port" --bind 127.0.0.1 --dir "$dir" >"$dir/log" 2>&1 &
redis=$!
trap 'kill "$redis" 2>/dev/null; wait "$redis" 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
tries=0
until grep -q 'Ready to accept connections' "$dir/log"; do
	tries=$((tries + 1))
	if [ "$tries" -gt 50 ] || ! kill -0 "$redis" 2>/dev/null; then
		cat "$dir/log" >&2
		exit 1
	fi
	sleep 0.1
done
$clients bin/telhub bench --url "redis://127.0.0.1:$port/0" "$@"
