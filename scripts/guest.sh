# shellcheck shell=bash
# A Debian with systemd as its first process, in a container of this machine,
# for tests of units, packages and flash.sh. Source it; do not run it.
#
# The container has a file system of its own over a cached base, and a network
# of its own that it shares with the test: loopback, and addresses on it that
# stand for other hosts. Two options of systemd-nspawn matter: without
# --capability=all and --system-call-filter=bpf systemd cannot load its BPF
# programs, and DeviceAllow= and IPAddressDeny= are silently not enforced.
#
# Debian, root, cgroup v2 (also in hybrid mode). GUEST_CACHE is where the base
# lies, by default .cache/guest; it is made anew when the list of packages or
# the release changes.

# shellcheck disable=SC2120
set -euo pipefail

guest_packages=systemd,systemd-sysv,dbus,udev,curl,iproute2,openssh-server,socat,procps,sudo,init-system-helpers,ca-certificates

say() { printf '%6.1fs  %s\n' "$(since)" "$*"; }
die() { echo "${0##*/}: $*" >&2; exit 1; }
since() { echo "$(($(date +%s%3N) - guest_t0))e-3"; }
guest_t0=$(date +%s%3N)

failed=0
ok() { say "ok    $*"; }
bad() { say "WRONG $*"; failed=$((failed + 1)); }

# expect TEXT COMMAND... : the command has to succeed.
expect() {
	local text=$1
	shift
	if "$@" >"$guest/out" 2>&1; then ok "$text"; else
		bad "$text"
		sed 's/^/        | /' "$guest/out" | tail -n 20
	fi
}

# refuse TEXT WORDS COMMAND... : the command has to fail, saying these words.
refuse() {
	local text=$1 words=$2
	shift 2
	if "$@" >"$guest/out" 2>&1; then
		bad "$text: it succeeded"
	elif ! grep -q -- "$words" "$guest/out"; then
		bad "$text: it failed, but not with \"$words\""
		sed 's/^/        | /' "$guest/out" | tail -n 20
	else ok "$text"; fi
}

# within SECONDS COMMAND... : repeats the command until it succeeds. The seconds
# are those of an idle machine; a busy one gets three times as many.
within() {
	local end=$(($(date +%s) + 3 * $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$end" ] || return 1
		sleep 0.2
	done
}

# guest_alone gives the test a network and mounts of its own: the script runs
# again inside.
guest_alone() {
	[ "$(id -u)" = 0 ] || die "containers need root"
	if [ -z "${GUEST_ALONE:-}" ]; then
		GUEST_ALONE=1 exec unshare --net --mount --propagation private "$0" "$@"
	fi
	ip link set lo up
	# A host of the private network and one of the Internet (RFC 5737, 3).
	ip address add 10.77.0.1/32 dev lo
	ip address add 203.0.113.1/32 dev lo
}

# guest_tools installs what the tests use on this machine.
guest_tools() {
	local missing=() pair
	for pair in debootstrap:debootstrap systemd-nspawn:systemd-container ssh:openssh-client jq:jq "$@"; do
		command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	echo "installing: ${missing[*]}"
	apt-get -o DPkg::Lock::Timeout=300 update -q
	DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -yq --no-install-recommends "${missing[@]}"
}

# guest_base makes the cached base system.
guest_base() {
	local release mirror key
	release=$(. /etc/os-release && echo "$VERSION_CODENAME")
	key=$(printf '%s' "$release $guest_packages" | sha256sum | cut -c1-12)
	guest_root=${GUEST_CACHE:-$PWD/.cache/guest}/$release-$key
	[ ! -e "$guest_root/etc/debian_version" ] || return 0
	# shellcheck disable=SC2016
	mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' | awk -v r="$release" '$1 == r { print $2; exit }')
	[ -n "$mirror" ] || die "apt has no source for $release: run apt-get update"
	mkdir -p "${guest_root%/*}"
	exec 8>"$guest_root.lock" # two tests may begin at once
	flock 8
	[ ! -e "$guest_root/etc/debian_version" ] || { exec 8>&-; return 0; }
	say "base system: debootstrap $release, once"
	rm -rf "$guest_root.new"
	nice -n 15 debootstrap --variant=minbase --include="$guest_packages" "$release" "$guest_root.new" "$mirror" >"$guest_root.log" 2>&1 ||
		{ tail -n 20 "$guest_root.log" >&2; die "debootstrap failed, see $guest_root.log"; }
	rm -f "$guest_root.new"/var/cache/apt/archives/*.deb "$guest_root.new/etc/machine-id"
	mv "$guest_root.new" "$guest_root"
	exec 8>&-
}

# guest_new makes $guest, a directory of this run, and $root, a system in it
# that may be changed.
guest_new() {
	guest=$(mktemp -d /tmp/guest.XXXXXX)
	trap guest_end EXIT
	trap 'exit 1' INT TERM
	guest_pid='' guest_init='' redis_pid=''
	mkdir "$guest/upper" "$guest/work" "$guest/root"
	root=$guest/root
	# Control groups of its own: systemd-nspawn would share "payload" with every
	# other container of this machine, and units of one name each other's filters.
	guest_cgroup=$(findmnt -nfo TARGET -t cgroup2) || die "no cgroup v2 is mounted"
	guest_cgroup+=$(sed -n 's/^0:://p' /proc/self/cgroup)/${guest##*/}
	mount -t overlay overlay -o "lowerdir=$guest_root,upperdir=$guest/upper,workdir=$guest/work" "$root"
	: >"$root/etc/machine-id"
	echo board >"$root/etc/hostname"
	ln -sf /dev/null "$root/etc/systemd/system/ssh.service"
	ln -sf /dev/null "$root/etc/systemd/system/systemd-networkd-wait-online.service"
	rm -f "$root/usr/sbin/policy-rc.d"
	# The journal in memory: tests read it, and nobody after them.
	mkdir -p "$root/etc/systemd/journald.conf.d"
	printf '[Journal]\nStorage=volatile\n' >"$root/etc/systemd/journald.conf.d/test.conf"
}

# guest_boot [NSPAWN OPTION...] boots $root and waits until it is up.
guest_boot() {
	mkdir -p "$guest_cgroup" || die "$guest_cgroup cannot be made: is cgroup v2 writable?"
	# shellcheck disable=SC2016 # the inner shell expands
	SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$guest_cgroup" systemd-nspawn -q -D "$root" --machine="guest-$$" --register=no --keep-unit \
		--console=pipe --capability=all --system-call-filter=bpf --resolv-conf=off --timezone=off "$@" -b \
		</dev/null >"$guest/console" 2>&1 &
	guest_pid=$!
	within 30 guest_found || { cat "$guest/console" >&2; die "the container does not start"; }
	within 180 guest_up || {
		{ tail -n 40 "$guest/console"; in_guest systemctl is-system-running; in_guest systemctl list-jobs; in_guest journalctl -b -n 40 --no-pager; } >&2 || true
		die "systemd does not come up in the container"
	}
	say "container up: $(in_guest systemctl is-system-running || true), systemd $(in_guest systemctl --version | awk 'NR==1{print $2}')"
}

guest_found() { guest_init=$(pgrep -P "$guest_pid" | head -n1) && [ -n "$guest_init" ]; }
# The first child that nspawn had may have been the one that makes init.
guest_up() { guest_found && { in_guest systemctl is-system-running || true; } | grep -Eq 'running|degraded'; }

# in_guest COMMAND... runs a command as root of the container.
in_guest() {
	nsenter -t "$guest_init" -m -u -i -n -p -C -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@" </dev/null
}

# guest_stop HOW switches the container off; hard with KILL, as a power cut does.
guest_stop() {
	[ -n "$guest_pid" ] || return 0
	if [ "$1" != KILL ]; then
		in_guest systemctl poweroff --no-block >/dev/null 2>&1 || true
		for _ in $(seq 150); do kill -0 "$guest_pid" 2>/dev/null || break; sleep 0.1; done
	fi
	if kill -0 "$guest_pid" 2>/dev/null; then
		[ -z "$guest_init" ] || kill -KILL "$guest_init" 2>/dev/null || true
		kill -KILL "$guest_pid" 2>/dev/null || true
	fi
	wait "$guest_pid" 2>/dev/null || true
	guest_pid='' guest_init=''
	# Its last processes may take a moment to end.
	for _ in $(seq 50); do
		[ -d "$guest_cgroup" ] || break
		find "$guest_cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
	done
}

# guest_end clears up, by guest_tidy too where a test has one, and exits as the
# test did; with GUEST_KEEP=1 the files stay.
guest_end() {
	local status=$?
	trap - EXIT
	guest_stop TERM || true
	if declare -F guest_tidy >/dev/null; then guest_tidy || true; fi
	[ -z "${redis_pid:-}" ] || { kill "$redis_pid" 2>/dev/null; wait "$redis_pid" 2>/dev/null; } || true
	umount "$root" 2>/dev/null || true
	if [ -n "${GUEST_KEEP:-}" ]; then echo "kept: $guest"; else rm -rf "$guest"; fi
	exit "$status"
}

# redis_up [OPTION...] starts a Redis in the container's network, on all its addresses, with
# what it had before.
redis_up() {
	mkdir -p "$guest/redis"
	redis-server --bind 127.0.0.1 10.77.0.1 203.0.113.1 --port 6379 --dir "$guest/redis" --protected-mode no \
		--appendonly yes --appendfsync everysec --save '' "$@" >>"$guest/redis.log" 2>&1 &
	redis_pid=$!
	within 20 redis-cli ping || { tail "$guest/redis.log" >&2; die "redis-server does not start"; }
}

redis_down() {
	redis-cli shutdown >/dev/null 2>&1 || true
	wait "$redis_pid" 2>/dev/null || true
	redis_pid=''
}

# verdict ends a test script.
verdict() {
	if [ "$failed" -gt 0 ]; then
		say "$failed checks failed"
		exit 1
	fi
	say "all is well"
}
