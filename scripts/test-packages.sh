#!/usr/bin/env bash
# Installs, upgrades, removes and purges the packages under real systemd, with
# samples in the store, and looks at what stays: test-packages.sh ARCH. Two
# versions of the package are made of dist/telhub-linux-ARCH, which has to run
# here. Debian, root; docs/packages.md.
# shellcheck disable=SC2016,SC2034 # eval gets its text as it stands
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/guest.sh
. scripts/guest.sh

arch=${1:?usage: test-packages.sh ARCH}
guest_tools redis-server:redis-server redis-cli:redis-tools lintian:lintian rpm:rpm minisign:minisign
guest_base
# Both versions are made before the network is away.
if [ -z "${GUEST_ALONE:-}" ]; then
	made=$(mktemp -d /tmp/packages.XXXXXX)
	export made
	trap 'rm -rf "$made"' EXIT
	describe=$(git describe --tags --always) at=$(git log -1 --format=%ct)
	say "packages of version 1.0.1, twice, and of 1.0.0"
	OUT=$made/again PKGVERSION=1.0.1 scripts/packages.sh "$describe" "$at" "$arch" >/dev/null
	find systemd scripts/packages -type f -exec touch {} +
	(umask 077 && OUT=$made/new PKGVERSION=1.0.1 TZ=Asia/Tokyo scripts/packages.sh "$describe" "$at" "$arch" >/dev/null)
	OUT=$made/old PKGVERSION=1.0.0 scripts/packages.sh "$describe" "$at" "$arch" >/dev/null
fi
guest_alone "$@"
guest_new
guest_tidy() { rm -rf "$made"; }

echo "-- files"
expect "the same packages again, byte for byte, under another umask and time zone" diff -r "$made/again" "$made/new"
lint() { # as another user, because lintian does not want to be root
	install -d -m777 "$guest/lint"
	install -m644 "$made"/new/*.deb "$guest/lint/"
	chmod 755 "$guest"
	setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$guest/lint" lintian --fail-on error,warning "$guest"/lint/*.deb
}
expect "lintian" lint
sed 's/^/        | /' "$guest/out"
expect "SBOM: the program's modules and checksum" jq -e --arg sum "$(sha256sum <"dist/telhub-linux-$arch" | cut -d' ' -f1)" \
	'.metadata.component.hashes[0].content == $sum and (.components | length > 8) and all(.components[1:][]; .properties[0].value | startswith("h1:"))' "$made"/new/*.cdx.json
cp -r "$made/new" "$guest/release"
minisign -G -W -f -s "$guest/key" -p "$guest/key.pub" >/dev/null
release() { # on a copy, as scripts/release.sh does it in dist
	mkdir -p "$guest/tree/dist" "$guest/tree/scripts"
	cp scripts/release.sh "$guest/tree/scripts/"
	rm -rf "$guest/tree/dist/packages"
	cp -r "$guest/release" "$guest/tree/dist/packages"
	"$guest/tree/scripts/release.sh" "$guest/key" "$guest/key.pub"
}
expect "release: signed, and the signature verified" release
(cd "$guest/tree/dist/packages" && echo x >>SHA256SUMS)
refuse "... a changed list is not believed" "erification failed" minisign -V -p "$guest/key.pub" -m "$guest/tree/dist/packages/SHA256SUMS"
echo x >>"$(echo "$guest"/release/*.deb)"
refuse "... a changed package is not signed" "did NOT match" release

echo "-- deb"
cp "$made"/old/*.deb "$root/root/old.deb"
cp "$made"/new/*.deb "$root/root/new.deb"
everything() { find "$root" -xdev -mindepth 1 \( -path "$root/proc" -o -path "$root/sys" -o -path "$root/dev" -o -path "$root/run" -o -path "$root/tmp" -o -path "$root/var/log" -o -path "$root/var/tmp" -o -path "$root/var/lib/dpkg" \) -prune -o -printf '%P\n' | sort; }
redis_up
guest_boot
everything >"$guest/before"
cp "$root/etc/passwd" "$guest/passwd"

ready() { in_guest curl -fsS -m 5 http://127.0.0.1:9155/health/ready; }
status() { in_guest curl -fsS -m 5 http://127.0.0.1:9155/api/status | jq -e "$1"; }
prop() { in_guest systemctl show telhub -P "$1"; }
length() { redis-cli xlen "telhub:{0}:$1"; }
audit() { TELEMETRY_REDIS_URL=redis://10.77.0.1:6379/0 "$root/usr/bin/telhub" audit --whole --json --config "$root/etc/telhub.toml"; }
# What is young may still be held until Redis has it on disk.
drained() { [ "$(length backfill)" -gt 0 ] && status '.uplink.state == "connected" and .spool.oldest_seconds < 10'; }
dpkg_i() { in_guest env DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold -i "$1"; }

expect "install" dpkg_i /root/old.deb
expect "... runs at once and is enabled" eval 'within 20 ready && in_guest systemctl is-enabled telhub'
expect "... the configuration belongs to root, readable by the agent only" test "$(in_guest stat -c '%U %G %a' /etc/telhub.toml)" = "root telhub 640"
expect "... every file has its checksum" in_guest dpkg --verify telhub
cat >"$root/etc/telhub.toml" <<'END'
# edited by hand
device = "board"
[redis]
url = "redis://10.77.0.1:6379/0"
maxlen = 0
[uplink.breaker]
open = "200ms"
open_max = "500ms"
[spool]
max_size = "16MB"
max_loss = "1s"
drop = "newest"
[[sensor]]
name = "board"
use = "system"
every = "100ms"
END
expect "configure: reload" in_guest systemctl reload telhub
expect "... samples arrive" within 20 eval '[ "$(length live)" -gt 3 ]'

echo "-- upgrade during an outage"
redis_down
expect "the store holds samples" within 30 status '.spool.frames > 20'
sum=$(sha256sum <"$root/etc/telhub.toml")
pid=$(prop MainPID)
expect "upgrade" dpkg_i /root/new.deb
expect "... another process, the new version installed" eval '[ "$(prop MainPID)" != "$pid" ] && in_guest dpkg -s telhub | grep "Version: 1.0.1" >/dev/null'
expect "... the edited configuration is as it was" test "$(sha256sum <"$root/etc/telhub.toml")" = "$sum"
expect "... ready, from the store" within 20 ready
redis_up
expect "... the backlog is delivered" within 40 drained
expect "... audit: nothing lost, nothing twice" eval 'audit | jq -e ".balanced and (.devices[0] | .declared_lost == 0 and .unknown_losses == 0)"'
audit | jq -c '.devices[0] | {runs, acquired, delivered, declared_lost, unknown_losses}' | sed 's/^/        | /' || true

echo "-- upgrade with a full store"
redis_down
# Twenty numbers a line that no codec makes smaller.
cat >"$root/usr/local/bin/noise" <<'END'
#!/bin/sh
exec mawk -v OFMT=%.15g -v CONVFMT=%.15g 'BEGIN { for (;;) { for (n = 0; n < 50; n++) { line = rand(); for (k = 1; k < 20; k++) line = line "," rand(); print line } fflush(); system("sleep 0.02") } }'
END
chmod +x "$root/usr/local/bin/noise"
printf '[Service]\nExecStart=/usr/bin/socat PTY,link=/dev/noise,group=dialout,mode=660,raw,echo=0,wait-slave EXEC:/usr/local/bin/noise\nRestart=always\n' >"$root/etc/systemd/system/noise.service"
{
	printf '[[sensor]]\nname = "noise"\nuse = "line"\nport = "/dev/noise"\nmode = "115200 8N1"\nformat = "csv"\ncolumns = ['
	printf '"n%d", ' $(seq 20)
	echo ']'
} >>"$root/etc/telhub.toml"
in_guest systemctl daemon-reload
in_guest systemctl start noise
expect "configure: a sensor that fills the store" in_guest systemctl reload telhub
expect "the store is full" within 120 status '.spool.state != "ok" and .spool.bytes > 0.95 * .spool.max_bytes'
status '{spool}' | jq -c . | sed 's/^/        | /'
in_guest systemctl stop noise
rm "$root/usr/local/bin/noise" "$root/etc/systemd/system/noise.service"
held=$(status .spool.frames)
expect "downgrade, which is an upgrade to the package's scripts" dpkg_i /root/old.deb
expect "... ready" within 20 ready
expect "... the store holds what it held ($held frames)" within 20 status ".spool.frames >= $held"
redis_up
expect "... all of it is delivered" within 90 drained
expect "... audit: balanced; what the full store refused is declared" eval 'audit | jq -e ".balanced and .unexplained == 0 and .devices[0].declared_lost > 0"'
audit | jq -c '.devices[0] | {runs, acquired, delivered, declared_lost, unknown_losses}' | sed 's/^/        | /' || true

echo "-- remove, purge"
expect "remove" in_guest dpkg -r telhub
expect "... stopped; configuration and store stay" eval '[ "$(prop ActiveState)" != active ] && [ -e "$root/etc/telhub.toml" ] && [ -d "$root/var/lib/telhub" ]'
expect "... the program is gone" test ! -e "$root/usr/bin/telhub"
expect "install again: goes on with the edited file" eval 'dpkg_i /root/new.deb && within 20 ready && grep "edited by hand" "$root/etc/telhub.toml" >/dev/null'
in_guest cp /usr/bin/telhub /usr/bin/telhub.prev # as flash.sh leaves it
in_guest mkdir -p /var/lib/telhub-flash
expect "purge" in_guest dpkg -P telhub
everything >"$guest/after"
# What accounts leave belongs to passwd(5): backups, and groups of devices.
expect "... leaves nothing" diff <(grep -v '^etc/\(passwd\|group\|shadow\|gshadow\)-$\|^etc/.pwd.lock$' "$guest/before") <(grep -v '^etc/\(passwd\|group\|shadow\|gshadow\)-$\|^etc/.pwd.lock$' "$guest/after")
expect "... and no user" diff "$guest/passwd" "$root/etc/passwd"
left() { ! { in_guest systemctl list-unit-files 'telhub*' --no-legend; in_guest systemctl list-units --all 'telhub*' --no-legend; } | grep .; }
expect "... and no unit, failed or masked" left
guest_stop TERM

echo "-- rpm"
rpm_() { rpm --root "$root" --dbpath /var/lib/rpm --nodeps "$@"; }
mkdir -p "$root/var/lib/rpm"
expect "install" rpm_ -i --ignoreos "$made"/old/*.rpm
expect "... user and owners" test "$(chroot "$root" stat -c '%U %G %a' /etc/telhub.toml /var/lib/telhub | tr '\n' ' ')" = "root telhub 640 telhub telhub 750 "
expect "... runs here" chroot "$root" telhub check
echo "# edited" >>"$root/etc/telhub.toml"
echo samples >"$root/var/lib/telhub/segment"
expect "upgrade" rpm_ -U --ignoreos "$made"/new/*.rpm
expect "... keeps the edited configuration and the store" eval 'grep "# edited" "$root/etc/telhub.toml" >/dev/null && [ -e "$root/var/lib/telhub/segment" ]'
expect "erase" rpm_ -e telhub
expect "... keeps the edited configuration as .rpmsave" test -e "$root/etc/telhub.toml.rpmsave"
expect "... nothing else of the package stays" test -z "$(find "$root/usr" -name '*telhub*' | head)"

echo "-- apk, ipk: contents, since neither tool is in Debian"
listing() { tar -tzf - | sed 's|^\./||; s|/$||' | sort; }
expect "apk: program, configuration, OpenRC script" eval 'listing <"$(echo "$made"/new/*.apk)" 2>/dev/null | tr "\n" " " | grep "etc/init.d/telhub.*etc/telhub.toml.*usr/bin/telhub" >/dev/null'
mkdir "$guest/apk" "$guest/ipk"
tar -xzf "$(echo "$made"/new/*.apk)" -C "$guest/apk" 2>/dev/null
expect "apk: scripts of each step" ls "$guest/apk/.pre-install" "$guest/apk/.post-install" "$guest/apk/.pre-deinstall" "$guest/apk/.post-upgrade"
tar -xzf "$(echo "$made"/new/*.ipk)" -C "$guest/ipk"
tar -xzf "$guest/ipk/control.tar.gz" -C "$guest/ipk"
expect "ipk: program, unit, procd script" eval 'listing <"$guest/ipk/data.tar.gz" | tr "\n" " " | grep "etc/init.d/telhub.*usr/bin/telhub.*usr/lib/systemd/system/telhub.service" >/dev/null'
expect "ipk: the configuration is kept" grep -x /etc/telhub.toml "$guest/ipk/conffiles"
for script in "$guest"/apk/.p* "$guest"/ipk/p* "$guest/ipk/etc/init.d/telhub"; do
	[ ! -f "$script" ] || expect "${script#"$guest"/} is a shell script without mistakes" sh -n "$script"
done
verdict
