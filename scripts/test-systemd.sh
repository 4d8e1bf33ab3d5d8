#!/usr/bin/env bash
# Runs systemd/telhub.service under real systemd, with its filters enforced,
# and tries what it must do and what it must not: test-systemd.sh BINARY.
# Debian, root; docs/systemd.md.
# shellcheck disable=SC2016 # eval gets its text as it stands
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/guest.sh
. scripts/guest.sh

binary=$(realpath "${1:?usage: test-systemd.sh BINARY}")
guest_tools redis-server:redis-server redis-cli:redis-tools udevadm:udev
guest_base
guest_alone "$@"
guest_new

score() { systemd-analyze security --offline=yes --threshold=20 --no-pager systemd/telhub.service; }
expect "exposure at most 2.0: $(score | tail -n1 | grep -o '[0-9]\.[0-9]')" score

# As the package installs it.
install -D -m755 "$binary" "$root/usr/bin/telhub"
scripts/install.sh "$root"
expect "sysusers.d makes the user and its groups" systemd-sysusers --root="$root" telhub.conf
expect "user telhub is in i2c, gpio and dialout" test "$(chroot "$root" id -nG telhub | tr ' ' '\n' | sort | tr '\n' ' ')" = "dialout gpio i2c telhub "
mkdir -p "$root/etc/credstore"
chmod 700 "$root/etc/credstore"
echo secret42 >"$root/etc/credstore/telhub.redis_password"
chroot "$root" systemctl -q enable telhub

# A counter on a line of its own, as a microcontroller would send it.
cat >"$root/usr/local/bin/counter" <<'END'
#!/bin/sh
n=0
while sleep 0.05; do n=$((n + 1)); echo "{\"n\": $n}"; done
END
chmod +x "$root/usr/local/bin/counter"
cat >"$root/etc/systemd/system/counter.service" <<'END'
[Service]
ExecStart=/usr/bin/socat PTY,link=/dev/counter,group=dialout,mode=660,raw,echo=0,wait-slave EXEC:/usr/local/bin/counter
Restart=always
END

config() { # config REDIS-HOST [MORE]
	cat >"$root/etc/telhub.toml" <<END
device = "guest"
[redis]
url = "redis://$1:6379/0"
maxlen = 0
[uplink.breaker]
open = "200ms"
open_max = "500ms"
${2:-}
[[sensor]]
name = "counter"
use = "line"
port = "/dev/counter"
mode = "115200 8N1"
format = "json"
[sensor.out]
n = { key = "n" }
[[sensor]]
name = "board"
use = "system"
every = "1s"
only = ["load1", "processes", "memory_available", "disk_free"]
END
}
config 10.77.0.1

redis_up --requirepass secret42
export REDISCLI_AUTH=secret42
disk=$(find /dev -maxdepth 1 -name 'loop[0-9]*' -type b | sort -V | tail -n1)
[ -n "$disk" ] || die "this machine has no loop device for the negative tests"
[ -c /dev/tty5 ] || die "this machine has no /dev/tty5 for the negative tests"
guest_boot --bind=/dev/tty5 --bind="$disk"
in_guest systemctl start counter

prop() { in_guest systemctl show telhub -P "$1"; }
is() { [ "$(prop "$1")" = "$2" ]; }
page() { in_guest curl -fsS -m 5 "http://127.0.0.1:9155$1"; }
ready() { page /health/ready; }
status() { page /api/status | jq -e "$1"; }
length() { redis-cli xlen 'telhub:{0}:live'; }
grows() { local from; from=$(length) && within "$1" eval "[ \$(length) -gt $((from + 2)) ]"; }
# probe COMMAND... runs a command in telhub's place: its user, groups, sandbox
# and cgroup. The service itself stays stopped afterwards.
probe() {
	{
		echo '[Service]'
		echo 'Type=oneshot'
		echo 'Restart=no'
		echo 'WatchdogSec=0'
		echo 'ExecStartPre='
		echo 'ExecStart='
		echo 'StandardOutput=truncate:/var/tmp/probe'
		echo 'StandardError=inherit'
		echo "ExecStart=/bin/sh -c 'echo the probe runs; $*'"
	} >"$guest/probe.conf"
	in_guest mkdir -p /run/systemd/system/telhub.service.d
	install -m644 "$guest/probe.conf" "/proc/$guest_init/root/run/systemd/system/telhub.service.d/99-probe.conf"
	in_guest systemctl daemon-reload
	in_guest systemctl stop telhub
	in_guest rm -f /var/tmp/probe
	local rc=0
	in_guest systemctl start telhub >/dev/null 2>&1 || rc=$?
	cat "/proc/$guest_init/root/var/tmp/probe"
	in_guest rm -f /run/systemd/system/telhub.service.d/99-probe.conf
	in_guest systemctl daemon-reload
	in_guest systemctl reset-failed telhub
	grep -q "the probe runs" "/proc/$guest_init/root/var/tmp/probe" || { echo "the probe did not run"; return 1; }
	return "$rc"
}

# dial HOST prints a command that wants an answer from the Redis there.
dial() { echo "echo PING | socat -T3 - TCP:$1:6379,connect-timeout=3 | grep NOAUTH"; }

own_groups() { grep -F "/${guest##*/}/" "/proc/$guest_init/cgroup"; }
expect "the container's control groups are its own, and nobody else's filters in force" own_groups

echo "-- start"
expect "ready after the boot" within 30 ready
expect "systemd says: active, and since READY=1" test "$(prop ActiveState)/$(prop SubState)/$(prop StatusText)" = "active/running/forwarding guest"
expect "samples reach Redis, with the credential's password" grows 15
expect "both sensors deliver, the clock's state is known" within 15 status '.state != "" and (.clock | tostring | test("adjtimex") | not)'
page /api/status | jq -c '{state,problems,clock}' | sed 's/^/        | /'
expect "all sensors are up" within 15 eval 'page /api/sensors | jq -e "length == 2 and all(.up)"'
expect "the spool is the user's, mode 0750" test "$(in_guest stat -c '%U %a' /var/lib/telhub)" = "telhub 750"
worst=$(chroot "$root" telhub check --json 2>/dev/null | jq .memory_bytes)
expect "MemoryMax is what telhub check computes ($worst)" is MemoryMax $((2 * worst + 33554432))
expect "the password's file is out of its sight" probe '! cat /etc/credstore/telhub.redis_password'

echo "-- reload"
in_guest systemctl restart telhub
expect "ready again" within 30 ready
pid=$(prop MainPID)
config 10.77.0.1 '[queue]
capacity = 65536'
expect "reload" in_guest systemctl reload telhub
expect "... by the same process" is MainPID "$pid"
expect "... the new configuration is in force" within 20 status '.queue.capacity == 65536'
worst=$(chroot "$root" telhub check --json 2>/dev/null | jq .memory_bytes)
expect "... MemoryMax, too ($worst)" is MemoryMax $((2 * worst + 33554432))
expect "... samples flow on" grows 15
echo 'nonsense = 1' >>"$root/etc/telhub.toml"
sed -i 's/^device/devise/' "$root/etc/telhub.toml"
refuse "reload of a wrong configuration fails" "failed" in_guest systemctl reload telhub
expect "... and says why in the journal" within 5 eval 'in_guest journalctl -u telhub | grep "devise" >/dev/null'
expect "... the old one goes on" eval 'is MainPID "$pid" && status ".queue.capacity == 65536" && grows 15'
config 10.77.0.1
in_guest systemctl reload telhub

echo "-- watchdog and restarts"
within 20 ready || true
restarts=$(prop NRestarts)
limit=$(prop WatchdogUSec)
in_guest mkdir -p /run/systemd/system/telhub.service.d
printf '[Service]\nWatchdogSec=3\nRestartSec=100ms\n' >"/proc/$guest_init/root/run/systemd/system/telhub.service.d/50-fast.conf"
in_guest systemctl daemon-reload
in_guest systemctl restart telhub
within 20 ready || true
t0=$(date +%s%3N)
in_guest kill -STOP "$(prop MainPID)"
expect "SIGSTOP: restarted by the watchdog (the unit's is $limit, here 3s)" within 20 is NRestarts 1
say "      after $(($(date +%s%3N) - t0)) ms"
expect "... result: watchdog, in the journal" within 5 eval 'in_guest journalctl -u telhub | grep -i "watchdog timeout" >/dev/null'
# A pseudo-terminal, other than a port, keeps a killed owner's exclusive mark
# while its other end is open.
in_guest systemctl restart counter
expect "... and ready, with both sensors" within 20 eval 'ready && page /api/sensors | jq -e "length == 2 and all(.up)"'
for n in $(seq 2 9); do
	in_guest kill -KILL "$(prop MainPID)"
	within 20 is NRestarts "$n" || break
	within 20 eval '[ "$(prop MainPID)" != 0 ]' || break
done
expect "killed eight times within a few seconds: started each time ($restarts before)" eval 'is NRestarts 9 && within 20 ready'
in_guest rm /run/systemd/system/telhub.service.d/50-fast.conf
in_guest systemctl daemon-reload
in_guest systemctl restart telhub

echo "-- devices"
# Permission of the file is given, so that only the device policy can refuse.
in_guest chgrp dialout /dev/tty5 "$disk"
in_guest chmod 660 /dev/tty5 "$disk"
expect "control: root of the container opens $disk and /dev/tty5" in_guest sh -c ": <$disk && : </dev/tty5"
refuse "a disk, though group and mode allow it" "Operation not permitted" probe ": <$disk"
refuse "a virtual console, of the same major as ttyS" "Operation not permitted" probe ": </dev/tty5"
refuse "memory" "Permission denied\|Operation not permitted\|cannot open" probe ": </dev/mem"
in_guest systemctl restart counter
expect "its own: a serial port" probe "exec 3<>/dev/counter && test -t 3"

echo "-- network"
expect "control: root of the container reaches 203.0.113.1" in_guest sh -c "$(dial 203.0.113.1)"
expect "a host of the private network" probe "$(dial 10.77.0.1)"
refuse "a host of the Internet" "timed out\|not permitted" probe "$(dial 203.0.113.1)"
refuse "no raw socket" "not permitted" probe 'socat -u OPEN:/dev/null IP-SENDTO:127.0.0.1:250'
refuse "no packet socket" "not supported" probe 'socat -u OPEN:/dev/null INTERFACE:lo'
config 203.0.113.1
in_guest systemctl restart telhub
within 20 ready || true
expect "the agent itself stays disconnected from a Redis there, ready by its store" within 15 status '.uplink.state == "disconnected"'
before=$(length)
sleep 3
expect "... nothing arrives" test "$(length)" = "$before"
in_guest mkdir -p /etc/systemd/system/telhub.service.d
sed 's/203.0.113.7/203.0.113.1/' systemd/examples/internet.conf >"$root/etc/systemd/system/telhub.service.d/internet.conf"
in_guest systemctl daemon-reload
in_guest systemctl restart telhub
expect "with examples/internet.conf it delivers, what was stored meanwhile, too" eval 'grows 20 && within 20 eval "[ \$(redis-cli xlen telhub:{0}:backfill) -gt 0 ]"'
rm "$root/etc/systemd/system/telhub.service.d/internet.conf"
in_guest systemctl daemon-reload

echo "-- file system and kernel"
expect "its own directory is writable" probe 'touch /var/lib/telhub/x /run/telhub/x && rm /var/lib/telhub/x'
refuse "/etc is not" "Read-only" probe 'touch /etc/x'
refuse "its own program is not" "denied\|Read-only" probe 'touch /usr/bin/telhub'
refuse "/home is not there" "denied" probe 'ls /home'
refuse "/sys is not writable" "Read-only" probe 'echo 1 >/sys/kernel/profiling'
expect "no capability, no new privileges" probe 'grep -q "^CapEff:.0*$" /proc/self/status && grep -q "^NoNewPrivs:.1" /proc/self/status'
refuse "the clock cannot be set" "not permitted" probe 'date -s 2020-01-01'
refuse "no namespace of its own" "not permitted" probe 'unshare -U true'

echo "-- port 443"
config 10.77.0.1 '[http]
listen = "0.0.0.0:443"'
in_guest systemctl stop telhub
in_guest systemctl start telhub.socket
in_guest systemctl start telhub
expect "the page on port 443, by systemd's socket" within 20 in_guest curl -fsS -m 5 http://10.77.0.1:443/health/ready
refuse "from outside the list: not" "timed out\|Timeout" in_guest curl -fsS -m 3 --interface 203.0.113.1 http://203.0.113.1:443/health/ready
in_guest systemctl reload telhub
expect "... after a reload, too" within 20 in_guest curl -fsS -m 5 http://10.77.0.1:443/health/ready
in_guest systemctl stop telhub.socket telhub
config 10.77.0.1

echo "-- files"
expect "systemd-analyze verify is silent" test -z "$(in_guest systemd-analyze verify /usr/lib/systemd/system/telhub.service /usr/lib/systemd/system/telhub.socket 2>&1 | tee "$guest/out")"
expect "no key of the unit was ignored" eval '! in_guest journalctl -b | grep -E "telhub\.(service|socket):[0-9]+:"'
expect "tmpfiles.d" in_guest systemd-tmpfiles --create telhub.conf
for example in systemd/examples/*.conf; do
	install -D -m644 "$example" "$root/run-examples/telhub.service.d/x.conf"
	install -m644 systemd/telhub.service "$root/run-examples/telhub.service"
	# What a newer systemd knows is no mistake.
	expect "${example#systemd/}" test -z "$(in_guest systemd-analyze verify /run-examples/telhub.service 2>&1 | grep -v "Unknown key .*Restart\(Steps\|MaxDelaySec\)" | tee -a "$guest/out")"
done
rules() {
	in_guest udevadm test /sys/class/tty/ttyS0 >"$guest/udev" 2>&1 || true
	grep 'Reading rules file: .*61-telhub.rules' "$guest/udev" && ! grep '61-telhub.rules:[0-9]' "$guest/udev"
}
expect "udev reads the rules, and finds nothing wrong" rules
expect "the whole run's audit is balanced" env TELEMETRY_REDIS_URL=redis://10.77.0.1:6379/0 TELEMETRY_REDIS_PASSWORD=secret42 "$binary" audit --whole --config "$root/etc/telhub.toml"
sed 's/^/        | /' "$guest/out" | head -n 8
verdict
