#!/usr/bin/env bash
# Installs what the tests use and this machine lacks. Debian; root when
# something is missing.
set -euo pipefail

packages=()
need() { command -v "$1" >/dev/null || packages+=("$2"); }
need redis-server redis-server
need redis-benchmark redis-tools
need gcc gcc # the race detector
need python3 python3
need e2fsck e2fsprogs
need debugfs e2fsprogs
[ ${#packages[@]} -gt 0 ] || exit 0
echo "installing: ${packages[*]}"
# A package's own service must not start: the tests run servers of their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ] && [ -w /usr/sbin ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod +x $policy
	trap 'rm -f $policy' EXIT
fi
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "${packages[@]}" libc6-dev
