#!/usr/bin/env bash
# host-tools.sh CACHE [system] : install what the rig needs on the host; as
# root. With "system" also what rootfs.sh needs.
#
# QEMU comes from backports on Debian 12, whose own 7.2 has no I2C controller
# of the Raspberry Pi: it came with 9.0.
. "$(dirname "$0")/lib.sh"
[ $# -ge 1 ] || rig_die "usage: ${0##*/} CACHE [system]"

qemu_fits() {
	local major
	major=$(qemu-system-aarch64 --version 2>/dev/null | sed -n '1s/.*version \([0-9]*\).*/\1/p')
	[ "${major:-0}" -ge 9 ]
}
missing=()
need() { command -v "$1" >/dev/null || missing+=("$2"); }
need cpio cpio
need depmod kmod
need fdtput device-tree-compiler
need socat socat
need mke2fs e2fsprogs
if [ "${2:-}" = system ]; then
	need debootstrap debootstrap
	need unshare util-linux
	need qemu-aarch64-static qemu-user-static
	[ -e /usr/lib/binfmt.d/qemu-aarch64.conf ] || missing+=(qemu-user-static)
fi
code=$(rig_codename)
suites=("$code")
if ! qemu_fits; then
	from=
	[ "$code" != bookworm ] || { suites+=("$code-backports"); from=/$code-backports; }
	missing+=("qemu-system-arm$from" "qemu-system-common$from" "qemu-system-data$from")
fi
if [ ${#missing[@]} -gt 0 ]; then
	[ "$(id -u)" -eq 0 ] || rig_die "run as root: it installs ${missing[*]}"
	mkdir -p "$1"
	rig_apt "$(realpath "$1")" "$(dpkg --print-architecture)" "${suites[@]}"
	DEBIAN_FRONTEND=noninteractive apt-get "${RIG_APT[@]}" -y -q install --no-install-recommends "${missing[@]}"
fi
qemu_fits || rig_die "QEMU 9.0 or later is needed; this is $(qemu-system-aarch64 --version | head -n1)"
