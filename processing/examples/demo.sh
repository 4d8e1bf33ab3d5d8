#!/bin/sh
# demo.sh: 10,000 tasks, a worker that is stopped in the middle, a Redis that is
# restarted, another worker that does the rest, and the sum at the end.
#
#   processing/examples/demo.sh            a redis-server of its own, in a temporary directory
#   TTP_REDIS_URL=redis://host:6379/0 …    yours, under the prefix ttp-demo-<pid>, deleted at the end with redis-cli
#
# TASKS and SLEEP change how many tasks and how long each takes (10000, 4ms).
# Press Ctrl-C whenever you like: it stops the worker, as the script does itself.
set -eu
cd "$(dirname "$0")/../.."
TASKS=${TASKS:-10000}
SLEEP=${SLEEP:-4ms}
dir=$(mktemp -d)
redis='' worker='' own=yes

finish() {
	trap - EXIT
	[ -z "$worker" ] || kill "$worker" 2>/dev/null || :
	[ -z "$worker" ] || wait "$worker" 2>/dev/null || :
	[ "$own" = yes ] || redis-cli -u "$TTP_REDIS_URL" --scan --pattern "$TTP_QUEUE_PREFIX:*" 2>/dev/null |
		xargs -r redis-cli -u "$TTP_REDIS_URL" unlink >/dev/null 2>&1 || :
	[ -z "$redis" ] || kill "$redis" 2>/dev/null || :
	[ -z "$redis" ] || wait "$redis" 2>/dev/null || :
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 143' TERM
trap : INT # Ctrl-C is for the worker

step() { printf '\n== %s\n' "$*"; }

step "building ttp"
go build -o "$dir/ttp" ./processing/cmd/ttp
ttp() { "$dir/ttp" "$@"; }

# start_redis runs a server that writes every change to its append-only file.
start_redis() {
	redis-server --port "$port" --bind 127.0.0.1 --dir "$dir" --save '' --appendonly yes --logfile "$dir/redis.log" </dev/null &
	redis=$!
	tries=0
	until redis-cli -p "$port" ping 2>/dev/null | grep -q PONG; do
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || { echo "redis-server does not start:" >&2; cat "$dir/redis.log" >&2; exit 1; }
		sleep 0.1
	done
}

if [ -n "${TTP_REDIS_URL:-}" ]; then
	own=no
	export TTP_QUEUE_PREFIX="ttp-demo-$$"
else
	command -v redis-server >/dev/null || {
		echo "demo.sh: there is no redis-server here: apt-get install redis-server, or set TTP_REDIS_URL" >&2
		exit 1
	}
	port=$((20000 + $$ % 20000))
	step "starting a redis-server of our own on port $port"
	start_redis
	export TTP_REDIS_URL="redis://127.0.0.1:$port/0"
fi
export TTP_HTTP_LISTEN="" TTP_LOG_LEVEL=warn

# number reads one number of a line of JSON.
number() { sed -n 's/.*"'"$1"'":\([0-9]*\).*/\1/p'; }

# work runs a worker for at most $1 seconds, or until nothing is left to do, and
# shows the rate; what it did goes into the file $2.
work() {
	"$dir/ttp" run --json >"$2" &
	worker=$!
	n=0 before=
	while kill -0 "$worker" 2>/dev/null; do
		sleep 1 || :
		left=$(ttp stats --json | number undone)
		[ -z "$before" ] || printf '   %6d to do   %5d/s\n' "$left" $((before - left))
		before=$left n=$((n + 1))
		[ "$left" -gt 0 ] && [ "$n" -lt "$1" ] || break
	done
	kill -INT "$worker" 2>/dev/null || :
	while kill -0 "$worker" 2>/dev/null; do wait "$worker" || :; done
	worker=
}

step "handing in $TASKS tasks that take $SLEEP each"
ttp enqueue sleep "$SLEEP" --count "$TASKS"

step "working; Ctrl-C after 4 seconds"
work 4 "$dir/first"
first=$(number 'done' <"$dir/first")
echo "   stopped in order: $first done, the others wait, none is in anybody's hands:"
ttp stats

if [ "$own" = yes ]; then
	step "restarting Redis"
	kill "$redis"
	wait "$redis" || :
	start_redis
	ttp stats
fi

step "working on"
work 600 "$dir/second"
second=$(number 'done' <"$dir/second")

step "the sum"
sum=$((first + second))
echo "   $first + $second = $sum done of $TASKS"
[ "$sum" -eq "$TASKS" ] || { echo "demo.sh: that is not all of them" >&2; exit 1; }
echo "   none lost, none twice"
