# shellcheck shell=bash
# What the scripts of the rig share. Source it; do not run it.
#
# Everything comes by apt from the Debian mirror that this machine is already
# set up for; nothing is added to /etc/apt. Downloads and what is made of them
# lie in one cache directory, the first argument of each script.

set -euo pipefail

rig_die() { echo "${0##*/}: $*" >&2; exit 1; }
rig_log() { echo "${0##*/}: $*" >&2; }

rig_need() { # rig_need COMMAND
	command -v "$1" >/dev/null || rig_die "$1 is missing: run host-tools.sh as root"
}

rig_codename() {
	# shellcheck disable=SC1091
	. /etc/os-release
	[ "${ID:-}" = debian ] || rig_die "made for Debian; this is ${PRETTY_NAME:-unknown}"
	echo "${VERSION_CODENAME:?}"
}

# The URI that this machine's apt has for its release's main archive.
rig_mirror() {
	local code uri
	code=$(rig_codename)
	# shellcheck disable=SC2016
	uri=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
		awk -v c="$code" '$1 == c && !seen[$2]++ { print $2 }' | grep '/debian/*$' | head -n1) || true
	[ -n "$uri" ] || rig_die "apt has no source for $code: run apt-get update"
	echo "$uri"
}

# rig_apt CACHE ARCH SUITE... : an apt state of its own for that architecture.
# It leaves RIG_APT, options for apt-get and apt-cache.
rig_apt() {
	local cache=$1 arch=$2 dir uri s
	shift 2
	dir=$cache/apt-$arch
	uri=$(rig_mirror)
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	: >"$dir/sources.list.new"
	for s in "$@"; do
		echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $s main" >>"$dir/sources.list.new"
	done
	RIG_APT=(-oDir::Etc::SourceList="$dir/sources.list" -oDir::Etc::SourceParts=-
		-oDir::State::Lists="$dir/lists" -oDir::Cache="$dir/cache"
		-oAcquire::Languages=none -oAPT::Sandbox::User=root -oAcquire::Retries=3
		-oAcquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
		-oDPkg::Lock::Timeout=300)
	if [ "$arch" != "$(dpkg --print-architecture)" ]; then
		touch "$dir/status"
		RIG_APT+=(-oAPT::Architecture="$arch" -oAPT::Architectures="$arch" -oDir::State::status="$dir/status")
	fi
	# lists are fetched again when they are a day old or the sources changed
	if cmp -s "$dir/sources.list.new" "$dir/sources.list" &&
		[ -n "$(find "$dir/updated" -mmin -1440 2>/dev/null)" ]; then
		rm "$dir/sources.list.new"
		return
	fi
	mv "$dir/sources.list.new" "$dir/sources.list"
	apt-get "${RIG_APT[@]}" -q update >"$dir/update.log" 2>&1 ||
		{ cat "$dir/update.log" >&2; rig_die "apt-get update failed for $arch: $*"; }
	touch "$dir/updated"
}

# rig_unpack CACHE PACKAGE... : download and unpack into CACHE/root, once a version.
rig_unpack() {
	local cache=$1 p ver file
	shift
	mkdir -p "$cache/debs" "$cache/root" "$cache/unpacked"
	for p in "$@"; do
		ver=$(apt-cache "${RIG_APT[@]}" policy "$p" | awk '/Candidate:/ { print $2 }')
		case $ver in "" | "(none)") rig_die "package $p is not in the archive" ;; esac
		[ ! -e "$cache/unpacked/${p}_$ver" ] || continue
		rm -f "$cache/debs/${p}_"*.deb
		(cd "$cache/debs" && apt-get "${RIG_APT[@]}" -q download "$p=$ver" >/dev/null) ||
			rig_die "cannot download $p=$ver"
		file=$(echo "$cache/debs/${p}_"*.deb)
		dpkg -x "$file" "$cache/root"
		rm -f "$cache/unpacked/${p}_"*
		touch "$cache/unpacked/${p}_$ver"
	done
}

# rig_modules CACHE ROOT MODULE... : copy modules of fetch.sh's kernel, with what
# they need, into the file system ROOT.
rig_modules() {
	local from=$1/root to=$2 rel f m
	rel=$(rig_kernel "$1")
	shift 2
	mkdir -p "$to/lib/modules/$rel"
	for m in "$@"; do
		modprobe -d "$from" -S "$rel" --show-depends "$m" | awk '$1 == "insmod" { print $2 }'
	done | sort -u | while read -r f; do
		install -D -m 644 "$f" "$to/${f#"$from"/}"
	done
	cp "$from/lib/modules/$rel"/modules.{order,builtin,builtin.modinfo} "$to/lib/modules/$rel/"
	depmod -b "$to" "$rel"
}

# The kernel release that fetch.sh chose.
rig_kernel() { cat "$1/kernel-release" 2>/dev/null || rig_die "no kernel in $1: run fetch.sh"; }

# rig_stop PIDFILE WORD [SIGNAL] : end the process of a pid file, only if its
# command line has WORD in it, so that a recycled pid is never hit.
rig_stop() {
	local pid
	[ -s "$1" ] || return 0
	pid=$(cat "$1")
	if [ -r "/proc/$pid/cmdline" ] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "$2"; then
		kill -s "${3:-TERM}" "$pid" || true
		for _ in $(seq 50); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
		[ ! -d "/proc/$pid" ] || kill -s KILL "$pid" || true
	fi
	rm -f "$1"
}
