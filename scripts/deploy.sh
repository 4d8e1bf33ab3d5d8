#!/usr/bin/env bash
# Puts a signed release onto a fleet: deploy.sh DIRECTORY PUBLIC-KEY HOSTS.txt [OPTION OF flash.sh...]
# DIRECTORY is what `make release` made, or what was downloaded of it. Nothing is unpacked
# before signature and sums are right; programs are those inside the packages.
set -euo pipefail

[ $# -ge 3 ] || { echo "usage: deploy.sh DIRECTORY PUBLIC-KEY HOSTS.txt [OPTION...]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
directory=$1 public=$(realpath "$2") hosts=$(realpath "$3")
shift 3
for tool in minisign ar tar; do
	command -v "$tool" >/dev/null || { echo "deploy: $tool is missing: apt-get install minisign binutils tar" >&2; exit 1; }
done
[ -s "$hosts" ] || { echo "deploy: $hosts names no host" >&2; exit 2; }
cd "$directory"
minisign -V -q -p "$public" -m SHA256SUMS || { echo "deploy: SHA256SUMS is not signed by $public: nothing was touched" >&2; exit 1; }
# Packages that are not here may be missing, those that are here must be right and named.
for file in telhub_*.deb; do
	[ -e "$file" ] || { echo "deploy: $directory holds no package" >&2; exit 1; }
	grep -qE "^[0-9a-f]{64}  $file\$" SHA256SUMS || { echo "deploy: $file is not in SHA256SUMS: nothing was touched" >&2; exit 1; }
done
sha256sum -c --quiet --strict --ignore-missing SHA256SUMS || { echo "deploy: a file is not what was signed: nothing was touched" >&2; exit 1; }

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage/scripts" "$stage/dist"
cp "$here/flash.sh" "$here/flash-board.sh" "$stage/scripts/"
for file in telhub_*.deb; do
	case $file in
	*_arm64.deb) name=arm64 ;;
	*_armhf.deb) name=armv7 ;;
	*_amd64.deb) name=amd64 ;;
	*) echo "deploy: $file: an architecture that flash.sh does not know" >&2; exit 1 ;;
	esac
	member=$(ar t "$file" | grep '^data\.tar')
	case $member in
	*.gz) unpack=-z ;;
	*.xz) unpack=-J ;;
	*.zst) unpack=--zstd ;;
	*) unpack=--no-auto-compress ;;
	esac
	ar p "$file" "$member" | tar -x -O $unpack ./usr/bin/telhub >"$stage/dist/telhub-linux-$name"
	[ -s "$stage/dist/telhub-linux-$name" ] || { echo "deploy: $file holds no /usr/bin/telhub" >&2; exit 1; }
	chmod 755 "$stage/dist/telhub-linux-$name"
done
echo "signed by $(sed -n 2p "$public"): $(find "$stage/dist" -type f -printf '%f ')"
"$stage/scripts/flash.sh" "$@" --fleet "$hosts"
