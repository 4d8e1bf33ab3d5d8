#!/usr/bin/env bash
# Looks for what is known to be dangerous: gosec (code), govulncheck (modules
# and the Go library), gitleaks (secrets, in all commits), shellcheck (scripts).
# What is accepted stands with its reason in .gosec.json, .gitleaks.toml or a
# comment in place; docs/cicd_pipeline.md. All run, then it fails if one did.
#   GOVULNDB=file:///…   a copy of the database, where vuln.go.dev cannot be reached
#   ONLY="gosec gitleaks"   some of them
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/tools.sh
. scripts/tools.sh
export GOTOOLCHAIN=local

gosec() {
	local tool rules
	tool=$(go_tool gosec github.com/securego/gosec/v2/cmd/gosec@v2.22.0)
	rules=$(sed -nE 's/^(G[0-9]+) .*/\1/p' .gosec-accepted | paste -sd,)
	# Packages by name: it would walk through .cache, too, and through what is mounted there.
	go list -f '{{.Dir}}' ./... | xargs "$tool" -quiet ${rules:+-exclude="$rules"}
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
