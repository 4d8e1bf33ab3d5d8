#!/usr/bin/env bash
# rootfs.sh CACHE : make CACHE/system.ext4, a small Debian with systemd for the
# board's SD card, with the modules of fetch.sh's kernel. As root. The packages
# are unpacked once a list and release, into CACHE/base-*; that takes minutes,
# because their own scripts are ARM programs, which QEMU runs here.
. "$(dirname "$0")/lib.sh"
[ $# -ge 1 ] || rig_die "usage: ${0##*/} CACHE"
here=$(realpath "$(dirname "$0")")

# What the board's Debian has beside what every Debian has. wget is for tests.
packages=systemd,systemd-sysv,dbus,udev,kmod,iproute2,procps,init-system-helpers,wget

# second_stage DIR : run the packages' scripts. The kernel is told how to run
# ARM programs in a user namespace of its own, so that nothing else on this
# machine finds itself able to; a kernel before 6.7 has one list for all.
second_stage() {
	local dir=$1 list=/proc/sys/fs/binfmt_misc conf=/usr/lib/binfmt.d/qemu-aarch64.conf node
	mount -t binfmt_misc binfmt_misc $list
	[ -e $list/qemu-aarch64 ] || grep -v '^#' $conf >$list/register
	mount -t tmpfs -o mode=755 dev "$dir/dev"
	for node in null zero full random urandom tty console ptmx; do
		: >"$dir/dev/$node"
		mount --bind "/dev/$([ -e "/dev/$node" ] && echo $node || echo null)" "$dir/dev/$node"
	done
	mount --rbind /proc "$dir/proc"
	mount --rbind /sys "$dir/sys"
	# This machine's debootstrap, so that only dpkg and what it runs are ARM
	# programs. lxc: it then neither makes device nodes nor asks whether it could.
	DEBOOTSTRAP_DIR=$dir/debootstrap DEBIAN_FRONTEND=noninteractive container=lxc debootstrap --second-stage --second-stage-target="$dir"
}
if [ "${2:-}" = second-stage ]; then
	read -r _ # until this namespace's users are mapped
	second_stage "$3"
	exit
fi

[ "$(id -u)" -eq 0 ] || rig_die "run as root: files of a system belong to root"
for c in debootstrap unshare mke2fs depmod qemu-aarch64-static; do rig_need $c; done
cache=$(realpath "$1") rel=$(rig_kernel "$(realpath "$1")")
code=$(rig_codename)
base=$cache/base-$code-$(printf '%s' "$packages" | sha256sum | cut -c1-12)

if [ ! -e "$base/etc/debian_version" ]; then
	rig_log "Debian $code for arm64, once: 5 to 20 minutes"
	rm -rf "$base.new"
	debootstrap --arch=arm64 --foreign --variant=minbase --include="$packages" "$code" "$base.new" "$(rig_mirror)" >"$base.log" 2>&1 ||
		{ tail -n 20 "$base.log" >&2; rig_die "debootstrap failed, see $base.log"; }
	chmod 755 "$base.new"
	mkdir -p "$base.new/etc/dpkg/dpkg.cfg.d"
	echo force-unsafe-io >"$base.new/etc/dpkg/dpkg.cfg.d/unsafe" # no fsync for each file
	mkfifo "$base.go"
	unshare --user --mount --propagation private "$here/${0##*/}" "$cache" second-stage "$base.new" <"$base.go" >>"$base.log" 2>&1 &
	stage=$!
	exec 3>"$base.go"
	rm "$base.go"
	until [ "$(readlink "/proc/$stage/ns/user")" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.1; done
	echo "0 0 65536" >"/proc/$stage/uid_map"
	echo "0 0 65536" >"/proc/$stage/gid_map"
	echo go >&3
	exec 3>&-
	wait $stage || { tail -n 20 "$base.log" "$base.new/debootstrap/debootstrap.log" >&2; rig_die "the second stage failed, see $base.log"; }
	rm -rf "$base.new"/{var/cache/apt/archives/*.deb,var/lib/apt/lists/*,usr/share/{doc,man,locale,info}/*,debootstrap,etc/dpkg/dpkg.cfg.d/unsafe}
	rm -rf "$base"
	mv "$base.new" "$base"
fi

# What makes it the board's.
out=$cache/system.ext4
[ ! "$out" -nt "$base/etc/debian_version" ] || [ ! "$out" -nt "$cache/root/lib/modules/$rel/modules.dep" ] ||
	[ ! "$out" -nt "$0" ] || [ ! "$out" -nt "$here/lib.sh" ] || exit 0
tmp=$(mktemp -d "$cache/system.XXXXXX"); trap 'rm -rf "$tmp"' EXIT
d=$tmp/d
cp -a "$base/." "$d" # also if the base is a symbolic link
# udev loads them as the device tree asks; i2c-dev is left to telhub's unit
rig_modules "$cache" "$d" i2c-bcm2835 i2c-dev phy-generic dwc2 cdc_ether rndis_host ftdi_sio cdc-acm bcm2835_wdt \
	leds-gpio lm75 tmp421 emc1403 at24 ext4 mmc_block bcm2835 \
	i2c-imx imx2_wdt nvmem-imx-ocotp realtek at803x fec sdhci-esdhc-imx
echo board >"$d/etc/hostname"
printf '127.0.0.1 localhost board\n' >"$d/etc/hosts"
tr -d - </proc/sys/kernel/random/uuid >"$d/etc/machine-id"
printf 'LABEL=system / ext4 noatime 0 1\n' >"$d/etc/fstab"
system=$d/etc/systemd/system
mkdir -p "$d/etc/systemd/journald.conf.d" "$d/etc/systemd/system.conf.d" "$system/multi-user.target.wants" "$system/telhub.service.d"
# An emulator on a busy machine is up to fifty times slower than the board.
printf '[Manager]\nDefaultTimeoutStartSec=30min\nDefaultTimeoutStopSec=10min\n' >"$d/etc/systemd/system.conf.d/rig.conf"
printf '[Service]\nTimeoutStartSec=30min\nTimeoutStopSec=10min\nWatchdogSec=10min\n' >"$system/telhub.service.d/rig.conf"
printf '[Journal]\nStorage=volatile\n' >"$d/etc/systemd/journald.conf.d/rig.conf"
printf '[Match]\nName=e* usb*\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n' >"$d/etc/systemd/network/10-rig.network"
ln -s /lib/systemd/system/systemd-networkd.service "$system/multi-user.target.wants/"
# A boot is to take seconds on an emulator. The shell of the console is below.
for unit in {getty@,serial-getty@,e2scrub_reap,systemd-networkd-wait-online,systemd-firstboot,systemd-logind,systemd-pstore}.service \
	systemd-{repart,update-utmp,update-utmp-runlevel,machine-id-commit,sysext,boot-system-token}.service \
	{apt-daily,apt-daily-upgrade,dpkg-db-backup,e2scrub_all,fstrim,systemd-tmpfiles-clean}.timer \
	systemd-{fsckd,initctl,journald-audit}.socket systemd-ask-password-{console,wall}.path \
	dev-{hugepages,mqueue}.mount sys-{kernel-config,kernel-tracing,fs-fuse-connections}.mount proc-sys-fs-binfmt_misc.automount; do
	ln -sf /dev/null "$system/$unit"
done
# Each generator is a program that systemd starts, at every reload too.
mkdir "$d/etc/systemd/system-generators"
for generator in cryptsetup debug getty gpt-auto hibernate-resume integritysetup rc-local run system-update sysv veritysetup; do
	ln -s /dev/null "$d/etc/systemd/system-generators/systemd-$generator-generator"
done
cat >"$system/rig-console.service" <<'UNIT'
[Unit]
Description=Root shell on the console, for the test
DefaultDependencies=no
After=sysinit.target

[Service]
# what the kernel tells would get between the test's words
ExecStartPre=/bin/dmesg -n 3
ExecStart=/bin/sh -c 'stty -F /dev/console sane -echo; echo "rig: ready, uptime $(cut -d" " -f1 /proc/uptime)s"; cd /root; exec /bin/sh -i'
Environment=HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PS1=#
StandardInput=tty-force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
Restart=always
UNIT
ln -s ../rig-console.service "$system/multi-user.target.wants/"
# no hardware database and no library cache to be built at the first boot
touch "$d/usr"
touch "$d/etc/.updated" "$d/var/.updated"
truncate -s 1G "$out.new" # the emulated card must have a power of two
mke2fs -q -F -t ext4 -L system -d "$d" "$out.new"
mv "$out.new" "$out"
