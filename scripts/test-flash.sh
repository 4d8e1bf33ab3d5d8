#!/usr/bin/env bash
# Flashes a board, a container with systemd and a real sshd, with good and bad
# programs, and cuts what can be cut: test-flash.sh OLD NEW, two programs of
# this machine with different versions. Debian, root; docs/flashing.md.
# shellcheck disable=SC2016 # eval gets its text as it stands
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/guest.sh
. scripts/guest.sh

old=$(realpath "${1:?usage: test-flash.sh OLD NEW}") new=$(realpath "${2:?usage: test-flash.sh OLD NEW}")
guest_tools redis-server:redis-server redis-cli:redis-tools pv:pv socat:socat
guest_base
if [ -z "${GUEST_ALONE:-}" ]; then
	bad=$(mktemp -d /tmp/bad.XXXXXX)
	export bad
	trap 'rm -rf "$bad"' EXIT
	for mode in hang crash silent wrong; do
		CGO_ENABLED=0 GOFLAGS=-buildvcs=false "${GO:-go}" build -ldflags "-s -w -X main.Mode=$mode" -o "$bad/$mode" ./scripts/flashtest
	done
	CGO_ENABLED=0 GOARCH=arm64 GOFLAGS=-buildvcs=false "${GO:-go}" build -ldflags '-s -w' -o "$bad/arm64" ./scripts/flashtest
	cp "$old" "$bad/old" # copies: somebody may build meanwhile
	cp "$new" "$bad/new"
fi
old=$bad/old new=$bad/new
guest_alone "$@"
guest_new

# The program lies on a small file system of its own, so that it can be full.
bin=/opt/telhub
scripts/install.sh "$root"
mkdir -p "$root$bin" "$root/etc/systemd/system/telhub.service.d" "$root/root/.ssh" "$root/run/sshd" "$root/usr/bin"
ln -s "$bin/telhub" "$root/usr/bin/telhub"
printf '[Service]\nExecStart=\nExecStart=%s/telhub run\nExecReload=\nRestartSec=1\n' "$bin" >"$root/etc/systemd/system/telhub.service.d/test.conf"
systemd-sysusers --root="$root" telhub.conf
cat >"$root/etc/telhub.toml" <<'END'
device = "board"
[redis]
url = "redis://10.77.0.1:6379/0"
maxlen = 0
[[sensor]]
name = "board"
use = "system"
every = "100ms"
END
ssh-keygen -q -t ed25519 -N '' -f "$guest/key"
chroot "$root" ssh-keygen -q -A
install -m600 "$guest/key.pub" "$root/root/.ssh/authorized_keys"
# As on most boards: nobody logs in as root; and one who may not become root.
for user in pi plain; do # '*': no password, and not locked
	chroot "$root" useradd -m -s /bin/sh -p '*' "$user"
	install -d -m700 "$root/home/$user/.ssh"
	cp "$guest/key.pub" "$root/home/$user/.ssh/authorized_keys"
	chroot "$root" chown -R "$user" "/home/$user/.ssh"
done
echo 'pi ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/pi"
cat >"$root/etc/systemd/system/sshd-test.service" <<'END'
[Service]
ExecStartPre=/bin/mkdir -p /run/sshd
ExecStart=/usr/sbin/sshd -D -e -p 2222 -o UsePAM=no
END
chroot "$root" systemctl -q enable telhub
# What survives a power cut is on a disk, not in the container's memory.
mkdir -p "$guest/disk"
truncate -s 80M "$guest/disk.img"
mkfs.ext4 -q -m0 "$guest/disk.img"
mount -o loop "$guest/disk.img" "$guest/disk"
guest_tidy() { umount "$guest/disk" 2>/dev/null || true; rm -rf "$bad"; }
install -m755 "$old" "$guest/disk/telhub"
redis_up
start_board() {
	guest_boot --bind="$guest/disk:$bin"
	in_guest systemctl start sshd-test
	within 10 eval 'echo >/dev/tcp/127.0.0.1/2222'
}
start_board

version_of() { "$1" version --json | jq -r .version; }
old_version=$(version_of "$old") new_version=$(version_of "$new")
[ "$old_version" != "$new_version" ] || die "both programs are version $old_version"
ssh_options="-p 2222 -i $guest/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
slow="-o ProxyCommand=$guest/slow"
cat >"$guest/slow" <<END
#!/bin/sh
sh -c 'echo \$\$ >$guest/slow.pid; exec pv -qL 700k' | socat - TCP:127.0.0.1:2222
END
chmod +x "$guest/slow"

ready() { in_guest curl -fsS -m 5 http://127.0.0.1:9155/health/ready; }
runs() { ready | grep -F "\"version\":\"$1\""; }
same() { cmp "$1" "$guest/disk/telhub" && runs "$2" && [ "$(in_guest sha256sum "/proc/$(in_guest systemctl show telhub -P MainPID)/exe" | cut -d' ' -f1)" = "$(sha256sum <"$1" | cut -d' ' -f1)" ]; }
tidy() { [ ! -e "$guest/disk/telhub.new" ] && [ ! -e "$root/var/lib/telhub-flash/trial" ]; }
flash() { SSH_OPTIONS="$ssh_options ${more:-}" scripts/flash.sh "$@"; }

# The seconds are for a machine that has ten other things to do.
# ends CODE SECONDS TEXT STATE OPTIONS... : flash has to end with this code and
# within these seconds, and leave the board with "old" or "new" serving.
ends() {
	local code=$1 limit=$2 text=$3 state=$4 rc=0 t0 took
	shift 4
	t0=$(date +%s%3N)
	flash "$@" >"$guest/flash" 2>&1 || rc=$?
	took=$(($(date +%s%3N) - t0))
	if [ "$rc" = "$code" ] && [ "$took" -le $((limit * 1000)) ]; then
		ok "$text: exit $rc after $took ms"
	else
		bad "$text: exit $rc after $took ms, want $code within $limit s"
	fi
	sed 's/^/        | /' "$guest/flash" | cut -c1-200 | tail -n "${lines:-2}"
	expect "... the $state one serves, nothing is left over" within 10 eval "same \"\$$state\" \"\$${state}_version\" && tidy"
}
boards=root@127.0.0.1

within 30 runs "$old_version" || die "the old program does not run"
say "$old_version -> $new_version"
echo "-- nothing may change"
ends 1 30 "wrong architecture" old --binary "$bad/arm64" "$boards"
ends 1 30 "no program at all" old --binary scripts/flash.sh "$boards"
ends 1 30 "a user without sudo" old --binary "$new" plain@127.0.0.1
expect "... whom ssh let in" grep -i 'sudo:.*password' "$guest/flash"
ends 1 30 "a name that does not resolve" old --binary "$new" root@10.77.0.1x
printf '#!/bin/sh\nexec sleep 300\n' >"$guest/mute"
chmod +x "$guest/mute"
more="-o ProxyCommand=$guest/mute"
ends 1 30 "a host that does not answer" old --binary "$new" "$boards"
more=''
cp "$root/etc/telhub.toml" "$guest/toml"
echo 'nonsense = 1' >>"$root/etc/telhub.toml"
lines=4 ends 1 60 "bad configuration" old --binary "$new" "$boards"
cp "$guest/toml" "$root/etc/telhub.toml"
dd if=/dev/zero of="$guest/disk/fill" bs=1M count=100 2>/dev/null || true
ends 1 30 "full disk" old --binary "$new" "$boards"
rm "$guest/disk/fill"
in_guest mount -t tmpfs -o size=32k tmpfs /var/lib/telhub-flash
ends 1 30 "no room for what the board notes" old --binary "$new" "$boards"
in_guest umount /var/lib/telhub-flash
# A copy takes some 7 s by this connection; a second after its begin is in it.
copying() { within 60 compgen -G "$guest/disk/telhub.new.*" && sleep 1; }
more=$slow
(copying; dd if=/dev/zero of="$guest/disk/fill" bs=1M count=100 2>/dev/null || true) &
ends 1 60 "a disk that fills while the program is copied" old --binary "$new" "$boards"
expect "... in the copy" grep "the copy failed" "$guest/flash"
rm -f "$guest/disk/fill"
(copying; kill "$(cat "$guest/slow.pid")") &
ends 1 60 "connection cut while the program is copied" old --binary "$new" "$boards"
expect "... in the copy" grep "the copy failed" "$guest/flash"
more=''

echo "-- back to the old one"
declare -A does=([hang]="hangs before READY=1" [crash]="crashes after it" [silent]="does not answer" [wrong]="tells another version")
for mode in hang crash silent wrong; do
	ends 3 60 "a program that ${does[$mode]}" old --wait 8 --binary "$bad/$mode" "$boards"
done

echo "-- the connection is lost after the switch"
# cut_after waits for the switch and ends the board's sshd, all of it.
cut_after() {
	within 60 test -e "$root/var/lib/telhub-flash/trial"
	in_guest systemctl kill -s KILL sshd-test # with its sessions
}
cut_after &
ends 4 120 "a program that hangs" old --wait 8 --binary "$bad/hang" "$boards"
in_guest systemctl start sshd-test
within 10 eval 'echo >/dev/tcp/127.0.0.1/2222'
{ cut_after; sleep 3; in_guest systemctl start sshd-test; } &
ends 0 120 "a good one, as a user with sudo, and the connection comes back" new --binary "$new" pi@127.0.0.1
ends 0 60 "once more: nothing to do" new --binary "$new" "$boards"
expect "the old one is kept" cmp "$old" "$guest/disk/telhub.prev"

echo "-- power cuts"
switched() { [ -e "$root/var/lib/telhub-flash/trial" ] && ! cmp "$new" "$guest/disk/telhub"; }
for mode in hang crash; do
	flash --wait 20 --binary "$bad/$mode" "$boards" >"$guest/flash" 2>&1 &
	flasher=$!
	within 60 switched
	guest_stop KILL
	kill "$flasher" 2>/dev/null || true
	wait "$flasher" 2>/dev/null || true
	start_board
	expect "power cut in the trial of a program that ${does[$mode]}: boots the one before" within 30 eval 'same "$new" "$new_version" && tidy'
done
more=$slow
flash --binary "$old" "$boards" >"$guest/flash" 2>&1 &
flasher=$!
more=''
copying
guest_stop KILL
kill "$flasher" 2>/dev/null || true
wait "$flasher" 2>/dev/null || true
start_board
expect "power cut while it is copied: boots the one before" within 30 eval 'same "$new" "$new_version"'
rm -f "$guest"/disk/telhub.new.*

echo "-- again, and two at once"
more=$slow
(copying; kill -STOP "$(cat "$guest/slow.pid")") &
ends 1 90 "the connection falls silent while the program is copied" new --binary "$old" "$boards"
expect "... in the copy" grep "the copy failed" "$guest/flash"
more=''
ends 0 120 "again, while the board still waits for the first" old --binary "$old" "$boards"
kill -CONT "$(cat "$guest/slow.pid")"
sleep 1
expect "... which changes nothing when it ends" eval 'same "$old" "$old_version" && ! ls "$guest"/disk/telhub.new*'
flash --wait 8 --binary "$bad/hang" "$boards" >"$guest/first" 2>&1 &
flasher=$!
within 60 switched
refuse "a second flash while one is under way" "another flash is under way" flash --binary "$new" "$boards"
rc=0
wait "$flasher" || rc=$?
expect "... the first one goes on, and back" test "$rc" = 3
in_guest systemctl stop telhub
cp "$bad/hang" "$guest/disk/telhub"
in_guest systemctl start --no-block telhub
ends 0 120 "a board whose program hangs is mended" new --binary "$new" "$boards"

echo "-- fleet"
# Three names for the one board: what was done there is found done.
printf '%s\n' "$boards # canary" "" "root@127.0.0.2" "root@127.0.0.3" >"$guest/hosts"
expect "canary, then the others" flash --binary "$old" --soak 2 --parallel 1 --fleet "$guest/hosts"
sed 's/^/        | /' "$guest/out"
expect "... all on $old_version" within 10 same "$old" "$old_version"
refuse "a bad canary stops it" "the others were not touched" flash --binary "$bad/silent" --wait 5 --soak 1 --fleet "$guest/hosts"
expect "... the board serves the old one" within 20 same "$old" "$old_version"
printf '%s\n' "$boards" "nobody@127.0.0.1" "root@127.0.0.2" >"$guest/hosts"
refuse "a failure later stops it, too" "2 of 3 done\|1 of 3 done, 1 failed, 1 not touched" flash --binary "$new" --soak 1 --parallel 1 --fleet "$guest/hosts"
sed 's/^/        | /' "$guest/out" | tail -n 3
expect "nothing was lost over all of it: audit" env TELEMETRY_REDIS_URL=redis://10.77.0.1:6379/0 "$old" audit --whole --config "$root/etc/telhub.toml"
sed 's/^/        | /' "$guest/out" | tail -n 4
verdict
