#!/bin/sh
# Installs what surrounds the program, as packages do: install.sh [ROOT].
# The program itself, /usr/bin/telhub, and /etc/telhub.toml are not touched.
set -eu
cd "$(dirname "$0")/../systemd"
root=${1:-}

put() { # put MODE FILE TARGET
	install -D -m "$1" "$2" "$root$3"
}
put 644 telhub.service /usr/lib/systemd/system/telhub.service
put 644 telhub-settle.service /usr/lib/systemd/system/telhub-settle.service
put 644 telhub.socket /usr/lib/systemd/system/telhub.socket
put 644 telhub.sysusers /usr/lib/sysusers.d/telhub.conf
put 644 telhub.tmpfiles /usr/lib/tmpfiles.d/telhub.conf
put 644 61-telhub.rules /usr/lib/udev/rules.d/61-telhub.rules
put 755 memory-max /usr/lib/telhub/memory-max
