#!/usr/bin/env bash
# rig-up.sh CACHE RUN OVERLAY REDIS_PORT [WORD...] : switch on an emulated
# Raspberry Pi 3B and wait until it has booted. OVERLAY's files are added to
# its root; WORDs are added to its kernel's command line. The board can reach
# nothing but 10.0.2.100:6379, which is REDIS_PORT of this machine's loopback.
# Its SD card is RUN/sd.img, made when it is not there. RUN then holds
#   con.sock con.log   the console, a root shell
#   uart.sock          the other end of /dev/ttyAMA0
#   usb.sock           the other end of /dev/ttyUSB0
#   qmp.sock           QEMU's control: temperatures, network link
#   qemu.pid           stop it with rig-down.sh RUN
# Thermometers (TMP105): th0 on /dev/i2c-1 at 0x48, th1 on /dev/i2c-0 at 0x49.
# Beside th0 are also tmp421 (0x4d), emc1413 (0x4c), a DS1338 clock (0x68), the
# magnetometer of lsm303 (0x1e), a DPS310 (0x77), and an EEPROM of 8 KiB (0x50)
# whose bytes are RUN/eeprom.img, random when it is not there.
#
# RIG_SYSTEM=1 in the environment: the card holds the Debian with systemd of
# rootfs.sh, which the board boots, and the kernel owns th1. RIG_MACHINE=imx8mp-evk: an i.MX8M Plus EVK
# instead, its chips all on /dev/i2c-2 (th1 is not there), its UART ttymxc0, and
# no USB. RIG_BOOT is how many seconds it may take.
. "$(dirname "$0")/lib.sh"
[ $# -ge 4 ] || rig_die "usage: ${0##*/} CACHE RUN OVERLAY REDIS_PORT [WORD...]"
cache=$(realpath "$1") overlay=$(realpath "$3") port=$4
mkdir -p "$2"; run=$(cd "$2" && pwd); shift 4
timeout=${RIG_BOOT:-600} machine=${RIG_MACHINE:-raspi3b} system=${RIG_SYSTEM:-}
for c in qemu-system-aarch64 fdtput cpio socat mke2fs; do rig_need $c; done
rel=$(rig_kernel "$cache")
[ -s "$cache/initramfs.cpio.gz" ] || rig_die "no initramfs: run initramfs.sh"
[ ${#run} -lt 90 ] || rig_die "$run: too long a path for unix sockets"
[ ! -s "$run/qemu.pid" ] || rig_die "$run has a qemu.pid: run rig-down.sh first"
rm -f "$run"/*.sock "$run/con.log"

# Raw, and no format of QEMU's that keeps tables in its memory: what the card
# has acknowledged is in a file of this machine and stays when QEMU is killed;
# what the board's kernel had not written is gone (docs/hil_testing.md).
if [ ! -e "$run/sd.img" ] && [ -n "$system" ]; then
	[ -s "$cache/system.ext4" ] || rig_die "no system: run rootfs.sh"
	cp --sparse=always "$cache/system.ext4" "$run/sd.img"
elif [ ! -e "$run/sd.img" ]; then
	truncate -s 64M "$run/sd.img" # the emulated card must have a power of two
	mke2fs -q -t ext4 -L spool "$run/sd.img"
fi
[ -e "$run/eeprom.img" ] || head -c 8192 /dev/urandom >"$run/eeprom.img"
files=$overlay
if [ -n "$system" ]; then # which guest/init copies from /overlay
	set -- "$@" rig.root=system systemd.show_status=0 systemd.log_level=notice mitigations=off
	files=$run/files
	rm -rf "$files"
	mkdir "$files"
	cp -a "$overlay" "$files/overlay"
fi
# the kernel unpacks archives that stand one behind the other
{
	cat "$cache/initramfs.cpio.gz"
	(cd "$files" && find . | cpio -o -H newc --quiet -R 0:0) | gzip -1 -n
} >"$run/initrd"

sock() { echo "socket,id=$1,path=$run/$1.sock,server=on,wait=off"; }
# chips BUS
chips() {
	args+=(-device "tmp105,id=th0,bus=$1,address=0x48"
		-device "tmp421,id=tmp421,bus=$1,address=0x4d"
		-device "emc1413,id=emc1413,bus=$1,address=0x4c"
		-device "ds1338,id=ds1338,bus=$1,address=0x68"
		-device "lsm303dlhc_mag,id=lsm303,bus=$1,address=0x1e"
		-device "dps310,id=dps310,bus=$1,address=0x77"
		-drive "file=$run/eeprom.img,format=raw,if=none,id=eeprom"
		-device "at24c-eeprom,id=at24c,bus=$1,address=0x50,drive=eeprom,rom-size=8192,address-size=2")
}
net="user,id=n0,restrict=on,guestfwd=tcp:10.0.2.100:6379-cmd:socat - TCP4:127.0.0.1:$port"
dtbs=$cache/root/usr/lib/linux-image-$rel
args=(-M "$machine" -display none -monitor none -no-reboot -nodefaults
	-kernel "$cache/Image" -initrd "$run/initrd" -dtb "$run/board.dtb"
	-qmp "unix:$run/qmp.sock,server=on,wait=off"
	-chardev "$(sock con),logfile=$run/con.log" -chardev "$(sock uart)"
	-serial chardev:uart -serial chardev:con)
case $machine in
raspi3b)
	console=ttyS1
	cp "$dtbs/broadcom/bcm2837-rpi-3-b.dtb" "$run/board.dtb"
	# the good UART belongs to the Bluetooth chip: make it ttyAMA0 instead, as
	# dtoverlay=disable-bt does on the real board
	fdtput -r "$run/board.dtb" /soc/serial@7e201000/bluetooth
	# the ACT LED hangs on the firmware, which QEMU does not emulate: put it on
	# GPIO 47, where the Raspberry Pi 2B has it
	fdtput -t u "$run/board.dtb" /leds/led-act gpios "$(fdtget -t u "$run/board.dtb" /soc/gpio@7e200000 phandle)" 47 0
	# a system finds th1 in its device tree, as with dtoverlay=i2c-sensor
	if [ -n "$system" ]; then
		node=/soc/i2c@7e205000/temperature-sensor@49
		fdtput -p -t s "$run/board.dtb" $node compatible ti,tmp105
		fdtput -t x "$run/board.dtb" $node reg 49
	fi
	# A system needs no more than one processor: four would wait for each other
	# on a machine that has fewer.
	[ -z "$system" ] || { args+=(-global bcm2837.enabled-cpus=1) && set -- "$@" nr_cpus=1; }
	chips i2c-bus.1
	args+=(-drive "file=$run/sd.img,format=raw,if=sd"
		-device "tmp105,id=th1,bus=i2c-bus.0,address=0x49"
		-device "usb-hub,id=hub0,bus=usb-bus.0,port=1" -chardev "$(sock usb)"
		-device "usb-serial,id=us0,chardev=usb,always-plugged=on,bus=usb-bus.0,port=1.1"
		-netdev "$net" -device "usb-net,id=nic0,netdev=n0,bus=usb-bus.0,port=1.2")
	;;
imx8mp-evk)
	console=ttymxc1
	cp "$dtbs/freescale/imx8mp-evk.dtb" "$run/board.dtb"
	# the EVK leaves its first UART, off, to a Bluetooth chip: make it ttymxc0
	fdtput -t s "$run/board.dtb" /soc@0/bus@30800000/serial@30860000 status okay
	chips i2c-bus.2
	args+=(-m 1G -smp 2 -drive "file=$run/sd.img,format=raw,if=sd,bus=2" -nic "$net,model=imx.enet")
	;;
*) rig_die "unknown machine $machine" ;;
esac
args+=(-append "console=$console,115200 loglevel=3 panic=-1 $*")
setsid qemu-system-aarch64 "${args[@]}" >"$run/qemu.out" 2>&1 </dev/null &
echo $! >"$run/qemu.pid"
start=$SECONDS
until grep -qs 'rig: ready' "$run/con.log"; do
	sleep 0.2
	if ! [ -d "/proc/$(cat "$run/qemu.pid")" ]; then
		cat "$run/qemu.out" >&2; rm -f "$run/qemu.pid"; rig_die "QEMU has ended"
	fi
	if [ $((SECONDS - start)) -gt "$timeout" ]; then
		tail -n 20 "$run/con.log" >&2; rig_stop "$run/qemu.pid" "$run"; rig_die "the board was not up in $timeout s"
	fi
done
