#!/usr/bin/env bash
# fetch.sh CACHE : fetch Debian's arm64 kernel with its modules and device
# trees, and the few programs of the initramfs.
. "$(dirname "$0")/lib.sh"
[ $# -eq 1 ] || rig_die "usage: ${0##*/} CACHE"
rig_need depmod
mkdir -p "$1"; cache=$(realpath "$1")
rig_apt "$cache" arm64 "$(rig_codename)"
image=$(apt-cache "${RIG_APT[@]}" depends linux-image-arm64 | awk '/Depends: linux-image-/ { print $2; exit }')
[ -n "$image" ] || rig_die "cannot tell which kernel linux-image-arm64 stands for"
rel=${image#linux-image-}
if [ -e "$cache/kernel-release" ] && [ "$(rig_kernel "$cache")" != "$rel" ]; then
	rig_log "the kernel is now $rel: the old one goes"
	rm -rf "$cache/root" "$cache/unpacked"
fi
rig_unpack "$cache" "$image" busybox-static i2c-tools libi2c0 libc6
echo "$rel" >"$cache/kernel-release"
# QEMU's Raspberry Pi takes the unpacked kernel only
if [ ! -e "$cache/Image" ] || [ "$cache/root/boot/vmlinuz-$rel" -nt "$cache/Image" ]; then
	gzip -dc "$cache/root/boot/vmlinuz-$rel" >"$cache/Image.new" 2>/dev/null ||
		cp "$cache/root/boot/vmlinuz-$rel" "$cache/Image.new"
	mv "$cache/Image.new" "$cache/Image"
fi
[ -e "$cache/root/lib/modules/$rel/modules.dep" ] || depmod -b "$cache/root" "$rel"
