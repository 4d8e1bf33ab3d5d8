#!/usr/bin/env bash
# Has a real U-Boot run the layer's boot.cmd on a disk laid out as
# telhub-ab.wks has it, each boot cut off as soon as the kernel runs, and looks
# which system it chose: test-yocto-boot.sh [KERNEL], an arm64 Image; without it
# that of the rig. Debian with qemu-system-arm, u-boot-qemu, u-boot-tools, gdisk,
# dosfstools, mtools; yocto/README.md. U-Boot's environment lies in flash here.
set -euo pipefail
cd "$(dirname "$0")/.."
kernel=${1:-.cache/rig/Image}
uboot=${UBOOT:-/usr/lib/u-boot/qemu_arm64/u-boot.bin}
layer=yocto/meta-telhub
die() { echo "test-yocto-boot: $*" >&2; exit 1; }
PATH=$PATH:/usr/sbin:/sbin
for tool in qemu-system-aarch64 mkimage sgdisk mkfs.vfat mkfs.ext4 mcopy; do command -v $tool >/dev/null || die "$tool is missing"; done
[ -e "$kernel" ] || die "$kernel is missing: make test-hil makes it, or name an arm64 kernel"
[ -e "$uboot" ] || die "$uboot is missing: apt install u-boot-qemu"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
disk=$tmp/disk
sed 's|@IMAGE@|Image|' $layer/recipes-bsp/telhub-bootscript/files/boot.cmd >"$tmp/boot.txt"
mkimage -A arm64 -T script -C none -d "$tmp/boot.txt" "$tmp/boot.scr" >/dev/null
mkdir -p "$tmp/root/boot"
cp "$kernel" "$tmp/root/boot/Image"
size=$(($(stat -Lc %s "$kernel") * 3 / 2097152 + 16))

# The partitions' names and their order are the layout's.
mapfile -t names < <(sed -n 's/^part .*--part-name \([^ ]*\).*/\1/p' $layer/files/wic/telhub-ab.wks)
[ "${names[*]}" = "uboot system-a system-b telhub-data" ] || die "the layout has other partitions: ${names[*]}"
truncate -s $((size * 4 + 64))M "$disk"
sgdisk -n 1:2048:+32M -A 1:set:2 -n "2:0:+${size}M" -n "3:0:+${size}M" -n 4:0:+8M \
	-c "1:${names[0]}" -c "2:${names[1]}" -c "3:${names[2]}" -c "4:${names[3]}" "$disk" >/dev/null
truncate -s 32M "$tmp/1"
mkfs.vfat "$tmp/1" >/dev/null
mcopy -i "$tmp/1" "$tmp/boot.scr" ::boot.scr
truncate -s "${size}M" "$tmp/2"
mkfs.ext4 -q -d "$tmp/root" "$tmp/2"
for part in 1:1 2:2 2:3; do
	first=$(sgdisk -i "${part#*:}" "$disk" | awk '/^First sector/ { print $3 }')
	dd if="$tmp/${part%:*}" of="$disk" bs=512 seek="$first" conv=notrunc status=none
done
uuid_a=$(sgdisk -i 2 "$disk" | awk '/^Partition unique GUID/ { print tolower($4) }')
uuid_b=$(sgdisk -i 3 "$disk" | awk '/^Partition unique GUID/ { print tolower($4) }')
cp "$uboot" "$tmp/flash0"
truncate -s 64M "$tmp/flash0" "$tmp/flash1"

# boot: switches on, and off again when the kernel runs or U-Boot gives up;
# prints A or B with root= of that system, "anew", or what went wrong.
boot() {
	local log=$tmp/log pid end
	: >"$log"
	nice -n 19 qemu-system-aarch64 -M virt -cpu cortex-a57 -m 512 -display none -monitor none -serial "file:$log" -no-reboot -nic none \
		-drive "if=pflash,format=raw,file=$tmp/flash0" -drive "if=pflash,format=raw,file=$tmp/flash1" -drive "file=$disk,format=raw,if=virtio" </dev/null 2>"$tmp/qemu" &
	pid=$!
	end=$((SECONDS + 180))
	until grep -Eq 'Kernel command line:.*rauc.slot=.|beginning anew' "$log" || [ $SECONDS -ge $end ] || ! kill -0 $pid 2>/dev/null; do sleep 0.2; done
	# What U-Boot writes before it resets is in its flash by then.
	wait_for_reset "$log" $pid
	kill $pid 2>/dev/null || true
	wait $pid 2>/dev/null || true
	if grep -q 'beginning anew' "$log"; then echo anew
	elif grep -q "root=PARTUUID=$uuid_a rootwait ro rauc.slot=A" "$log"; then echo A
	elif grep -q "root=PARTUUID=$uuid_b rootwait ro rauc.slot=B" "$log"; then echo B
	else tail -n 20 "$log" "$tmp/qemu" >&2; echo "neither"; fi
}

# wait_for_reset LOG PID: after "beginning anew" U-Boot saves and resets, which ends QEMU.
wait_for_reset() {
	local end=$((SECONDS + 60))
	grep -q 'beginning anew' "$1" || return 0
	while kill -0 "$2" 2>/dev/null && [ $SECONDS -lt $end ]; do sleep 0.2; done
}

# Never marked good: three attempts each, then from the beginning.
failed=0
for want in A A A B B B anew A; do
	got=$(boot)
	if [ "$got" = "$want" ]; then verdict=ok; else verdict=WRONG failed=1; fi
	printf '%5ds  %-5s  booted %s, expected %s\n' $SECONDS $verdict "$got" "$want"
done
[ $failed = 0 ] || die "the script chose wrongly"
