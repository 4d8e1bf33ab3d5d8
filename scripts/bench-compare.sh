#!/usr/bin/env bash
# Compares the hot path's benchmarks of the working tree with those of another
# commit: bench-compare.sh BASE. Both test programs are built first and run by turns,
# so that a machine that becomes slower meanwhile slows both. It fails where
# benchstat is sure (p < 0.01) that a benchmark takes more than LIMIT (20) per
# cent longer, or where one allocates that did not.
#   ROUNDS=8  PACKAGES="./buffer ./uplink/frame"  BENCHTIME=200ms
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/tools.sh
. scripts/tools.sh

base=${1:?usage: bench-compare.sh BASE}
base=$(git rev-parse --verify -q "$base^{commit}") || { echo "bench-compare: $1 is no commit here: git fetch" >&2; exit 2; }
packages=${PACKAGES:-./buffer ./uplink/frame ./agent/pipeline ./agent/process ./agent/process/chain ./drivers/bmx280 ./drivers/nmea ./drivers/line ./drivers/profile}
benchstat=$(go_tool benchstat golang.org/x/perf/cmd/benchstat@v0.0.0-20250813145418-2f7363a06fe1)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
git clone -q . "$tmp/base"
git -C "$tmp/base" checkout -q --detach "$base"

i=0
for package in $packages; do
	i=$((i + 1))
	go test -c -o "$tmp/new.$i" "$package"
	if [ -d "$tmp/base/$package" ]; then (cd "$tmp/base" && go test -c -o "$tmp/old.$i" "$package"); fi
done
for round in $(seq "${ROUNDS:-8}"); do
	i=0
	for package in $packages; do
		i=$((i + 1))
		for side in old new; do
			[ -x "$tmp/$side.$i" ] || continue
			dir=$package
			[ "$side" = new ] || dir=$tmp/base/$package
			(cd "$dir" && "$tmp/$side.$i" -test.run '^$' -test.bench . -test.benchmem -test.benchtime "${BENCHTIME:-200ms}") |
				sed "s|^Benchmark|Benchmark${package#./}/|" >>"$tmp/$side.txt"
		done
	done
	echo "round $round: ${SECONDS}s" >&2
done
touch "$tmp/old.txt"
"$benchstat" -alpha 0.01 "$tmp/old.txt" "$tmp/new.txt" | tee "${OUT:-$tmp/out}"
# In CSV: name, old, its interval, new, its interval, change, p. "~" is no sure change.
"$benchstat" -alpha 0.01 -format csv "$tmp/old.txt" "$tmp/new.txt" 2>/dev/null | awk -F, -v limit="${LIMIT:-20}" '
	$2 == "sec/op" || $2 == "allocs/op" || $2 ~ /\/(s|op)$/ { unit = $2; next }
	unit == "sec/op" && $1 != "geomean" && $6 ~ /^\+/ { x = $6; gsub(/[+%]/, "", x); if (x + 0 > limit) { print "SLOWER   " $1 ": " $6 " " $7; bad = 1 } }
	unit == "allocs/op" && $1 != "geomean" && $2 != "" && $4 != "" && $2 + 0 == 0 && $4 + 0 > 0 { print "ALLOCATES " $1 ": " $4 " an operation"; bad = 1 }
	END { exit bad }' || { echo "bench-compare: worse than ${base:0:10}" >&2; exit 1; }
echo "nothing is slower by more than ${LIMIT:-20} % than ${base:0:10}, nothing allocates anew"
