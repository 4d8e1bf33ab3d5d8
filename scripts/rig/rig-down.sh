#!/usr/bin/env bash
# rig-down.sh RUN [KILL] : stop the board that rig-up.sh started in RUN. With
# KILL it dies at once, as when its power is cut.
. "$(dirname "$0")/lib.sh"
[ $# -ge 1 ] || rig_die "usage: ${0##*/} RUN [KILL]"
run=$(cd "$1" && pwd)
rig_stop "$run/qemu.pid" "$run" "${2:-TERM}"
