#!/usr/bin/env bash
# Checks the charts of deployment/helm: test-helm.sh TELHUB TTP, both programs for
# this machine. Without a cluster: lint, render, validate against the schemas of
# Kubernetes, score, refuse what is misspelled, and then run the programs as the
# rendered pods would: their arguments, variables, files, user and read-only root.
# Debian, root; docs/kubernetes_deployment.md.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/tools.sh disable=SC1091
. scripts/tools.sh

[ $# = 2 ] || { echo "usage: test-helm.sh TELHUB TTP" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "test-helm: has to be root: it runs the programs in a root of their own" >&2; exit 1; }
telhub=$(realpath "$1") ttp=$(realpath "$2")
need yq yq
need jq jq
need curl curl
need redis-server redis-server
need promtool prometheus
helm=$(go_tool helm helm.sh/helm/v3/cmd/helm@v3.22.0)
validate=$(go_tool kubectl-validate sigs.k8s.io/kubectl-validate@v0.0.4)
score=$(go_tool kube-score github.com/zegl/kube-score/cmd/kube-score@v1.20.0)

# The newest Kubernetes of which kubectl-validate has the schemas without a cluster.
schemas=1.30
work=$(mktemp -d /tmp/helm.XXXXXX)
pids=()
trap 'for p in "${pids[@]}"; do kill -9 "$p" 2>/dev/null || true; done; rm -rf "$work"' EXIT
export HELM_CACHE_HOME=$work/cache HELM_CONFIG_HOME=$work/config HELM_DATA_HOME=$work/data KUBECONFIG=/dev/null
charts=deployment/helm
failed=0 checked=0
wrong() { echo "FAIL  $*" >&2; failed=1; }
step() { printf -- '-- %s (%ss)\n' "$*" "$SECONDS"; }
# expect WHAT COMMAND... has to succeed; refuse WHAT TEXT COMMAND... has to fail and say TEXT.
expect() {
	local what=$1
	shift
	checked=$((checked + 1))
	"$@" >"$work/out" 2>&1 || { wrong "$what"; sed 's/^/      | /' "$work/out" >&2; }
}
refuse() {
	local what=$1 text=$2
	shift 2
	checked=$((checked + 1))
	if "$@" >"$work/out" 2>&1; then wrong "$what: was taken"; return; fi
	grep -qF -- "$text" "$work/out" || { wrong "$what: refused, but without saying: $text"; sed 's/^/      | /' "$work/out" >&2; }
}
render() { # CHART VALUES [ARGUMENTS...]
	local chart=$1 values=$2
	shift 2
	"$helm" template r "$charts/$chart" --namespace telemetry --kube-version 1.30.0 -f "$values" "$@"
}

step "schemas of custom resources"
crds=$work/crds
mkdir -p "$crds"
crd() { # MODULE@VERSION FILES...: from a module's archive
	local module=$1 dir
	shift
	dir=$(cd "$work" && GOFLAGS=-mod=mod GOTOOLCHAIN=local go mod download -json "$module" | jq -r '.Dir // empty') || true
	[ -n "$dir" ] || { echo "test-helm: $module could not be fetched: it needs the network" >&2; exit 1; }
	(cd "$dir" && install -m644 "$@" "$crds/")
}
crd github.com/kedacore/keda/v2@v2.17.0 config/crd/bases/keda.sh_{scaledobjects,triggerauthentications}.yaml
crd github.com/prometheus-operator/prometheus-operator@v0.85.0 \
	example/prometheus-operator-crd/monitoring.coreos.com_{podmonitors,servicemonitors,prometheusrules}.yaml

step "lint, render, validate"
valid() { "$validate" --version "$schemas" --local-crds "$crds" "$1"; }
# What kube-score may say: the pull policy is IfNotPresent, because a board may be
# offline when a pod starts; the rest is what those values are there to show.
permitted() {
	grep -v 'ImagePullPolicy is not set to Always' | case $1 in
	telhub-k3s) grep -vE 'DaemonSet: \(spool\) The container( is)? running with a low (user|group) ID' ;;
	telhub-tryout) grep -v 'does not have a matching NetworkPolicy' ;;
	ttp-fixed) grep -vE 'does not have a matching NetworkPolicy|No matching PodDisruptionBudget|does not have a host podAntiAffinity' ;;
	ttp-keda) grep -v 'Deployment few replicas' ;;
	*) cat ;;
	esac
}
scored() {
	"$score" score "$1" -o ci >"$work/score" || true
	[ -s "$work/score" ] || { echo "kube-score said nothing"; return 1; }
	! grep -E '^\[(CRITICAL|WARNING)\]' "$work/score" | permitted "$2" | grep .
}
mkdir "$work/rendered"
for values in "$charts"/*/ci/*-values.yaml; do
	chart=$(basename "$(dirname "$(dirname "$values")")")
	name=$chart-$(basename "$values" -values.yaml)
	expect "$name: lint" "$helm" lint --strict --kube-version 1.30.0 "$charts/$chart" -f "$values"
	for version in 1.25.0 1.30.0 1.34.0; do
		for api in v1 external.metrics.k8s.io/v1beta1; do
			expect "$name: renders for $version with $api" render "$chart" "$values" --kube-version "$version" --api-versions "$api"
			cp "$work/out" "$work/rendered/$name-$version-${api%%.*}.yaml"
		done
	done
	expect "$name: kube-score" scored "$work/rendered/$name-1.30.0-v1.yaml" "$name"
	yq -c 'select(. != null)' "$work/rendered/$name-1.30.0-v1.yaml" >"$work/$name.json"
done
# NOTES.txt is printed by helm install only, which asks a cluster: here it is rendered as a text of a manifest.
for chart in telhub ttp; do
	cp -r "$charts/$chart" "$work/notes-$chart"
	{ printf 'notes: |\n  NOTES\n'; sed 's/^/  /' "$work/notes-$chart/templates/NOTES.txt"; } >"$work/notes-$chart/templates/notes.yaml"
done
notes() { # CHART TEXT ARGUMENTS...
	local chart=$1 text=$2
	shift 2
	"$helm" template r "$work/notes-$chart" --kube-version 1.30.0 -s templates/notes.yaml "$@" | yq -r .notes | tee /dev/stderr | grep -F -- "$text" >/dev/null
}
expect "telhub: notes" notes telhub "install -d -o 65532 -g 65532 -m 0750 /var/lib/telhub" -f "$charts/telhub/ci/minimal-values.yaml"
expect "telhub: notes without boards" notes telhub "No agent is installed"
expect "telhub: notes of a spool that is lost" notes telhub "is lost with the pod" -f "$charts/telhub/ci/tryout-values.yaml"
expect "ttp: notes" notes ttp "scaled by CPU: this cluster serves no external metrics" -f "$charts/ttp/ci/default-values.yaml"
expect "ttp: notes of lag" notes ttp "scaled by ttp_queue_lag, ttp_workers_wanted, ttp_telemetry_lag and by CPU" -f "$charts/ttp/ci/lag-values.yaml"
expect "ttp: notes of KEDA" notes ttp "KEDA scales pods" -f "$charts/ttp/ci/keda-values.yaml"

expect "telhub without boards: lint" "$helm" lint --strict --kube-version 1.30.0 "$charts/telhub"
cp "$charts/telhub/examples/device-plugin.yaml" "$work/rendered/"
awk -v work="$work" '/```yaml/ { inside = 1; file = work "/quickstart-" (n++ ? "ttp" : "telhub") ".yaml"; next } /```/ { inside = 0 } inside { print >file }' docs/kubernetes_deployment.md
for chart in telhub ttp; do
	expect "$chart: the documentation's quick start" render "$chart" "$work/quickstart-$chart.yaml"
	cp "$work/out" "$work/rendered/quickstart-$chart.yaml"
	yq -c 'select(. != null)' "$work/out" >"$work/quickstart-$chart.json"
done
for chart in telhub ttp; do expect "$chart: package" "$helm" package "$charts/$chart" -d "$work"; done
rules=$(find deployment/prometheus/rules -name '*.yml' 2>/dev/null | sort)
for file in $rules; do
	expect "$file as a PrometheusRule" render ttp "$charts/ttp/ci/lag-values.yaml" --set-file prometheusRule.rules="$file"
	cp "$work/out" "$work/rendered/rules-${file##*/}"
done
# Alerts stand on series that other rules record: whoever installs by the documentation has both.
recorded() { # RENDERED: prints what is used and not recorded
	local missing
	missing=$(yq -c 'select(.kind == "PrometheusRule").spec.groups[].rules[]' "$1" | jq -rs '[.[].record // empty] as $made
		| [.[].expr | match("[a-z_]+:[a-z0-9_]+:[a-z0-9_]+"; "g").string] | unique - $made | .[]')
	[ -z "$missing" ] || { echo "not recorded: $missing"; return 1; }
}
for chart in telhub ttp; do
	command=$(sed -e ':a' -e '/\\$/{N;s/\\\n *//;ba' -e '}' docs/kubernetes_deployment.md | grep "upgrade --install $chart .*prometheusRule") || wrong "$chart: the documentation installs no rules"
	read -ra options <<<"${command#*.yaml }"
	expect "$chart: the documentation's rules" render "$chart" "$work/quickstart-$chart.yaml" "${options[@]}"
	cp "$work/out" "$work/rendered/quickstart-rules-$chart.yaml"
	expect "$chart: every series that its alerts need is recorded" recorded "$work/rendered/quickstart-rules-$chart.yaml"
	alerts() { grep -c -- '- alert: ' "$1"; }
	[ "$(alerts "$work/rendered/quickstart-rules-$chart.yaml")" = "$(alerts "deployment/prometheus/rules/$chart-alerts.yml")" ] || wrong "$chart: the documentation's rules lack alerts"
	render "$chart" "$work/quickstart-$chart.yaml" "${options[@]}" --set-file prometheusRule.recordingRules=/dev/null >"$work/alone.yaml"
	refuse "$chart: alerts alone" "not recorded" recorded "$work/alone.yaml"
done
expect "everything is valid for Kubernetes $schemas" valid "$work/rendered"

step "what is misspelled is refused"
sed 's/terminationGracePeriodSeconds:/terminationGracePeriodSecond:/' "$work/rendered/telhub-minimal-1.30.0-v1.yaml" >"$work/misspelled.yaml"
refuse "a misspelled field of a DaemonSet" terminationGracePeriodSecond valid "$work/misspelled.yaml"
sed 's/lagCount:/lagcount:/; s/cooldownPeriod:/cooldownPeriode:/' "$work/rendered/ttp-keda-1.30.0-v1.yaml" >"$work/misspelled.yaml"
refuse "a misspelled field of a ScaledObject" cooldownPeriode valid "$work/misspelled.yaml"
bad() { refuse "$1 $3" "$2" render "$1" "$charts/$1/ci/$( [ "$1" = ttp ] && echo default || echo minimal )-values.yaml" --set "$3" "${@:4}"; }
bad telhub "additional properties 'sensors'" sensors=1
bad telhub "'confg'" boards.all.confg=x
bad telhub "'maxUnavailble'" updateStrategy.maxUnavailble=1
bad telhub "redis" "redis.url=redis://:secret@redis:6379/0"
bad telhub "spool" spool.type=hostpath
bad telhub "hostPath" spool.hostPath=/var
bad telhub "spool.claim names none" spool.type=claim
bad telhub "Greenhouse" "boards.Greenhouse.config=x"
bad telhub "port" http.port=443
bad ttp "'replica'" replica=3
bad ttp "'minReplica'" autoscaling.minReplica=3
bad ttp "mode" autoscaling.mode=queue
bad ttp "minReplicas" keda.enabled=true,keda.address=redis:6379,keda.minReplicas=0
bad ttp "keda.address" keda.enabled=true
bad ttp "postgres.url" telemetry.stream=telhub
bad ttp "url" "redis.url=redis://user:secret@redis:6379/0"
bad ttp "minReplicas is more" autoscaling.minReplicas=11
bad ttp "postgres" "postgres.url=postgres://ttp@db/telemetry?password=secret"
# Values go where they belong: none writes other lines of a pod.
more=$'x\n          envFrom: [{secretRef: {name: other}}] #'
for value in image.repository image.tag fullnameOverride; do bad telhub "${value##*.}" "$value=$more"; bad ttp "${value##*.}" "$value=$more"; done
bad telhub "image" "spoolInit.image=$more"
bad telhub "hostPath" "spool.hostPath=/var/$more/x"
bad telhub "hostPath" "spool.hostPath=/var/../etc"
bad telhub "a ConfigMap is no secret" 'boards.all.config=[redis]url="redis://telhub:secret@redis:6379/0"'
bad ttp "a ConfigMap is no secret" 'config=[postgres]url="postgres://ttp:secret@db/telemetry"'
bad ttp "a ConfigMap is no secret" 'config=[postgres]url="postgres://ttp@db/telemetry?sslmode=require&password=secret"'
refuse "rules without groups" "has no groups" render ttp "$charts/ttp/ci/default-values.yaml" --set prometheusRule.enabled=true

sed 's/readOnlyRootFilesystem: true/readOnlyRootFilesystem: false/' "$work/rendered/ttp-default-1.30.0-v1.yaml" >"$work/misspelled.yaml"
refuse "kube-score: a root that can be written" "writable root filesystem" scored "$work/misspelled.yaml" ttp-default

step "every pod is closed"
pods() { jq -c 'select(.kind | . == "DaemonSet" or . == "Deployment" or . == "Job") | {name: .metadata.name, kind, spec: .spec.template.spec}' "$1"; }
# The rules, one a line, each true of a pod's spec; the one root is the init container that gives the spool away.
rules=0 program=empty
while read -r rule; do
	rules=$((rules + 1))
	program+=", (if (.spec | $rule) then empty else \"\(.name): rule $rules\" end)"
done <<'RULES'
.automountServiceAccountToken == false and .enableServiceLinks == false
.hostNetwork != true and .hostPID != true and .hostIPC != true
.securityContext | .runAsNonRoot and .runAsUser > 10000 and .runAsGroup > 10000 and .seccompProfile.type == "RuntimeDefault"
[.containers[], .initContainers[]?] | all(.securityContext | .readOnlyRootFilesystem and .allowPrivilegeEscalation == false and .privileged == false and .capabilities.drop == ["ALL"])
.containers | all(.securityContext | .runAsNonRoot and (.capabilities.add == null))
[.initContainers[]?] | all(.securityContext.capabilities.add == ["CHOWN"])
[.volumes[] | select(.hostPath)] | all(.name == "spool")
[.containers[], .initContainers[]?] | all(.resources | .requests.memory and .limits.memory and .limits.cpu and .limits["ephemeral-storage"])
.containers | all(.args[0] == "check" or (.livenessProbe.httpGet.path == "/health/live" and .readinessProbe.httpGet.path == "/health/ready" and .startupProbe))
RULES
closed() { # each of them, and there are pods
	pods "$1" | jq -rs "if length == 0 then \"no pods\" else .[] | $program end" | if grep .; then false; fi
}
for file in "$work"/*.json; do expect "${file##*/}: pods are closed" closed "$file"; done
sed 's/"readOnlyRootFilesystem":true/"readOnlyRootFilesystem":false/' "$work/ttp-default.json" >"$work/open.json"
refuse "a root that can be written" "rule 4" closed "$work/open.json"
rm "$work/open.json"

# The default would count pods that Redis keeps from being ready, and a node could not be drained.
eviction() { [ "$(yq -r 'select(.kind == "PodDisruptionBudget").spec.unhealthyPodEvictionPolicy' "$work/rendered/ttp-default-$1-v1.yaml")" = "$2" ]; }
expect "ttp: a drain goes on while Redis is away" eviction 1.30.0 AlwaysAllow
expect "ttp: ... where Kubernetes knows that" eviction 1.25.0 null

step "configurations pass check; memory is enough for them"
docs() { jq -c "$2" "$1"; }
# variables POD NODE prints what the kubelet would put into the environment of its first container.
variables() { jq -r --arg node "$2" '.spec.containers[0].env[] | "\(.name)=\(.value // $node | gsub("\\$\\(NODE_NAME\\)"; $node))"' <<<"$1"; }
bytes() { numfmt --from=auto "${1/%m/}"; }
for file in "$work"/*.json; do
	while read -r pod; do
		name=$(jq -r .name <<<"$pod") volume=$(jq -r '.spec.volumes[] | select(.name == "config").configMap.name' <<<"$pod")
		while read -r container; do
			path=$(jq -r '.args[2]' <<<"$container")
			docs "$file" "select(.kind == \"ConfigMap\" and .metadata.name == \"$volume\").data" | jq -r --arg f "${path##*/}" '.[$f]' >"$work/config.toml"
			mapfile -t vars < <(variables "$(jq -c --argjson c "$container" '.spec.containers = [$c]' <<<"$pod")" node1)
			if [ "$(jq -r .name <<<"$container")" = ttp ] || [ "$(jq -r .name <<<"$container")" = check ]; then
				expect "${file##*/} $name: ttp check" env -i "${vars[@]}" "$ttp" check --offline --config "$work/config.toml"
				continue
			fi
			expect "${file##*/} $name: telhub check" env -i "${vars[@]}" "$telhub" check --json --config "$work/config.toml"
			[ "$(jq -r '.args[0]' <<<"$container")" = run ] || continue
			needs=$(grep '^{' "$work/out" | jq '2 * .memory_bytes + 33554432') limit=$(bytes "$(jq -r .resources.limits.memory <<<"$container")")
			[ "$limit" -ge "$needs" ] || wrong "${file##*/} $name: memory limit $limit, telhub check asks for $needs"
			echo "   ${file##*/} $name: limit $limit, twice the worst case and 32 MiB are $needs"
		done < <(jq -c '.spec.containers[]' <<<"$pod")
	done < <(pods "$file")
done
refuse "a service named ttp without enableServiceLinks: false" TTP_SERVICE_HOST env -i TTP_SERVICE_HOST=10.43.0.1 "$ttp" check --offline
printf '[[sensor]]\nname = "board"\nuse = "system"\n' >"$work/one.toml"
refuse "a service named telemetry without it" TELEMETRY_PORT env -i TELEMETRY_PORT=tcp://10.43.0.1:80 "$telhub" check --config "$work/one.toml"

step "the programs run as the pods say"
address=$(hostname -I | cut -d' ' -f1)
[ -n "$address" ] || { echo "test-helm: this machine has no address but loopback; the kubelet would ask another one" >&2; exit 1; }
port() { local p; while p=$((20000 + RANDOM % 20000)) && (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null; do :; done; echo "$p"; }
redis=$(port)
redis-server --port "$redis" --bind 127.0.0.1 --save '' --appendonly yes --dir "$work" --requirepass hidden --daemonize no >"$work/redis.log" 2>&1 &
pids+=($!)
disown
until_ok() { for _ in $(seq 1 300); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done; return 1; }
asks() { REDISCLI_AUTH=hidden redis-cli -p "$redis" "$@"; }
expect "redis-server" until_ok asks ping
# pod PROGRAM RENDERED starts the first DaemonSet's or Deployment's container, in a
# root that is read-only and holds what the image and the volumes would.
pod() {
	local program=$1 spec root=$work/root-${1##*/} name=${1##*/} uid groups
	spec=$(pods "$2" | jq -c 'select(.kind != "Job")' | head -1)
	mkdir -p "$root"/{usr/bin,"etc/$name","run/secrets/$name",var/lib/telhub,proc,sys,dev,tmp} "$work/spool"
	cp "$program" "$root/usr/bin/$name"
	docs "$2" "select(.kind == \"ConfigMap\" and (.metadata.name | endswith(\"preflight\") | not)).data[\"$name.toml\"]" | jq -r . >"$root/etc/$name/$name.toml"
	uid=$(jq .spec.securityContext.runAsUser <<<"$spec") groups=$(jq -r '(.spec.securityContext.supplementalGroups // []) + [.spec.securityContext.fsGroup] | join(",")' <<<"$spec")
	printf hidden >"$root/run/secrets/$name/redis_password"
	chgrp "$(jq .spec.securityContext.fsGroup <<<"$spec")" "$root/run/secrets/$name/redis_password"
	chmod 0440 "$root/run/secrets/$name/redis_password"
	chown "$uid:$uid" "$work/spool"
	chmod 755 "$work" "$root"
	mapfile -t vars < <(variables "$spec" node1)
	mapfile -t args < <(jq -r '.spec.containers[0].args[]' <<<"$spec")
	grace=$(jq .spec.terminationGracePeriodSeconds <<<"$spec")
	# shellcheck disable=SC2016 # the inner shell expands
	env -i PATH="$PATH" "${vars[@]}" unshare --mount bash -c '
		root=$1 spool=$2 user=$3 groups=$4; shift 4
		mount --bind "$root" "$root" && mount --bind "$spool" "$root/var/lib/telhub" && mount -o remount,bind,ro "$root" &&
		mount -t proc -o ro proc "$root/proc" && mount -t sysfs -o ro sysfs "$root/sys" &&
		exec chroot --userspec="$user:$user" --groups="$groups" "$root" "$@"' pod "$root" "$work/spool" "$uid" "$groups" "/usr/bin/$name" "${args[@]}" >"$work/$name.log" 2>&1 &
	running=$!
	pids+=("$running")
}
answers() { curl -fsS -m 5 "http://$address:$1$2"; }
ends() { # WHAT: SIGTERM, and the time that it takes
	local began=$SECONDS code=0
	kill -TERM "$running"
	wait "$running" || code=$?
	checked=$((checked + 1))
	echo "   $1 ended in $((SECONDS - began)) s of $grace with code $code"
	if [ "$code" != 0 ] || [ $((SECONDS - began)) -ge "$grace" ]; then
		wrong "$1: ends with $code after $((SECONDS - began)) s, terminationGracePeriodSeconds is $grace"
		tail -5 "$work/$1.log" | sed 's/^/      | /' >&2
	fi
}
http=$(port)
render telhub "$charts/telhub/ci/minimal-values.yaml" --set "redis.url=redis://127.0.0.1:$redis/0,redis.existingSecret=s,device.prefix=plant7-,http.port=$http,boards.all.deviceGroups={20,994}" | yq -c . | sed 's/every = \\"30s\\"/every = \\"1s\\"/' >"$work/run.json"
pod "$telhub" "$work/run.json"
up() { until_ok answers "$http" /health/ready || { cat "$work/$1.log"; return 1; }; }
expect "telhub: /health/ready on the pod's address" up telhub
expect "telhub: /health/live" answers "$http" /health/live
expect "telhub: /metrics" answers "$http" /metrics
arrived() { [ "$(asks xlen 'telhub:{0}:live')" -gt 0 ]; }
expect "telhub: samples arrive, with the password from the secret's file" until_ok arrived
expect "telhub: under the node's name" grep -q plant7-node1 <(asks xrange 'telhub:{0}:live' - + count 1)
expect "telhub: the groups of the devices" grep -qE '^Groups:.*\b20\b.*\b994\b' "/proc/$running/status"
expect "telhub: no capability" grep -qE '^CapEff:\s+0+$' "/proc/$running/status"
ends telhub

http=$(port)
render ttp "$charts/ttp/ci/default-values.yaml" --set "redis.url=redis://127.0.0.1:$redis/0,existingSecret=s,http.port=$http,graceSeconds=3" | yq -c . >"$work/run.json"
pod "$ttp" "$work/run.json"
expect "ttp: /health/ready on the pod's address" up ttp
expect "ttp: /health/live" answers "$http" /health/live
queue() { env -i TTP_REDIS_URL="redis://127.0.0.1:$redis/0" TTP_REDIS_PASSWORD=hidden "$ttp" "$@"; }
expect "ttp: works" queue enqueue sleep 10ms --wait 20s
expect "ttp: a task that outlives the grace" queue enqueue sleep 60s
running_task() { answers "$http" /metrics | grep -q '^ttp_workers_busy 1'; }
expect "ttp: runs it" until_ok running_task
render ttp "$charts/ttp/ci/default-values.yaml" --set keda.enabled=true,keda.address=redis:6379 | yq -r 'select(.kind == "ScaledObject").spec.triggers[].metadata | .stream + " " + .consumerGroup' >"$work/streams"
[ "$(wc -l <"$work/streams")" = 4 ] || wrong "KEDA looks at $(wc -l <"$work/streams") streams, want one a class"
there() { asks xinfo groups "$1" | grep -A1 '^name$' | grep -qx "$2"; }
while read -r stream group; do expect "ttp: group $group of $stream, where KEDA looks" there "$stream" "$group"; done <"$work/streams"
given_back() { asks xinfo consumers 'ttp:{0}:default:normal' ttp | grep -qx released; }
checked=$((checked + 1))
if given_back; then wrong "ttp: the task is given back before the end"; fi
series() { answers "$http" /metrics | grep "$1"; } # with the look at Redis after the first task
expect "ttp: the metrics that the adapter reads" until_ok series '^ttp_queue_ready{class="normal",queue="default"}'
expect "ttp: ... and the wanted workers" until_ok series '^ttp_workers_wanted '
ends ttp
expect "ttp: the task was given back" given_back

step "the autoscaler's expressions"
adapter=$charts/ttp/examples/prometheus-adapter.yaml
expression() { yq -r ".rules.external[] | select(.name.as == \"$1\") | .seriesQuery + \"|\" + .metricsQuery" "$adapter" |
	awk -F'[|]' '{ series = $1; sub(/\{.*/, "", series); gsub(/<<\.Series>>/, series, $2); gsub(/<<\.LabelMatchers>>/, "namespace=\"hub\",service=\"r-ttp\"", $2); print $2 }'; }
{
	echo 'rule_files: []'
	echo 'tests:'
	echo '  - interval: 15s'
	echo '    input_series:'
	for pod in a b c; do # three pods tell the same 500 + 40; another release has 9000
		labels="namespace=\"hub\",service=\"r-ttp\",pod=\"$pod\""
		printf "      - { series: 'ttp_queue_ready{%s,queue=\"default\",class=\"normal\"}', values: '500x8' }\n" "$labels"
		printf "      - { series: 'ttp_queue_ready{%s,queue=\"reports\",class=\"bulk\"}', values: '40x8' }\n" "$labels"
		printf "      - { series: 'ttp_telemetry_lag_entries{%s,group=\"storage\",stream=\"telhub:{0}:live\"}', values: '70x8' }\n" "$labels"
	done
	printf "      - { series: 'ttp_workers_wanted{namespace=\"hub\",service=\"r-ttp\",pod=\"a\"}', values: '12x8' }\n"
	printf "      - { series: 'ttp_workers_wanted{namespace=\"hub\",service=\"r-ttp\",pod=\"b\"}', values: '17x8' }\n"
	printf "      - { series: 'ttp_queue_ready{namespace=\"hub\",service=\"other\",pod=\"d\",queue=\"default\",class=\"normal\"}', values: '9000x8' }\n"
	echo '    promql_expr_test:'
	for want in ttp_queue_lag=540 ttp_workers_wanted=17 ttp_telemetry_lag=70; do
		printf "      - { expr: '%s', eval_time: 1m, exp_samples: [{ labels: '{}', value: %s }] }\n" "$(expression "${want%=*}")" "${want#*=}"
	done
} >"$work/adapter.yml"
expect "three pods that tell the same lag count once" promtool test rules "$work/adapter.yml"
sed 's/value: 540/value: 1620/' "$work/adapter.yml" >"$work/adapter-wrong.yml"
refuse "... and the test can fail" "FAILED" promtool test rules "$work/adapter-wrong.yml"
while read -r metric; do
	expect "the rules have $metric, by which the chart scales" grep -q "as: $metric " "$adapter"
done < <(for v in "$charts"/ttp/values.yaml "$charts"/ttp/ci/*.yaml; do yq -r '.autoscaling.lag[]?.metric' "$v"; done | sort -u)

[ "$failed" = 0 ] || { echo "test-helm: failed" >&2; exit 1; }
echo "test-helm: $checked checks passed (${SECONDS}s)"
