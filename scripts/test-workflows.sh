#!/usr/bin/env bash
# Checks .github: actionlint with shellcheck, and what it does not know: that
# actions are pinned by commit, that no expression stands inside a script, that
# the targets and scripts that are called exist, and that all images of Go are of
# one version. docs/cicd_pipeline.md.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/tools.sh
. scripts/tools.sh

need shellcheck shellcheck
actionlint=$(go_tool actionlint github.com/rhysd/actionlint/cmd/actionlint@v1.7.7)
workflows=${1:-.github/workflows}
failed=0
wrong() { echo "$*" >&2; failed=1; }

"$actionlint" -shellcheck "$(command -v shellcheck)" -pyflakes= "$workflows"/*.yml || failed=1

for file in "$workflows"/*.yml; do
	# A tag can be moved to other code; a commit cannot.
	while read -r line; do
		[[ $line =~ uses:\ (\./|[A-Za-z0-9._/-]+@[0-9a-f]{40}\ \#\ v[0-9]) ]] || wrong "$file: not pinned by commit, with its version as comment: $line"
	done < <(grep -nE '^[[:space:]]*(- )?uses:' "$file")
	# What a title or a branch's name holds would run. Values go by env.
	awk -v file="$file" '
		/^[[:space:]]*(- )?run:/ { match($0, /^[[:space:]]*(- )?/); depth = RLENGTH; inside = 1; start = FNR }
		inside && FNR > start && /[^[:space:]]/ { match($0, /^[[:space:]]*/); if (RLENGTH <= depth) inside = 0 }
		inside && /\$\{\{/ { print file ":" FNR ": an expression inside a script: hand it over by env"; bad = 1 }
		END { exit bad }' "$file" >&2 || failed=1
	grep -qE '^permissions: \{\}$' "$file" || wrong "$file: permissions: {} at the top is missing: each job names what it needs"
	while read -r target; do
		grep -qE "^$target:" Makefile || wrong "$file: make $target: no such target"
	done < <(grep -oE '\bmake (-s )?[a-z][a-z0-9-]*' "$file" | awk '{ print $NF }' | sort -u)
	while read -r target; do
		grep -qE "^$target:" Makefile || wrong "$file: target $target of the matrix: no such target"
	done < <(sed -nE 's/^[[:space:]]*- target: ([a-z0-9-]+).*/\1/p' "$file" | sort -u)
	while read -r script; do
		[ -x "$script" ] || wrong "$file: $script is no program of this repository"
	done < <(grep -oE '(\.ci/run|scripts/[a-z-]+\.sh)' "$file" | sort -u)
done
# One Go for what is tested, what is released and what images hold: nothing else notices a difference.
images=$(grep -rhoE '\bgolang:[0-9][A-Za-z0-9._-]*' "$workflows" deployment/docker | sort -u)
[ "$(wc -l <<<"$images")" = 1 ] || wrong "images of several versions of Go: ${images//$'\n'/, }"
want=$(sed -n 's/^go //p' go.mod)
[ "$(printf '%s\n' "golang:$want" "$images" | sort -V | head -n1)" = "golang:$want" ] || wrong "$images is older than go.mod's $want"
[ "$failed" = 0 ] || exit 1
echo "$workflows: $(find "$workflows" -name '*.yml' | wc -l) workflows are well ($("$actionlint" -version | head -n1))"
