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
need valkey-server valkey-server # WAITAOF, which redis-server of Debian 12 lacks
need mount mount
need minisign minisign # scripts/deploy.sh
need ar binutils
need curl curl # scripts/flash-board.sh takes what is there
need wget wget
need systemd-analyze systemd
# The server's programs are not in PATH. The tests make clusters of their own.
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || packages+=(postgresql)
# Modbus slaves that others wrote. Debian's own python3 has the first two.
/usr/bin/python3 -c 'import pymodbus, serial_asyncio' 2>/dev/null || packages+=(python3-pymodbus python3-serial-asyncio)
[ -e /usr/include/modbus/modbus.h ] || packages+=(libmodbus-dev)
[ ${#packages[@]} -gt 0 ] || exit 0
echo "installing: ${packages[*]}"
# A package's own service must not start: the tests run servers of their own.
policy=/usr/sbin/policy-rc.d made=()
trap 'rm -f "${made[@]}"' EXIT
if [ ! -e $policy ] && [ -w /usr/sbin ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod +x $policy
	made+=("$policy")
fi
apt-get update -q
# Debian 12 has valkey in its backports only; the mirror is the one in use.
if [[ " ${packages[*]} " == *" valkey-server "* ]] && ! apt-cache show valkey-server >/dev/null 2>&1; then
	release=$(. /etc/os-release && echo "$VERSION_CODENAME")
	mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' "Created-By: Packages" | awk -v r="$release" '$2 == r { print $1; exit }')
	extra=/etc/apt/sources.list.d/telhub-tests.list
	made+=("$extra")
	echo "deb $mirror $release-backports main" >$extra
	apt-get update -q
fi
DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "${packages[@]}" libc6-dev
