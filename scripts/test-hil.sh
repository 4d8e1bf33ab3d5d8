#!/usr/bin/env bash
# Runs the arm64 agent, which `make test-hil` builds, on an emulated Raspberry
# Pi against a Redis of this machine (docs/hil_testing.md):
# test-hil.sh BINARY [GO TEST OPTION...]. Debian; root the first time, when it
# installs QEMU. Downloads stay in RIG_CACHE, by default .cache/rig.
set -euo pipefail
cd "$(dirname "$0")/.."

agent=$(realpath "${1:?usage: test-hil.sh BINARY [GO TEST OPTION...]}")
shift
cache=${RIG_CACHE:-.cache/rig}
mkdir -p "$cache"
cache=$(realpath "$cache")
scripts/test-deps.sh
scripts/rig/host-tools.sh "$cache"
scripts/rig/fetch.sh "$cache"
scripts/rig/initramfs.sh "$cache"

# short, because unix sockets lie in it
run=$(mktemp -d /tmp/rig.XXXXXX)
down() {
	local board
	for board in "$run"/*/; do
		[ ! -d "$board" ] || scripts/rig/rig-down.sh "$board"
	done
	rm -rf "$run"
}
trap down EXIT
RIG_CACHE=$cache RIG_RUN=$run RIG_AGENT=$agent \
	"${GO:-go}" test -tags hil -count=1 -timeout 30m "$@" ./scripts/rig
