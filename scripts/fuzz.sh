#!/usr/bin/env bash
# Runs every fuzz target of the module, one after the other: fuzz.sh [TIME]
set -euo pipefail
cd "$(dirname "$0")/.."

time=${1:-60s}
# Files of the project, and not what .cache and dist hold.
git ls-files -co --exclude-standard -- '*_test.go' | xargs grep -lE '^func Fuzz' | sort | while read -r file; do
	dir=./$(dirname "$file")
	grep -oE '^func Fuzz[A-Za-z0-9_]*' "$file" | sed 's/^func //' | while read -r target; do
		echo "== $dir $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$dir"
	done
done
