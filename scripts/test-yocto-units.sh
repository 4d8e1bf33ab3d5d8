#!/usr/bin/env bash
# Boots the layer's units for a data partition on a read-only root under real
# systemd, twice with the same data: test-yocto-units.sh BINARY.
# Debian, root; yocto/README.md.
#
# A Debian stands in for the image, and a directory for the partition: a
# container sees no block device, so that data.mount runs without its fsck.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/guest.sh
. scripts/guest.sh

binary=$(realpath "${1:?usage: test-yocto-units.sh BINARY}")
guest_tools redis-server:redis-server redis-cli:redis-tools
guest_base
guest_alone "$@"
guest_new

# As the recipes install it.
install -D -m755 "$binary" "$root/usr/bin/telhub"
scripts/install.sh "$root"
systemd-sysusers --root="$root" telhub.conf
install -d -m700 "$root/etc/credstore"
files=yocto/meta-telhub/recipes-telhub/telhub-data/files
for unit in data.mount telhub-data.service var-lib-telhub.mount etc-credstore.mount; do
	install -D -m644 "$files/$unit" "$root/usr/lib/systemd/system/$unit"
done
install -D -m644 "$files/10-data.conf" "$root/usr/lib/systemd/system/telhub.service.d/10-data.conf"
install -D -m644 "$files/telhub-data.conf" "$root/usr/lib/telhub/data.conf"
mkdir "$root/data"
sed -i -e '/^Requires=systemd-fsck@/d' -e '/^After=systemd-fsck@/d' -e 's|^What=.*|What=/mnt|' -e 's|^Type=.*|Type=none|' -e 's|^Options=.*|Options=bind,nodev,nosuid,noexec|' \
	"$root/usr/lib/systemd/system/data.mount"
# What telhub-image does with the configuration of the package.
mkdir -p "$root/usr/share/telhub"
cat >"$root/usr/share/telhub/telhub.toml" <<'END'
device = "ab"
[redis]
url = "redis://10.77.0.1:6379/0"
[uplink.breaker]
open = "200ms"
open_max = "500ms"
[[sensor]]
name = "board"
use = "system"
every = "200ms"
only = ["load1"]
END
ln -s /data/etc/telhub.toml "$root/etc/telhub.toml"
chroot "$root" systemctl -q enable telhub data.mount telhub-data var-lib-telhub.mount etc-credstore.mount

partition=$guest/partition
mkdir "$partition"
boot() { guest_boot --read-only --tmpfs=/var:mode=0755 --bind="$partition:/mnt"; }
mounted() { in_guest findmnt -no SOURCE "$1" | grep -q "$2"; }
active() { in_guest systemctl is-active -q telhub; }
page() { in_guest curl -fsS -m 5 "http://127.0.0.1:9155$1"; }
length() { redis-cli xlen 'telhub:{0}:live'; }
grows() { local from; from=$(length) && within "$1" eval "[ \$(length) -gt $((from + 2)) ]"; }
uid() { in_guest id -u telhub; }

echo "-- first boot, empty partition"
redis_up --requirepass secret42
export REDISCLI_AUTH=secret42
install -d -m700 "$partition/etc" "$partition/etc/credstore"
(umask 077 && echo secret42 >"$partition/etc/credstore/telhub.redis_password")
boot
refuse "the root is read-only" 'Read-only' in_guest touch /etc/x
expect "/var/lib/telhub is the partition's" mounted /var/lib/telhub telhub
expect "telhub is active" within 30 active
expect "the image's configuration is copied to the partition" test -s "$partition/etc/telhub.toml"
expect "... where root and telhub read it" test "$(in_guest stat -c '%a %U %G' /data/etc/telhub.toml)" = "640 root telhub"
expect "samples reach Redis with the password of the partition" grows 20
expect "the store is on the partition" test -n "$(ls -A "$partition/telhub")"
expect "no ordering cycle" eval '! in_guest journalctl -b --no-pager | grep -i "ordering cycle"'

echo "-- an edited configuration, a spool"
redis_down
in_guest sed -i 's/^device = .*/device = "edited"/; s/load1/load5/' /data/etc/telhub.toml
in_guest systemctl restart telhub
in_guest chown root:root /data/etc/telhub.toml # as an image of before left it
in_guest chmod 644 /data/etc/telhub.toml
expect "telhub is active" within 30 active
expect "samples are spooled" within 30 eval 'page /api/status | jq -e ".spool.frames > 0 or .spool.bytes > 0"'
guest_stop KILL

echo "-- power cut, and a system that numbers users otherwise"
sed -i "s/^telhub:x:[0-9]*:/telhub:x:799:/" "$root/etc/passwd"
find "$partition/telhub" -printf '%u %m %p\n' | head -n 3 | sed 's/^/        | /'
redis_up --requirepass secret42
boot
expect "telhub is user 799 now" test "$(uid)" = 799
expect "the partition's files are, too" test -z "$(find "$partition/telhub" ! -uid 799)"
expect "telhub is active" within 30 active
expect "the configuration is root's and telhub's" test "$(in_guest stat -c '%a %U %G' /data/etc/telhub.toml)" = "640 root telhub"
expect "the edited configuration stayed" grep -q '^device = "edited"' "$partition/etc/telhub.toml"
expect "... and is in force" within 20 eval 'page /api/sensors | grep -q load5'
expect "samples reach Redis" grows 20
guest_stop TERM

echo "-- no partition"
sed -i 's|^What=.*|What=/nowhere|' "$root/usr/lib/systemd/system/data.mount"
guest_up() { [ "$(in_guest systemctl is-system-running)" = degraded ]; }
boot
expect "the board is up all the same" in_guest systemctl is-active -q multi-user.target
expect "telhub waits for its partition" eval '! active'
verdict
