#!/usr/bin/env bash
# Puts a signed release onto a fleet: deploy.sh DIRECTORY PUBLIC-KEY HOSTS.txt [OPTION OF flash.sh...]
# DIRECTORY is what `make release` made, or what was downloaded of it. Nothing is unpacked
# before signature and sums are right; programs are those inside the packages.
# RELEASE=v1.2.3 takes packages of that release only: an older one is signed, too.
set -euo pipefail

[ $# -ge 3 ] || { echo "usage: deploy.sh DIRECTORY PUBLIC-KEY HOSTS.txt [OPTION...]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
directory=$1 public=$(realpath "$2") hosts=$(realpath "$3")
shift 3
for tool in minisign ar tar; do
	command -v "$tool" >/dev/null || { echo "deploy: $tool is missing: apt-get install minisign binutils tar" >&2; exit 1; }
done
[ -s "$hosts" ] || { echo "deploy: $hosts names no host" >&2; exit 2; }
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir "$stage/scripts" "$stage/dist" "$stage/signed"
cp "$here/flash.sh" "$here/flash-board.sh" "$stage/scripts/"
# Copies: what was looked at is what is unpacked, whoever else can write the directory.
(cd -- "$directory" && for file in SHA256SUMS SHA256SUMS.minisig telhub_*.deb; do [ ! -f "$file" ] || cp -- "$file" "$stage/signed/"; done)
cd "$stage/signed"
minisign -V -q -p "$public" -m SHA256SUMS || { echo "deploy: SHA256SUMS is not signed by $public: nothing was touched" >&2; exit 1; }
# Packages that are not here may be missing; those that are here must be named, sum and all. A name is no pattern.
for file in telhub_*.deb; do
	[ -e "$file" ] || { echo "deploy: $directory holds no package" >&2; exit 1; }
	[[ $file =~ ^telhub_([0-9.]+)-[0-9]+_[a-z0-9]+\.deb$ ]] || { echo "deploy: $file is no name of a package: nothing was touched" >&2; exit 1; }
	[ -z "${RELEASE:-}" ] || [ "${BASH_REMATCH[1]}" = "${RELEASE#v}" ] ||
		{ echo "deploy: $file is not of release $RELEASE: nothing was touched" >&2; exit 1; }
	cut -c67- SHA256SUMS | grep -qxF "$file" || { echo "deploy: $file is not in SHA256SUMS: nothing was touched" >&2; exit 1; }
	grep -qxF "$(sha256sum "$file")" SHA256SUMS || { echo "deploy: $file is not what was signed: nothing was touched" >&2; exit 1; }
done

for file in telhub_*.deb; do
	case $file in
	*_arm64.deb) name=arm64 ;;
	*_armhf.deb) name=armv7 ;;
	*_amd64.deb) name=amd64 ;;
	*) echo "deploy: $file: an architecture that flash.sh does not know" >&2; exit 1 ;;
	esac
	[ ! -e "$stage/dist/telhub-linux-$name" ] || { echo "deploy: $file is a second package for $name: nothing was touched" >&2; exit 1; }
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
