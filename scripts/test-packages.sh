#!/usr/bin/env bash
# Installs, upgrades, removes and purges the packages under real systemd, with
# samples in the store, and looks at what stays: test-packages.sh ARCH. Two
# versions of the packages are made of dist/telhub-linux-ARCH and
# dist/ttp-linux-ARCH, which have to run here. Debian, root; docs/packages.md.
#
# Debian has neither apk nor opkg: APK=… with BUSYBOX=… (one with adduser), and
# OPKG=… name them. Without, those packages are looked into and not installed.
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
said() { ! grep -h 'src:' scripts/packages/nfpm.yaml.in scripts/packages/ttp/nfpm.yaml.in | grep -v 'mode: 0[67]'; }
expect "the mode of each file is said, and not that of whoever cloned the tree" said
lint() { # as another user, because lintian does not want to be root
	install -d -m777 "$guest/lint"
	install -m644 "$made"/new/*.deb "$guest/lint/"
	chmod 755 "$guest"
	setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$guest/lint" lintian --fail-on error,warning "$guest"/lint/*.deb
}
expect "lintian" lint
sed 's/^/        | /' "$guest/out"
expect "SBOM: the program's modules and checksum" jq -e --arg sum "$(sha256sum <"dist/telhub-linux-$arch" | cut -d' ' -f1)" \
	'.metadata.component.hashes[0].content == $sum and (.components | length > 8) and all(.components[1:][]; .properties[0].value | startswith("h1:"))' "$made"/new/telhub_*.cdx.json
expect "... ttp's, too" jq -e '.metadata.component.name == "ttp" and any(.components[]; .name == "github.com/jackc/pgx/v5")' "$made"/new/ttp_*.cdx.json
expect "SHA256SUMS names every file" eval 'diff <(cut -c67- "$made/new/SHA256SUMS") <(cd "$made/new" && printf "%s\n" * | grep -vx SHA256SUMS)'
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
expect "... and as docs/packages.md tells users to" eval '(cd "$guest/tree/dist/packages" && rm ./*.rpm && minisign -V -p telhub.pub -m SHA256SUMS && sha256sum -c --ignore-missing SHA256SUMS)'
echo x >>"$(echo "$guest"/tree/dist/packages/telhub_*.deb)"
refuse "... a changed package is not believed" "FAILED" eval '(cd "$guest/tree/dist/packages" && sha256sum -c --ignore-missing SHA256SUMS)'
(cd "$guest/tree/dist/packages" && echo x >>SHA256SUMS)
refuse "... a changed list is not believed" "erification failed" minisign -V -p "$guest/key.pub" -m "$guest/tree/dist/packages/SHA256SUMS"
echo x >>"$(echo "$guest"/release/telhub_*.deb)"
refuse "... a changed package is not signed" "did NOT match" release

echo "-- deb"
for version in old new; do
	cp "$made/$version"/telhub_*.deb "$root/root/$version.deb"
	cp "$made/$version"/ttp_*.deb "$root/root/ttp-$version.deb"
done
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
refuse "... anybody else is told how to read it" "run it as root" in_guest runuser -u nobody -- telhub check
expect "... the folder for the password is there, for root alone" test "$(in_guest stat -c '%U %a' /etc/credstore)" = "root 700"
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
left() { ! { in_guest systemctl list-unit-files "$1*" --no-legend; in_guest systemctl list-units --all "$1*" --no-legend; } | grep -v 'not-found *inactive'; } # what systemd has not forgotten yet
expect "... and no unit, failed or masked" left telhub

echo "-- deb of ttp"
queue() { in_guest env TTP_REDIS_PASSWORD=secret42 ttp "$@"; }
working() { in_guest curl -fsS -m 5 http://127.0.0.1:9156/health/ready; }
tasks() { queue stats --json | jq -e "$1"; }
expect "exposure of ttp.service at most 2.0" systemd-analyze security --offline=yes --threshold=20 --no-pager systemd/ttp.service
expect "install" dpkg_i /root/ttp-old.deb
expect "... neither enabled nor started" eval '! in_guest systemctl is-enabled ttp && ! in_guest systemctl is-active ttp'
expect "... the configuration belongs to root, readable by ttp only" test "$(in_guest stat -c '%U %G %a' /etc/ttp.toml)" = "root ttp 640"
redis-cli config set requirepass secret42 >/dev/null
export REDISCLI_AUTH=secret42
printf '# edited by hand\n[redis]\nurl = "redis://10.77.0.1:6379/0"\n' >"$root/etc/ttp.toml"
install -d -m700 "$root/etc/credstore"
echo secret42 >"$root/etc/credstore/ttp.redis_password"
expect "configure, with a credential, and start" in_guest systemctl enable --now ttp
expect "... ready" within 20 working
expect "... a task is done" eval '[ "$(queue enqueue echo "\"ping\"" --wait 20s)" = "\"ping\"" ]'
pid=$(in_guest systemctl show ttp -P MainPID)
expect "reload" in_guest systemctl reload ttp
expect "... by the same process" eval '[ "$(in_guest systemctl show ttp -P MainPID)" = "$pid" ] && working'
expect "2000 tasks of 20 ms each" queue enqueue sleep 20ms --count 2000
expect "upgrade in the middle of them" eval 'tasks ".undone > 100" && dpkg_i /root/ttp-new.deb'
expect "... another process, the edited configuration as it was" eval '[ "$(in_guest systemctl show ttp -P MainPID)" != "$pid" ] && grep "edited by hand" "$root/etc/ttp.toml"'
expect "... all are done, none is dead or lost" within 60 tasks '.undone == 0 and (.queues[0] | .done == 2001 and .dead == 0 and .lost == 0)'
expect "remove" in_guest dpkg -r ttp
expect "... stopped; the configuration stays" eval '! in_guest systemctl is-active ttp && [ -e "$root/etc/ttp.toml" ]'
expect "purge" in_guest dpkg -P ttp
everything >"$guest/after"
expect "... leaves nothing" diff <(grep -v '^etc/\(passwd\|group\|shadow\|gshadow\)-$\|^etc/.pwd.lock$' "$guest/before") <(grep -v '^etc/\(passwd\|group\|shadow\|gshadow\)-$\|^etc/.pwd.lock$' "$guest/after")
expect "... and no user" diff "$guest/passwd" "$root/etc/passwd"
expect "... and no unit" left ttp
guest_stop TERM

echo "-- rpm"
rpm_() { rpm --root "$root" --dbpath /var/lib/rpm --nodeps "$@"; }
mkdir -p "$root/var/lib/rpm"
expect "install" rpm_ -i --ignoreos "$made"/old/*.rpm
expect "... user and owners" test "$(chroot "$root" stat -c '%U %G %a' /etc/telhub.toml /etc/ttp.toml /var/lib/telhub | tr '\n' ' ')" = "root telhub 640 root ttp 640 telhub telhub 750 "
expect "... runs here" eval 'chroot "$root" telhub check && chroot "$root" ttp version'
echo "# edited" | tee -a "$root/etc/ttp.toml" >>"$root/etc/telhub.toml"
echo samples >"$root/var/lib/telhub/segment"
expect "upgrade" rpm_ -U --ignoreos "$made"/new/*.rpm
expect "... keeps the edited configuration and the store" eval 'grep "# edited" "$root/etc/telhub.toml" "$root/etc/ttp.toml" >/dev/null && [ -e "$root/var/lib/telhub/segment" ]'
expect "erase" rpm_ -e telhub ttp
expect "... keeps the edited configuration as .rpmsave" eval '[ -e "$root/etc/telhub.toml.rpmsave" ] && [ -e "$root/etc/ttp.toml.rpmsave" ]'
expect "... nothing else of the packages stays" test -z "$(find "$root/usr" \( -name '*telhub*' -o -name '*ttp.*' -o -name ttp \) -newer "$made/old" | head)"
rm -f "$root"/etc/*.rpmsave
rm -r "$root/var/lib/telhub"

echo "-- apk, ipk: contents"
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

# bring PROGRAM TARGET puts a program of this machine into $root, with its libraries.
bring() {
	mkdir -p "$root/opt/tools"
	ldd "$1" | awk '$3 ~ "^/" && $3 !~ "/libc\\.so" { print $3 }' | xargs -r -I{} cp -L {} "$root/opt/tools/"
	cp "$1" "$root/opt/tools/program"
	printf '#!/bin/sh\nLD_LIBRARY_PATH=/opt/tools exec /opt/tools/program "$@"\n' >"$root$2"
	chmod 755 "$root$2"
}
if [ -n "${OPKG:-}" ]; then
	echo "-- ipk: installed by $OPKG"
	bring "$OPKG" /usr/bin/opkg
	mkdir -p "$root/etc/opkg"
	: >"$root/etc/opkg/opkg.conf"
	ipk_arch=$(sed -n 's/^Architecture: //p' "$guest/ipk/control")
	opkg() { chroot "$root" opkg --add-dest root:/ --add-arch "$ipk_arch:10" "$@"; }
	cp "$made"/old/*.ipk "$root/root/old.ipk"
	cp "$made"/new/*.ipk "$root/root/new.ipk"
	cp "$guest/ipk/postinst" "$root/root/postinst"
	expect "install" opkg install /root/old.ipk
	expect "... user and owners" test "$(chroot "$root" stat -c '%U %G %a' /etc/telhub.toml /var/lib/telhub | tr '\n' ' ')" = "root telhub 640 telhub telhub 750 "
	expect "... runs here" chroot "$root" telhub check
	echo "# edited" >>"$root/etc/telhub.toml"
	echo samples >"$root/var/lib/telhub/segment"
	expect "upgrade" opkg install /root/new.ipk
	expect "... keeps the edited configuration and the store" eval 'grep "# edited" "$root/etc/telhub.toml" && [ -e "$root/var/lib/telhub/segment" ] && opkg list-installed | grep "telhub - 1.0.1"'
	expect "remove" opkg remove telhub
	expect "... keeps the edited configuration and the store, and nothing else" eval '[ -e "$root/etc/telhub.toml" ] && [ -e "$root/var/lib/telhub/segment" ] && [ ! -e "$root/usr/bin/telhub" ] && [ ! -e "$root/usr/lib/systemd/system/telhub.service" ] && [ ! -e "$root/usr/lib/telhub" ]'
	rm -f "$root"/etc/telhub.toml*
	refuse "into an image: says what to take instead" "meta-telhub" chroot "$root" env D=/image sh /root/postinst
else
	say "      ipk: NOT installed: OPKG= names no opkg"
fi
if [ -n "${APK:-}" ]; then
	echo "-- apk: installed by $APK, in a system of $BUSYBOX"
	alpine=$guest/alpine
	mkdir -p "$alpine"/{bin,sbin,usr/bin,usr/sbin,etc,dev,proc,tmp,var/lib,run,root}
	cp "$BUSYBOX" "$alpine/bin/busybox"
	"$BUSYBOX" --list | grep -vx busybox | while read -r applet; do ln -s /bin/busybox "$alpine/bin/$applet"; done
	echo root:x:0:0:root:/root:/bin/sh >"$alpine/etc/passwd"
	printf 'root:x:0:\ndialout:x:20:\n' >"$alpine/etc/group"
	echo 'root:*::0:::::' >"$alpine/etc/shadow"
	mknod -m666 "$alpine/dev/null" c 1 3
	apk() { "$APK" --root "$alpine" --allow-untrusted --no-network --repositories-file /dev/null "$@"; }
	expect "an empty system" apk --initdb add
	expect "install" apk add "$made"/old/*.apk
	expect "... user, groups and owners" test "$(chroot "$alpine" stat -c '%U %G %a' /etc/telhub.toml /var/lib/telhub | tr '\n' ' ')$(chroot "$alpine" id -nG telhub | tr ' ' '\n' | sort | tr '\n' ' ')" = "root telhub 640 telhub telhub 750 dialout gpio i2c telhub "
	expect "... runs here" chroot "$alpine" telhub check
	echo "# edited" >>"$alpine/etc/telhub.toml"
	echo samples >"$alpine/var/lib/telhub/segment"
	expect "upgrade" apk add "$made"/new/*.apk
	expect "... keeps the edited configuration and the store" eval 'grep "# edited" "$alpine/etc/telhub.toml" && [ -e "$alpine/etc/telhub.toml.apk-new" ] && [ -e "$alpine/var/lib/telhub/segment" ] && apk info -v | grep -x "telhub-1.0.1-r1"'
	expect "remove" apk del telhub
	expect "... keeps the edited configuration and the store, and nothing else" test "$(find "$alpine" -name '*telhub*' ! -name '*.apk-new' -printf '%P ' | tr ' ' '\n' | sort | tr '\n' ' ')" = "etc/telhub.toml var/lib/telhub "
else
	say "      apk: NOT installed: APK= names no apk"
fi
verdict
