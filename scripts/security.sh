#!/usr/bin/env bash
# Looks for what is known to be dangerous: gosec (code), govulncheck (modules
# and the Go library), gitleaks (secrets, in all commits), shellcheck (scripts).
# What is accepted stands with its reason in .gosec-accepted, .gitleaks.toml or a
# comment in place; docs/cicd_pipeline.md. All run, then it fails if one did.
#   GOVULNDB=file:///…   a copy of the database, where vuln.go.dev cannot be reached
#   ONLY="gosec gitleaks"   some of them
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/tools.sh
. scripts/tools.sh
export GOTOOLCHAIN=local

gosec() {
	local tool found
	tool=$(go_tool gosec github.com/securego/gosec/v2/cmd/gosec@v2.22.0)
	need jq jq
	found=$(mktemp -d)
	# Packages by name: it would walk through .cache, too, and through what is mounted there.
	go list -f '{{.Dir}}' ./... | xargs "$tool" -quiet -no-fail -fmt json -out "$found/json"
	jq -r --arg root "$PWD/" '.Issues[] | .file |= ltrimstr($root) | [.rule_id, (.file | sub("/?[^/]*$"; "")), "\(.file):\(.line)", .details] | @tsv' "$found/json" >"$found/tsv"
	jq -e '.Stats.files > 0 and (."Golang errors" | length == 0)' "$found/json" >/dev/null ||
		{ echo "gosec: it could not read all of the code: $(jq -c '."Golang errors", .Stats' "$found/json")" >&2; rm -rf "$found"; return 1; }
	awk -F'\t' '
		FNR == NR { if ($0 ~ /^G[0-9]+ /) { sub(/:.*/, ""); n = split($0, w, " "); for (i = 2; i <= n; i++) accepted[w[1], w[i]] = w[1] " " w[i] } next }
		($1, "*") in accepted { used[$1, "*"]; next }
		($1, $2) in accepted { used[$1, $2]; next }
		{ print $3 ": " $1 ": " $4; bad = 1 }
		END { for (k in accepted) if (!(k in used)) { print ".gosec-accepted: " accepted[k] ": nothing is found there any more"; bad = 1 }; exit bad }
	' .gosec-accepted "$found/tsv" || { rm -rf "$found"; return 1; }
	rm -rf "$found"
}
govulncheck() {
	local tool
	tool=$(go_tool govulncheck golang.org/x/vuln/cmd/govulncheck@v1.1.4)
	"$tool" -db "${GOVULNDB:-https://vuln.go.dev}" ./...
}
gitleaks() {
	local tool
	tool=$(go_tool gitleaks github.com/zricethezav/gitleaks/v8@v8.28.0)
	"$tool" git . --no-banner --redact --config .gitleaks.toml
}
scripts() {
	local bad=0
	# Variables of files that source each other (SC2034, SC2154), and busybox's shell, which is checked as dash (SC2187).
	local options=(-x -P SCRIPTDIR -S warning -e "SC2034,SC2154,SC2187")
	need shellcheck shellcheck
	# By what is in them: some have no .sh, and those of packages no first line.
	git ls-files -z | xargs -0 awk 'FNR == 1 { if (/^#!.*[\/ ](ba|da)?sh([ ]|$)/) print FILENAME; nextfile }' |
		xargs -r shellcheck "${options[@]}" || bad=1
	git ls-files 'scripts/packages/*' | grep -E '/(deb|rpm|apk|ipk)\.|/[a-z]*\.sh$' | xargs -r shellcheck -s sh "${options[@]}" || bad=1
	return $bad
}

failed=()
for check in ${ONLY:-gosec govulncheck gitleaks scripts}; do
	echo "== $check (${SECONDS}s)"
	"$check" || failed+=("$check")
done
[ ${#failed[@]} -eq 0 ] || { echo "security: found something: ${failed[*]}" >&2; exit 1; }
echo "== nothing found (${SECONDS}s)"
