#!/bin/sh
# Starts Redis with users whose passwords are files in /run/secrets. They stand
# in no argument, no variable and no log; Redis gets their SHA-256 only.
set -eu
umask 077
user() { # user NAME RULES...
	name=$1
	shift
	[ -s "/run/secrets/redis_$name" ] || { echo "start.sh: /run/secrets/redis_$name is missing or empty: see secrets.sh" >&2; exit 1; }
	hash=$(printf %s "$(cat "/run/secrets/redis_$name")" | sha256sum)
	echo "user $name on #${hash%% *} resetchannels -@all $*"
}
# WAITAOF tells agents what is on disk; older servers do not know the word.
case $(redis-server --version) in *v=7.[01].*) waitaof='' ;; *) waitaof=+waitaof ;; esac
{
	# Off, so that nobody gets in as it; with all rights, because Redis loads its append-only file as this user:
	# without them it drops at a restart, silently, what came in scripts and transactions, which is every frame.
	echo 'user default off resetpass ~* &* +@all'
	user telhub "~telhub:* +evalsha +eval +hget +hset +xadd +info +command|info +wait $waitaof +xread +xrevrange +hgetall"
	# FLUSHALL, SWAPDB and MIGRATE are @write and look at no key: without @dangerous.
	user ttp '~ttp:* ~telhub:* +@read +@write +@stream +@scripting +@connection -@dangerous +info +time'
	user admin '~* &* +@all'
} >/run/redis/users.acl
# A power cut may end the log in the middle of a transaction. Redis drops the torn command only: the beginning would be
# run at the start after this one, and frames that were sent again be there twice. A damaged log is left to redis-server to tell.
log=/data/appendonlydir/appendonly.aof.manifest
[ ! -e "$log" ] || echo y | redis-check-aof --fix "$log" >/dev/null || echo "start.sh: redis-check-aof could not mend the log" >&2
exec redis-server /etc/redis/redis.conf --maxmemory "${REDIS_MAXMEMORY:-256mb}"
