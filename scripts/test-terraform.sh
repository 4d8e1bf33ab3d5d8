#!/usr/bin/env bash
# Checks deployment/terraform: format, terraform's own tests, and then the
# rendered hub itself: cloud-init runs in a container with systemd, and a real
# agent sends to what it set up. Debian, root, terraform; docs/terraform_deployment.md.
# ONLY=static leaves the container out, and says so.
# shellcheck disable=SC2016 # SQL and the container's shell get their text as it stands
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/guest.sh
. scripts/guest.sh

binary=$(realpath "${1:?usage: test-terraform.sh TELHUB TTP}")
ttp=$(realpath "${2:?usage: test-terraform.sh TELHUB TTP}")
release=trixie
terraform=$(command -v "${TERRAFORM:-terraform}") ||
	die "terraform is missing: 1.9 or later, from https://developer.hashicorp.com/terraform/install, or TERRAFORM=/path/to/it (OpenTofu was not tried)"
export CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 TF_CLI_ARGS=-no-color TF_CLI_CONFIG_FILE=/dev/null

# hub_base makes the cached system that a cloud would start: Debian with
# cloud-init. The hub's packages are in it, because the container has no
# network: cloud-init finds them installed.
hub_base() {
	local key packages
	packages=$(jq -r '.hub.value.packages | join(" ")' "$work/outputs.json")
	key=$(printf '%s' "hub $release $packages" | sha256sum | cut -c1-12)
	guest_root=${GUEST_CACHE:-$PWD/.cache/guest}/hub-$release-$key
	[ ! -e "$guest_root/etc/debian_version" ] || return 0
	local mirror
	mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' | awk '$2 ~ /debian\/?$/ { print $2; exit }')
	say "base system: debootstrap $release with the hub's packages, once"
	mkdir -p "${guest_root%/*}"
	rm -rf "$guest_root.new"
	{
		nice -n 15 debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,udev,iproute2,ca-certificates,procps \
			"$release" "$guest_root.new" "${mirror:-http://deb.debian.org/debian}"
		printf '#!/bin/sh\nexit 101\n' >"$guest_root.new/usr/sbin/policy-rc.d"
		chmod +x "$guest_root.new/usr/sbin/policy-rc.d"
		cp /etc/resolv.conf "$guest_root.new/etc/resolv.conf"
		# shellcheck disable=SC2086 # several packages
		nice -n 15 chroot "$guest_root.new" env DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends cloud-init $packages
		chroot "$guest_root.new" apt-get clean
	} >"$guest_root.log" 2>&1 || { tail -n 20 "$guest_root.log" >&2; die "the base system could not be made, see $guest_root.log"; }
	rm -f "$guest_root.new/etc/machine-id" "$guest_root.new/etc/resolv.conf"
	mv "$guest_root.new" "$guest_root"
}

# static looks at what needs no machine, and leaves the example's outputs in $work.
static() {
	work=$(mktemp -d /tmp/hub.XXXXXX)
	"$terraform" fmt -check -recursive -diff deployment/terraform || die "terraform fmt -recursive deployment/terraform mends that"
	say "fmt: ok; $("$terraform" version | head -n1)"
	cp -r deployment/terraform "$work/tf"
	local dir password
	for dir in modules/hub examples/basic; do
		"$terraform" -chdir="$work/tf/$dir" init -input=false >"$work/out" 2>&1 || die "init of $dir: $(cat "$work/out")"
		"$terraform" -chdir="$work/tf/$dir" validate >"$work/out" 2>&1 || die "validate of $dir: $(cat "$work/out")"
	done
	say "validate: ok; examples/aws is not validated: its provider comes from a registry"
	"$terraform" -chdir="$work/tf/modules/hub" test >"$work/out" 2>&1 || { grep -v '\.\.\. pass$' "$work/out" >&2; die "terraform test failed"; }
	say "test: $(tail -n1 "$work/out")"
	password=$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')
	echo "$password" >"$work/password"
	sed -i -e 's|"10.20.0.0/16"|"10.77.0.0/24"|' -e 's|^module "hub" {|&\n  package_update = false|' "$work/tf/examples/basic/main.tf"
	TF_VAR_boards="{\"pi-01\"=\"$(printf %s "$password" | sha256sum | cut -d' ' -f1)\"}" \
		TF_VAR_ttp="{url=\"https://files.plant7.example:8443/ttp\",sha256=\"$(sha256sum <"$ttp" | cut -d' ' -f1)\"}" \
		"$terraform" -chdir="$work/tf/examples/basic" apply -auto-approve -input=false >"$work/out" 2>&1 || die "apply: $(cat "$work/out")"
	"$terraform" -chdir="$work/tf/examples/basic" output -json >"$work/outputs.json"
	if grep -q "$password" -r "$work/tf" "$work/outputs.json"; then die "the password stands in state or outputs"; fi
}
output() { jq -r ".hub.value.$1" "$work/outputs.json"; }

if [ -z "${GUEST_ALONE:-}" ]; then
	command -v jq >/dev/null || guest_tools
	static
	if [ "${ONLY:-}" = static ]; then
		rm -rf "$work"
		say "ONLY=static: the hub was not started"
		exit 0
	fi
	guest_tools openssl:openssl valkey-cli:valkey-tools shellcheck:shellcheck
	hub_base
	export guest_root work
	echo "$guest_root" >"$work/base"
else
	[ -n "$work" ] || die "work is not set"
fi
guest_alone "$@"
guest_new
files_pid=''
hub_end() {
	[ -z "$files_pid" ] || kill "$files_pid" 2>/dev/null
	umount /etc/hosts 2>/dev/null
	rm -rf "$work"
}
# guest_end ends with the status that it finds.
trap 'status=$?; set +e; hub_end; (exit "$status"); guest_end' EXIT

# The names that a DNS would know, and a place to download ttp from.
printf '127.0.0.1 localhost\n10.77.0.1 hub.plant7.example files.plant7.example\n' >"$guest/hosts"
cp "$guest/hosts" "$root/etc/hosts"
mount --bind "$guest/hosts" /etc/hosts
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout "$guest/files.key" -out "$guest/files.crt" \
	-subj /CN=files.plant7.example -addext subjectAltName=DNS:files.plant7.example 2>/dev/null
install -m644 "$guest/files.crt" "$root/usr/local/share/ca-certificates/files.crt"
chroot "$root" update-ca-certificates >/dev/null 2>&1
mkdir "$guest/files"
(cd "$guest/files" && exec openssl s_server -quiet -accept 10.77.0.1:8443 -cert ../files.crt -key ../files.key -WWW) >"$guest/files.log" 2>&1 &
files_pid=$!
cp "$ttp" "$guest/files/ttp"

mkdir -p "$root/var/lib/cloud/seed/nocloud"
output cloud_init >"$root/var/lib/cloud/seed/nocloud/user-data"
printf 'instance-id: hub-1\nlocal-hostname: hub\n' >"$root/var/lib/cloud/seed/nocloud/meta-data"
printf 'datasource_list: [NoCloud, None]\nnetwork: {config: disabled}\nmanage_etc_hosts: false\nssh_genkeytypes: []\n' >"$root/etc/cloud/cloud.cfg.d/99-test.cfg"
expect "cloud-init $(chroot "$root" cloud-init --version 2>&1 | awk '{print $2}') takes the document's schema" \
	chroot "$root" cloud-init schema --config-file /var/lib/cloud/seed/nocloud/user-data
sed 's/^"runcmd":/"runcmmd":/' "$root/var/lib/cloud/seed/nocloud/user-data" >"$root/tmp/wrong"
refuse "… and refuses a key that is misspelt" "runcmmd" chroot "$root" cloud-init schema --config-file /tmp/wrong
output 'files["/usr/local/sbin/telhub-hub-setup"]' >"$guest/setup.sh"
if command -v shellcheck >/dev/null; then expect "shellcheck: the setup script" shellcheck "$guest/setup.sh"; else bad "shellcheck is missing: apt-get install shellcheck"; fi
output 'files["/etc/telhub-hub/prometheus.yml"]' >"$root/tmp/prometheus.yml"
expect "promtool takes the configuration of Prometheus" chroot "$root" promtool check config --syntax-only /tmp/prometheus.yml

rm -f "$root/usr/sbin/policy-rc.d"
guest_boot
hub_done() { in_guest cloud-init status | grep -Eq 'status: (done|error)'; }
within 300 hub_done || bad "cloud-init does not end: $(in_guest cloud-init status)"
cloud_well() { in_guest cloud-init status --format json | jq -e '.status == "done" and (.errors | length) == 0'; }
expect "cloud-init ends, and without an error" cloud_well || in_guest cloud-init status --long
setup() { in_guest /usr/local/sbin/telhub-hub-setup; }
admin() {
	in_guest sh -c 'export REDISCLI_AUTH=$(cat /etc/telhub-hub/secrets/redis_admin); exec valkey-cli --no-auth-warning --tls --cacert /etc/telhub-hub/tls/ca.crt -h localhost --user admin "$@"' sh "$@"
}
sql() { in_guest runuser -u postgres -- psql -qAt -d telhub -c "$1"; }
for unit in valkey-server postgresql prometheus prometheus-node-exporter ttp; do
	expect "$unit runs" within 60 in_guest systemctl is-active "$unit"
done
expect "ttp check: configuration and servers" in_guest runuser -u ttp -- env "TTP_REDIS_PASSWORD=$(cat "$root/etc/telhub-hub/secrets/redis_ttp")" /usr/local/bin/ttp check
score() { in_guest systemd-analyze security --threshold=25 --no-pager ttp.service; }
expect "exposure of ttp.service at most 2.5" score

# A board: the fragment as it is, with a sensor.
board=$guest/board
mkdir -p "$board"
{
	output 'telhub_toml["pi-01"]' | sed -e "s|/etc/telhub/hub-ca.crt|$root/etc/telhub-hub/tls/ca.crt|"
	cat <<END
[spool]
path = "$board/spool"
[http]
listen = "127.0.0.1:9155"
[[sensor]]
name = "board"
use = "system"
every = "1s"
END
} >"$board/telhub.toml"
export TELEMETRY_REDIS_PASSWORD_FILE=$work/password
expect "telhub check takes the fragment" "$binary" check --config "$board/telhub.toml"
expect "telhub doctor finds nothing wrong with that Redis" sh -c "'$binary' doctor --config '$board/telhub.toml' --json | jq -e '[.findings[] | select(.area == \"redis\" and .verdict == \"fail\")] | length == 0'"
# The doctor tries more than an agent needs.
admin ACL LOG RESET >"$guest/acl"
board_up() {
	"$binary" run --config "$board/telhub.toml" >>"$board/log" 2>&1 &
	board_pid=$!
	within 30 curl -fs http://127.0.0.1:9155/health/ready
}
delivered() { curl -fs http://127.0.0.1:9155/metrics | awk '/^telemetry_samples_forwarded_total/ { n += $2 } END { print n + 0 }'; }
has() { [ "$("$1" "${@:3}")" -ge "$2" ]; }
expect "the agent becomes ready" board_up
expect "it delivers 300 samples" within 120 has delivered 300
kill -KILL "$board_pid"
wait "$board_pid" 2>/dev/null || true
expect "killed and started again it becomes ready" board_up
expect "rows arrive in PostgreSQL" within 60 has sql 350 'SELECT count(*) FROM telhub.sample'
kill -TERM "$board_pid"
wait "$board_pid" || bad "the agent's end: $?"
sent=$(admin XINFO STREAM 'telhub:{0}:live' | grep -c . || true)
[ "$sent" -gt 0 ] || bad "the stream is not there"
expect "all of it is acknowledged" within 30 sh -c "$(declare -f in_guest admin); guest_init=$guest_init; admin XPENDING 'telhub:{0}:live' storage | head -n1 | grep -qx 0"
audit() { in_guest runuser -u ttp -- env "TTP_REDIS_PASSWORD=$(cat "$root/etc/telhub-hub/secrets/redis_ttp")" /usr/local/bin/ttp telemetry audit --rows --whole; }
expect "ttp telemetry audit: acquired = rows + declared, row by row" audit
tail -n 3 "$guest/out" | sed 's/^/        /'
admin ACL LOG >"$guest/acl"
expect "nobody was refused a command: the rights are enough" test -z "$(cat "$guest/acl")"
[ -z "$(cat "$guest/acl")" ] || paste -sd' ' "$guest/acl" | cut -c1-1500

# The sizing's model beside this server.
memory=$(admin MEMORY USAGE 'telhub:{0}:live' SAMPLES 0)
frames=$(admin XLEN 'telhub:{0}:live')
rows=$(sql 'SELECT count(*) FROM telhub.sample')
channels=$(sql 'SELECT count(*) FROM telhub.channel')
model=$(awk -v f="$frames" -v n="$rows" -v c="$channels" 'BEGIN { s = n / f; if (c > s) c = s; print int(130 + 1.4 * (2.5 * s + 24 * c)) }')
say "      $rows samples of $channels channels in $frames frames: $((memory / frames)) bytes of memory a frame, the model says $model"
expect "the model of memory is not less, and not more than three times as much" test $((memory / frames)) -le "$model" -a "$model" -le $((3 * memory / frames))

# What a board must not do, and others neither.
as_board() { REDISCLI_AUTH=$(cat "$work/password") valkey-cli --no-auth-warning --tls --cacert "$root/etc/telhub-hub/tls/ca.crt" -h hub.plant7.example --user pi-01 -e "$@"; }
for command in 'FLUSHALL' 'KEYS telhub' 'CONFIG GET maxmemory' 'DEL telhub:{0}:live' 'XTRIM telhub:{0}:live MAXLEN 0' 'XADD ttp:{0}:x * a b' 'XREAD STREAMS telhub:{0}:live 0' 'ACL LIST' 'SCRIPT FLUSH' 'SHUTDOWN NOSAVE'; do
	# shellcheck disable=SC2086 # words of a command
	refuse "a board may not $command" NOPERM as_board $command
done
expect "a board may write its stream" as_board HGET 'telhub:{0}:state' x
refuse "without a user nobody gets in" NOAUTH valkey-cli --tls --cacert "$root/etc/telhub-hub/tls/ca.crt" -h hub.plant7.example -e PING
refuse "nor with another password" WRONGPASS valkey-cli --no-auth-warning --tls --cacert "$root/etc/telhub-hub/tls/ca.crt" -h hub.plant7.example --user pi-01 --pass wrong -e PING
refuse "nor without TLS" "rror" timeout 10 valkey-cli -h hub.plant7.example -e PING
refuse "nor with another authority" "ertificate" valkey-cli --tls --cacert "$guest/files.crt" -h hub.plant7.example -e PING
silent() { timeout 4 valkey-cli --tls --cacert "$root/etc/telhub-hub/tls/ca.crt" -h 203.0.113.1 -e PING; }
code=0
silent >"$guest/out" 2>&1 || code=$?
if [ "$code" = 124 ]; then ok "from an address outside board_cidrs there is no answer at all"; else bad "an address outside board_cidrs: exit $code: $(cat "$guest/out")"; fi

# Repeated, renewed, restarted.
state() { in_guest sh -c 'cat /etc/telhub-hub/secrets/redis_* /etc/telhub-hub/tls/* /etc/telhub-hub/users.acl | sha256sum; systemctl show -P MainPID valkey-server ttp prometheus postgresql@*-main'; }
admin CONFIG SET appendfsync always >"$guest/out"
streams() { for lane in live backfill alarm; do admin XLEN "telhub:{0}:$lane"; done; admin HLEN 'telhub:{0}:state'; }
had=$(streams)
before=$(state)
expect "the setup, repeated" setup
if [ "$before" = "$(state)" ]; then ok "… changes no secret and restarts nothing"; else bad "the repeated setup changed something: $before / $(state)"; fi
in_guest sh -c 'cd /etc/telhub-hub/secrets && openssl x509 -req -days 30 -in server.csr -CA ../tls/ca.crt -CAkey ca.key -extfile server.ext -out ../tls/server.crt 2>/dev/null'
expect "a certificate that ends in 30 days is renewed" setup
if [ "$had" = "$(streams)" ]; then ok "… and the server, started anew, has all frames"; else bad "frames were lost by a restart: before $had, after $(streams)"; fi
expect "it serves" as_board HGET 'telhub:{0}:state' x
mv "$root/usr/local/bin/ttp" "$guest/ttp.good"
echo "no program" >"$guest/files/ttp"
refuse "a ttp of another SHA-256 is not installed" "another SHA-256" setup
expect "… and is not there" test ! -e "$root/usr/local/bin/ttp"
cp "$ttp" "$guest/files/ttp"
expect "the right one is" setup
expect "Prometheus has node and ttp up" within 60 sh -c "curl -fs 'http://127.0.0.1:9090/api/v1/query?query=sum(up)' | jq -e '.data.result[0].value[1] | tonumber >= 3'"
old=$(sql 'SELECT count(*) FROM telhub.sample')
guest_stop TERM
# As a power cut may leave the log: within a transaction.
printf '*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$4\r\ntorn\r\n$1\r\n1\r\n*1\r\n$4\r\nEX' >>"$(ls "$root"/var/lib/valkey/appendonlydir/*.incr.aof)"
guest_boot
for unit in valkey-server postgresql prometheus ttp; do expect "after a restart of the machine $unit runs" within 90 in_guest systemctl is-active "$unit"; done
expect "a torn transaction was cut off the log" eval '! grep -aq torn "$root"/var/lib/valkey/appendonlydir/*.incr.aof'
expect "the agent becomes ready again" board_up
expect "and rows arrive again" within 60 has sql $((old + 100)) 'SELECT count(*) FROM telhub.sample'
kill -TERM "$board_pid"
wait "$board_pid" || bad "the agent's end: $?"
expect "the audit still balances" within 30 audit
verdict
