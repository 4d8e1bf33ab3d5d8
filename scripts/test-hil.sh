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
trap 'scripts/rig/rig-down.sh "$run"; rm -rf "$run"' EXIT
RIG_CACHE=$cache RIG_RUN=$run RIG_AGENT=$agent \
	"${GO:-go}" test -tags hil -count=1 -timeout 15m "$@" ./scripts/rig
