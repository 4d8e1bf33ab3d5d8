#!/usr/bin/env bash
# The project's own board in a box (docs/hil_testing.md): hil.sh DEB [GO TEST
# OPTION...]. Boots Debian with systemd on an emulated Raspberry Pi 3B and then
# on an i.MX8M Plus, installs the package DEB (arm64), lives through faults and
# power-offs against a Redis of this machine, and has `telhub audit` judge.
#
# Debian 12 or later with Go; root, because it installs what is missing and
# makes a file system. RIG_CACHE keeps what is downloaded, by default
# .cache/rig; RIG_REPORT takes the report and the boards' serial logs, by
# default dist/hil; RIG_CUTS is the number of power-offs, by default 20.
set -euo pipefail
cd "$(dirname "$0")/.."

deb=$(realpath "${1:?usage: hil.sh DEB [GO TEST OPTION...]}")
shift
cache=${RIG_CACHE:-.cache/rig} report=${RIG_REPORT:-dist/hil}
mkdir -p "$cache"
cache=$(realpath "$cache")
rm -rf "$report"
mkdir -p "$report"
report=$(realpath "$report")
[ "$(id -u)" = 0 ] || { echo "hil.sh: run as root: files of a board's system belong to root" >&2; exit 1; }

stages=$report/prepare.md
printf '# Before the boards\n\n| stage | s |\n| --- | --- |\n' >"$stages"
stage() { # stage NAME COMMAND...
	local name=$1 start=$SECONDS
	shift
	"$@" || { echo "hil.sh: $name failed" >&2; echo "| $name | FAILED |" >>"$stages"; exit 1; }
	printf '%-60s %6d s  ok\n' "$name" $((SECONDS - start))
	echo "| $name | $((SECONDS - start)) |" >>"$stages"
}
stage "what the tests need" scripts/test-deps.sh
stage "QEMU and tools" scripts/rig/host-tools.sh "$cache" system
stage "kernel" scripts/rig/fetch.sh "$cache"
stage "initramfs" scripts/rig/initramfs.sh "$cache"
stage "Debian with systemd" scripts/rig/rootfs.sh "$cache"

# Short, because unix sockets lie in it. In memory, if there are 3 GB of it: a
# disk that makes the emulated card wait for more than the kernel's 10 s breaks
# the card's controller, whose data is shifted from then on.
room=$(df --output=avail -k /dev/shm 2>/dev/null | tail -n1) || room=0
if [ "${room:-0}" -gt 3000000 ]; then run=$(mktemp -d /dev/shm/rig.XXXXXX); else run=$(mktemp -d /tmp/rig.XXXXXX); fi
down() {
	local board
	for board in "$run"/*/; do
		[ ! -d "$board" ] || scripts/rig/rig-down.sh "$board"
	done
	rm -rf "$run"
}
trap down EXIT
status=0
RIG_CACHE=$cache RIG_RUN=$run RIG_DEB=$deb RIG_REPORT=$report RIG_CUTS=${RIG_CUTS:-20} \
	"${GO:-go}" test -tags 'hil system' -count=1 -timeout 6h -v -run '^TestSystem' "$@" ./scripts/rig >"$report/test.log" 2>&1 &
test=$!
# what the boards tell of their stages, while they do
tail -n +1 -f --pid=$test "$report/test.log" | grep --line-buffered -E '^[^ =].* s  (ok|FAILED)$|^\| [0-9]+ \||^(--- |ok|FAIL|PASS)' || true
wait $test || status=$?
{
	echo "# Board in a box"
	printf '\n%s of %s, %s, %s\n' "${deb##*/}" "$(git describe --tags --always --dirty 2>/dev/null || echo unknown)" \
		"$(qemu-system-aarch64 --version | head -n1)" "$(date -u +%FT%TZ)"
	[ $status = 0 ] && printf '\nPassed.\n' || printf '\n**Failed**: see test.log and the serial logs beside this file.\n'
	for part in "$stages" "$report"/raspi3b.md "$report"/imx8mp-evk.md; do
		[ ! -e "$part" ] || { echo; sed 's/^# /## /' "$part"; }
	done
} >"$report/report.md"
[ $status = 0 ] || tail -n 60 "$report/test.log" >&2
echo "report, serial logs: $report"
exit $status
