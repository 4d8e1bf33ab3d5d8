#!/usr/bin/env bash
# Puts a new telhub onto boards that run one as a systemd service, by ssh.
# docs/flashing.md; --help.
set -euo pipefail

usage() {
	cat <<'END'
Usage: flash.sh [OPTIONS] USER@HOST
       flash.sh [OPTIONS] --fleet HOSTS.txt

  --binary FILE   program to put there; default dist/telhub-linux-ARCH, as make cross builds it
  --wait SECONDS  how long the new one may take to be ready (30)
  --fleet FILE    hosts, one a line; the first is the canary
  --soak SECONDS  how long the canary has to stay ready before the others follow (60)
  --parallel N    hosts at a time after the canary (4)

SSH_OPTIONS holds options for ssh, such as "-p 2222 -i KEY". A user that is not
root needs sudo without a password.

Exit codes: 0 the new version is ready; 1 nothing was changed; 2 usage;
3 the board went back to the old version; 4 not known: the connection is lost,
and the board decides by itself, as it would have with it.
END
}

binary='' wait=30 fleet='' soak=60 parallel=4 host=''
need() { [ $# -ge 2 ] || { echo "flash: $1 needs a value" >&2; exit 2; }; }
while [ $# -gt 0 ]; do
	case $1 in
	--binary) need "$@"; binary=$2; shift ;;
	--wait) need "$@"; wait=$2; shift ;;
	--fleet) need "$@"; fleet=$2; shift ;;
	--soak) need "$@"; soak=$2; shift ;;
	--parallel) need "$@"; parallel=$2; shift ;;
	-h | --help) usage; exit 0 ;;
	-*) echo "flash: unknown option $1; --help lists them" >&2; exit 2 ;;
	*)
		[ -z "$host" ] || { echo "flash: one host, or --fleet FILE" >&2; exit 2; }
		host=$1
		;;
	esac
	shift
done
for n in "$wait" "$soak" "$parallel"; do
	[[ $n =~ ^[0-9]+$ ]] || { echo "flash: $n is no whole number" >&2; exit 2; }
done
[ "$parallel" -ge 1 ] || { echo "flash: --parallel wants 1 or more" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# say STEP TEXT shows progress.
say() { printf '%s  %4ss  %s\n' "$host" "$SECONDS" "$*"; }
# stop CODE TEXT ends this host's flash.
stop() {
	local code=$1
	shift
	echo "$host: $*" >&2
	exit "$code"
}

# A board may have been broken into: what it says ends at 64 KiB, and commands
# nothing, neither the terminal nor the forge's log.
words() { head -c 65536 | LC_ALL=C tr -d '\000-\010\013-\037\177' | LC_ALL=C sed 's/\xc2[\x80-\x9f]//g'; }

# remote COMMAND runs a command as root on the board. Nothing waits for ever: a
# connection that says nothing for 15 s is cut, a command after $limit seconds
# (90). The board cannot use this machine's agent to reach the next one.
remote() {
	local code=0 errors=$tmp/$BASHPID
	# Errors not by a pipe, which what ssh leaves behind could hold: a ProxyCommand, a master.
	# shellcheck disable=SC2086 # several options
	(
		ulimit -f 65536 # KiB: not less, since ssh writes a list of known hosts, too
		exec timeout --foreground "${limit:-90}" ssh ${SSH_OPTIONS:-} -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 -o ServerAliveCountMax=3 \
			-o ForwardAgent=no -o ForwardX11=no -- "$host" "if [ \$(id -u) = 0 ]; then exec sh -c '$1'; else exec sudo -n sh -c '$1'; fi" 2>"$errors"
	) | words || code=$?
	words <"$errors" | sed "s|^|$host    |" >&2
	return "$code"
}
board() { remote "exec sh /var/lib/telhub-flash/board.sh $*"; }
field() { sed -n "s/^$1=//p" <<<"$facts"; }

# named HOST says whether it is one that ssh does not take for something else.
named() { [[ $1 =~ ^[A-Za-z0-9_.@:%[][][A-Za-z0-9_.@:%/+~-]*$ ]] || { echo "flash: \"$(words <<<"$1")\" is no USER@HOST" >&2; return 1; }; }

# plain WHAT VALUE ends it unless the value is one word to the board's shell.
plain() { [[ $2 =~ ^[][A-Za-z0-9._:/%@+~-]+$ ]] || stop 1 "$1 is \"$2\", with characters that have no place in it; nothing was changed"; }

# machine FILE prints the machine of an ELF program (gABI, 4: e_machine), and
# nothing when it is no program for Linux, little-endian.
machine() {
	[ "$(head -c 4 "$1" | od -An -tx1 | tr -d ' ')" = 7f454c46 ] || return 0
	[ "$(od -An -tu1 -j5 -N1 "$1" | tr -d ' ')" = 1 ] || return 0
	od -An -tu2 -j18 -N2 "$1" | tr -d ' '
}

# arch MACHINE prints e_machine and the name in dist of what uname -m tells.
arch() {
	case $1 in
	aarch64) echo 183 arm64 ;;
	armv7l | armv8l) echo 40 armv7 ;;
	armv6l) echo 40 armv6 ;;
	x86_64) echo 62 amd64 ;;
	esac
}

preflight() {
	local elf names want name shell kb
	say "1/6 ask the board"
	remote 'mkdir -p -m 700 /var/lib/telhub-flash && cat >/var/lib/telhub-flash/board.sh.tmp && mv /var/lib/telhub-flash/board.sh.tmp /var/lib/telhub-flash/board.sh' \
		<"$here/flash-board.sh" >/dev/null || stop 1 "cannot be reached as root: check ssh $host, and sudo -n there; or its disk is full"
	facts=$(board survey) || stop 1 "does not answer"
	target=$(field target)
	[ -n "$target" ] || stop 1 "has no telhub.service: install the package first (docs/packages.md)"
	plain "its program" "$target"
	names=$(arch "$(field machine)")
	want=${names% *} name=${names#* } shell=$(field shell)
	[ -n "$names" ] || stop 1 "is a $(field machine), for which there is no telhub"
	# A 64-bit kernel with a 32-bit system runs what the system is made of, too.
	if [ -z "$binary" ]; then
		if [ "$shell" = 40 ] && [ "$want" = 183 ]; then name=armv7; fi
		binary=$here/../dist/telhub-linux-$name
		[ -e "$binary" ] || stop 1 "$binary is missing: make cross CROSS=$name"
	fi
	elf=$(machine "$binary")
	[ -n "$elf" ] || stop 1 "$binary is no Linux program"
	if [ "$elf" != "$want" ] && [ "$elf" != "$shell" ]; then
		stop 1 "$binary is for another machine: its ELF header says $elf, this board ($(field machine)) runs $want"
	fi
	[ "$(field writable)" = yes ] || stop 1 "${target%/*} is read-only: update the system image instead (docs/flashing.md)"
	kb=$((($(stat -c %s "$binary") * 11 / 10 + 1048576) / 1024))
	[ "$(field free)" -ge "$kb" ] || stop 1 "${target%/*} has $(field free) kB free, $kb are needed"
	[ "$(field state_free)" -ge 64 ] || stop 1 "/var/lib/telhub-flash has $(field state_free) kB free, 64 are needed"
	[ "$(field trial)" != yes ] || stop 1 "another flash is under way: wait for it, or restart the board"
	digest=$(sha256sum <"$binary" | cut -d' ' -f1)
}

# copy sends the program packed, showing how far it is.
copy() {
	local size
	size=$(stat -c %s "$binary")
	say "2/6 copy $((size / 1024)) kB"
	{ if [ -t 2 ]; then dd if="$binary" bs=128k status=progress; else cat "$binary"; fi; } |
		gzip -6 | limit=1860 board receive "$target" "$digest" >/dev/null || stop 1 "the copy failed; nothing was changed"
}

try() {
	local answer
	say "3/6 let it check the board's configuration"
	answer=$(board try "$target" "$digest") || stop 1 "nothing was changed"
	version=$(sed -n 's/^version=//p' <<<"$answer")
	listen=$(sed -n 's/^listen=//p' <<<"$answer")
	[ -n "$version" ] || stop 1 "the new program does not tell its version; nothing was changed"
	[ -n "$listen" ] || stop 1 "http.listen is empty in the board's configuration, so that nobody could see whether $version works; nothing was changed"
	plain "the new program's version" "$version"
	plain http.listen "$listen"
}

# switch starts the board's own watch, which no cut connection ends.
switch() {
	local code=0 old
	old=$(field version)
	[ -z "$old" ] || plain "the old program's version" "$old"
	say "4/6 switch from $old to $version, restart"
	remote "rm -f /var/lib/telhub-flash/result && systemd-run -q --collect --unit=telhub-flash sh /var/lib/telhub-flash/board.sh switch $target $digest $version $listen $wait $old" >/dev/null ||
		code=$?
	case $code in
	0) ;;
	124 | 255) stop 4 "the connection was cut at the switch: run this again to see where the board stands" ;; # ssh(1)
	*) stop 1 "the switch did not begin: another flash is under way?" ;;
	esac
}

# watch waits for the board's verdict, over as many connections as it takes.
watch() {
	local end result lost=''
	end=$((SECONDS + 2 * wait + 45))
	say "5/6 wait until it is ready, at most $wait s"
	while [ "$SECONDS" -lt "$end" ]; do
		if result=$(remote 'cat /var/lib/telhub-flash/result 2>/dev/null; true' 2>/dev/null); then
			result=${result%%$'\n'*}
			if [ -n "$lost" ]; then say "    connected again"; fi
			lost=''
			case $result in
			done*) say "6/6 ${result#done }"; return ;;
			back*)
				remote 'cat /var/lib/telhub-flash/log' 2>/dev/null | sed "s|^|$host    |" >&2 || true
				stop 3 "went back: ${result#back }"
				;;
			nothing*) stop 1 "nothing was changed: ${result#nothing }" ;;
			broken*) stop 3 "${result#broken }" ;;
			esac
		elif [ -z "$lost" ]; then
			say "    the connection is lost; the board goes on by itself"
			lost=yes
		fi
		sleep 1
	done
	stop 4 "no verdict after $((2 * wait + 45)) s: the board decides by itself; run this again to see where it stands"
}

flash() {
	preflight
	if [ "$digest" = "$(field sum)" ] && [ "$(field ready)" = yes ]; then
		say "runs this program already: $(field version)"
		return
	fi
	copy
	try
	switch
	watch
}

# one HOST flashes a host of a fleet, in a process of its own.
one() {
	host=$1
	SECONDS=0
	(flash) </dev/null
}

flash_fleet() {
	local hosts=() failed=() running=0 code pid i
	declare -A of=()
	[ -r "$fleet" ] || { echo "flash: $fleet cannot be read" >&2; exit 2; }
	mapfile -t hosts < <(sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$fleet")
	[ ${#hosts[@]} -gt 0 ] || { echo "flash: $fleet names no host" >&2; exit 2; }
	for host in "${hosts[@]}"; do named "$host" || exit 2; done
	echo "canary: ${hosts[0]}, then ${#hosts[@]} - 1 others"
	one "${hosts[0]}" || { code=$?; echo "flash: the canary failed; the others were not touched" >&2; exit "$code"; }
	host=${hosts[0]}
	say "canary: $soak s of proof"
	sleep "$soak"
	facts=$(board survey) || stop 4 "the canary does not answer any more; the others were not touched"
	[ "$(field ready)" = yes ] || stop 3 "the canary is not ready any more; the others were not touched"
	i=1
	while { [ "$i" -lt ${#hosts[@]} ] && [ ${#failed[@]} -eq 0 ]; } || [ "$running" -gt 0 ]; do
		while [ "$running" -lt "$parallel" ] && [ "$i" -lt ${#hosts[@]} ] && [ ${#failed[@]} -eq 0 ]; do
			one "${hosts[i]}" &
			of[$!]=${hosts[i]}
			i=$((i + 1)) running=$((running + 1))
		done
		code=0
		wait -n -p pid || code=$?
		running=$((running - 1))
		if [ "$code" -ne 0 ]; then failed+=("${of[$pid]} ($code)"); fi
	done
	echo "fleet: $((i - ${#failed[@]})) of ${#hosts[@]} done, ${#failed[@]} failed, $((${#hosts[@]} - i)) not touched"
	[ ${#failed[@]} -eq 0 ] || { echo "flash: stopped at ${failed[*]}; run it again when it is mended: what is done is skipped" >&2; exit 1; }
}

if [ -n "$fleet" ]; then
	[ -z "$host" ] || { echo "flash: one host, or --fleet FILE" >&2; exit 2; }
	flash_fleet
elif [ -n "$host" ]; then
	named "$host" || exit 2
	flash
else
	usage >&2
	exit 2
fi
