#!/bin/sh
# The board's part of flash.sh, which brings it along. It needs a POSIX shell,
# systemd, and curl, wget or bash; it runs as root. What it knows of a flash
# lies in $state, so that it goes on when the connection is cut, and
# telhub-settle.service ends after a power cut what was not ended:
#
#   trial   an unproven program is in place; the boot in which it was put there
#   result  how the last flash ended: "done", "back", "broken", "nothing", and a reason
#   log     what happened, for flash.sh to show
set -u

state=/var/lib/telhub-flash
unit=telhub.service

target() {
	systemctl show "$unit" -p ExecStart 2>/dev/null | sed -n 's/^ExecStart={ path=\([^ ;]*\).*/\1/p' | head -n 1
}
prop() { systemctl show "$unit" -p "$1" 2>/dev/null | cut -d= -f2-; }
sum() { sha256sum "$1" 2>/dev/null | cut -d' ' -f1; }
log() { echo "$*" >>"$state/log"; echo "$*"; }

# with_env COMMAND... runs a command with the variables that the unit sets.
with_env() {
	# shellcheck disable=SC2046 # one word a variable
	env $(prop Environment) "$@"
}

# get URL-PATH prints the answer of the agent at $listen; it fails unless 200.
# Whoever listens there may be anybody: it ends in time, and so does its answer.
get() {
	where=$listen
	case $where in
	unix:*)
		curl -fsS -m 3 --unix-socket "${where#unix:}" "http://localhost$1" 2>/dev/null
		return
		;;
	0.0.0.0:* | :* | '[::]:'*) where=localhost:${where##*:} ;;
	esac
	if command -v curl >/dev/null 2>&1; then
		curl -fsS -m 3 "http://$where$1" 2>/dev/null
	elif command -v wget >/dev/null 2>&1; then
		timeout 5 wget -q -T 3 -O - "http://$where$1" 2>/dev/null
	else
		timeout 3 bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n" "$3" >&3 &&
			read -r line <&3 && [[ $line == *" 200 "* ]] && cat <&3' - "${where%:*}" "${where##*:}" "$1" 2>/dev/null
	fi
}

# serves VERSION: ready, of that version, and by the program that lies at $target.
serves() {
	pid=$(prop MainPID)
	[ "${pid:-0}" -gt 0 ] || return 1
	[ "$(stat -L -c %d:%i "/proc/$pid/exe" 2>/dev/null)" = "$(stat -L -c %d:%i "$target")" ] || return 1
	get /health/ready | head -c 65536 | grep -qF "\"version\":\"$1\""
}

# await SECONDS VERSION: until it serves, and still does two seconds later by
# the same process.
await() {
	end=$(($(date +%s) + $1))
	while [ "$(date +%s)" -le "$end" ]; do
		if serves "$2"; then
			first=$pid
			sleep 2
			if serves "$2" && [ "$pid" = "$first" ]; then return 0; fi
		fi
		sleep 0.5 2>/dev/null || sleep 1
	done
	return 1
}

# survey prints what flash.sh has to know before it copies.
survey() {
	target=$(target)
	echo "machine=$(uname -m)"
	echo "shell=$(od -An -tu2 -j18 -N2 /bin/sh | tr -d ' ')"
	echo "target=$target"
	if [ -z "$target" ]; then return; fi
	dir=${target%/*}
	echo "sum=$(sum "$target")"
	echo "free=$(df -Pk "$dir" | awk 'NR==2 { print $4 }')"
	echo "state_free=$(df -Pk "$state" | awk 'NR==2 { print $4 }')"
	if touch "$dir/.telhub.write" 2>/dev/null; then
		rm -f "$dir/.telhub.write"
		echo writable=yes
	fi
	if [ -e "$state/trial" ]; then echo trial=yes; fi
	listen=$(with_env timeout 10 "$target" check --json 2>/dev/null | sed -n 's/.*"http_listen":"\([^"]*\)".*/\1/p')
	: "${listen:=127.0.0.1:9155}"
	version=$(with_env timeout 10 "$target" version --json 2>/dev/null | sed -n 's/.*"version":"\([^"]*\)".*/\1/p')
	echo "version=$version"
	if serves "$version"; then echo ready=yes; fi
}

# receive takes the program from standard input, packed. A receiver of before
# whose connection fell silent may still be there: each writes a file of its own.
receive() { # receive TARGET DIGEST
	new=$1.new part=$1.new.$$
	rm -f "$new" "$new".*
	trap 'rm -f "$part"; exit 1' HUP INT TERM
	if ! timeout 1800 gzip -dc >"$part" || [ "$(sum "$part")" != "$2" ]; then
		rm -f "$part"
		echo "what arrived is not what was sent: the connection was cut, or the disk is full" >&2
		exit 1
	fi
	chmod 755 "$part" && mv "$part" "$new" && sync
}

# received says whether what lies there is what this flash has sent.
received() { # received TARGET DIGEST
	[ "$(sum "$1.new")" = "$2" ] || { echo "somebody else is flashing this board, too" >&2; return 1; }
}

# try runs the new program without touching the service: it has to run here,
# and find this board's configuration good.
try() { # try TARGET DIGEST
	new=$1.new
	received "$1" "$2" || exit 1
	with_env timeout 20 "$new" version --json >"$state/version" 2>&1 ||
		{ echo "the new program does not run here: $(head -n 1 "$state/version")" >&2; rm -f "$new"; exit 1; }
	if ! with_env timeout 20 "$new" check --json >"$state/check" 2>"$state/check.err"; then
		echo "the new program refuses this board's configuration:" >&2
		cat "$state/check.err" >&2
		rm -f "$new"
		exit 1
	fi
	echo "version=$(sed -n 's/.*"version":"\([^"]*\)".*/\1/p' "$state/version")"
	echo "listen=$(sed -n 's/.*"http_listen":"\([^"]*\)".*/\1/p' "$state/check")"
}

# switch puts the new program in place, watches it, and goes back if it must.
switch() { # switch TARGET DIGEST VERSION LISTEN WAIT [OLD-VERSION]
	target=$1 listen=$4 wait=$5
	rm -f "$state/result"
	: >"$state/log"
	received "$target" "$2" || finish nothing "somebody else is flashing this board, too"
	# Boot and name first: from here on a power cut leads back to the old one.
	ln -f "$target" "$target.prev.tmp" && mv -f "$target.prev.tmp" "$target.prev" || finish nothing "no second name for $target"
	if ! echo "$(cat /proc/sys/kernel/random/boot_id) $target" >"$state/trial.tmp" || ! mv "$state/trial.tmp" "$state/trial"; then
		rm -f "$state/trial.tmp" "$target.new"
		finish nothing "$state cannot be written"
	fi
	sync
	mv -f "$target.new" "$target"
	sync
	log "switched; the old one is $target.prev"
	# Not waiting for it: a program that hangs at its start would hold this up.
	systemctl restart --no-block "$unit"
	if await "$wait" "$3"; then
		rm -f "$state/trial"
		sync
		finish 'done' "$3 is ready"
	fi
	log "$3 is not ready after $wait s: $(systemctl is-active "$unit"), $(prop SubState), $(prop NRestarts) restarts"
	back "$wait" "${6:-}"
}

# back puts the old program in place again.
back() {
	mv -f "$target.prev" "$target"
	sync
	rm -f "$state/trial"
	sync
	log "the old program is in place again"
	systemctl restart --no-block "$unit"
	# One that does not end by itself is not waited for.
	old=$(prop MainPID)
	n=0
	while [ "$n" -lt 10 ] && [ "$(prop SubState)" = stop-sigterm ] && [ "$(prop MainPID)" = "$old" ]; do
		sleep 1
		n=$((n + 1))
	done
	if [ "$n" -ge 10 ]; then systemctl kill -s KILL "$unit"; fi
	[ -n "$2" ] || finish back "the old program is in place; it did not run before either"
	if await "$1" "$2"; then finish back "the old version, $2, is ready"; fi
	finish broken "the old version, $2, is not ready either: journalctl -u telhub tells why"
}

finish() {
	log "$2"
	echo "$1 $2" >"$state/result.tmp"
	mv "$state/result.tmp" "$state/result"
	exit 0
}

# settle goes back after a power cut in the middle of a trial. A trial of this
# boot is somebody's who is still watching.
settle() {
	read -r boot target <"$state/trial" || { rm -f "$state/trial"; exit 0; }
	if [ "$boot" = "$(cat /proc/sys/kernel/random/boot_id)" ]; then exit 0; fi
	if [ -e "$target.prev" ]; then mv -f "$target.prev" "$target"; fi
	rm -f "$target.new" "$target.new".* "$state/trial"
	sync
	log "the power was cut before the new program was proven: the old one is in place"
	echo "back the power was cut" >"$state/result"
}

command=$1
shift
case $command in
survey | receive | try | switch | settle) "$command" "$@" ;;
*) echo "flash-board: unknown command $command" >&2; exit 2 ;;
esac
