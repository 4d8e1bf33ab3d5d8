#!/usr/bin/env bash
# initramfs.sh CACHE : make CACHE/initramfs.cpio.gz, a small root of busybox,
# i2c-tools and the modules of the board. What belongs to the test, the agent
# and its configuration, is not in it: rig-up.sh appends that.
. "$(dirname "$0")/lib.sh"
[ $# -eq 1 ] || rig_die "usage: ${0##*/} CACHE"
rig_need cpio; rig_need depmod
cache=$(realpath "$1") here=$(realpath "$(dirname "$0")")
rel=$(rig_kernel "$cache") root=$cache/root
[ ! "$cache/initramfs.cpio.gz" -nt "$root/lib/modules/$rel/modules.dep" ] ||
	[ ! "$cache/initramfs.cpio.gz" -nt "$here/guest/init" ] ||
	[ ! "$cache/initramfs.cpio.gz" -nt "$here/lib.sh" ] ||
	[ ! "$cache/initramfs.cpio.gz" -nt "$0" ] || exit 0

# The second line is loaded by the tests that ask for it. Without phy-generic
# dwc2, the USB controller, waits for ever without a word.
modules="i2c-bcm2835 i2c-dev phy-generic dwc2 cdc_ether rndis_host ftdi_sio ext4 mmc_block bcm2835
	lm75 leds-gpio tmp421 emc1403 at24 st_magn_i2c sdhci-esdhc-imx"
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
d=$tmp/d
mkdir -p "$d"/{bin,sbin,usr/bin,usr/sbin,proc,sys,dev,tmp,run,etc,root,var/log,lib/aarch64-linux-gnu}
# shellcheck disable=SC2086
rig_modules "$cache" "$d" $modules
cp "$root/bin/busybox" "$d/bin/"
cp "$root"/usr/sbin/i2c{detect,get,set,dump,transfer} "$d/usr/sbin/"
cp -L "$root/usr/lib/aarch64-linux-gnu/libi2c.so.0" "$root/lib/aarch64-linux-gnu/libc.so.6" "$d/lib/aarch64-linux-gnu/"
cp -L "$root/lib/ld-linux-aarch64.so.1" "$d/lib/"
install -m 755 "$here/guest/init" "$d/init"
(cd "$d" && find . | sort | cpio -o -H newc --quiet -R 0:0) | gzip -6 -n >"$cache/initramfs.cpio.gz.new"
mv "$cache/initramfs.cpio.gz.new" "$cache/initramfs.cpio.gz"
