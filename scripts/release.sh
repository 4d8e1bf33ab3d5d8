#!/usr/bin/env bash
# Signs what scripts/packages.sh made: release.sh SECRET-KEY PUBLIC-KEY.
# SHA256SUMS names every file and is signed with minisign, so that one check
# covers all. The signature is verified before this succeeds. RELEASE=v1.2.3
# signs what is of that release only.
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# = 2 ] || { echo "usage: release.sh SECRET-KEY PUBLIC-KEY" >&2; exit 2; }
command -v minisign >/dev/null || { echo "release: minisign is missing: apt-get install minisign" >&2; exit 1; }
for key in "$@"; do
	[ -r "$key" ] || { echo "release: $key cannot be read; minisign -G -s SECRET -p PUBLIC makes a pair" >&2; exit 1; }
done
secret=$(realpath "$1") public=$(realpath "$2")
cd dist/packages
sha256sum -c --quiet --strict SHA256SUMS
find . -mindepth 1 ! -name SHA256SUMS ! -name SHA256SUMS.minisig ! -name telhub.pub -printf '%P\n' | LC_ALL=C sort | cmp -s - <(cut -c67- SHA256SUMS | LC_ALL=C sort) ||
	{ echo "release: dist/packages holds what SHA256SUMS does not name: make packages makes both anew" >&2; exit 1; }
version=$(sed -n 's/.* telhub_\([0-9.]*\)_.*\.cdx\.json/\1/p' SHA256SUMS | sort -u)
[ -z "${RELEASE:-}" ] || [ "$version" = "${RELEASE#v}" ] || { echo "release: these packages are of version $version, not of $RELEASE" >&2; exit 1; }
# A comment that is signed, too, and not the time of signing.
minisign -S -q -s "$secret" -m SHA256SUMS -t "telhub $version"
minisign -V -q -p "$public" -m SHA256SUMS
cp "$public" telhub.pub
echo "dist/packages is signed; to verify: minisign -V -p telhub.pub -m SHA256SUMS && sha256sum -c SHA256SUMS"
