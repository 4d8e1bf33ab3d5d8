#!/usr/bin/env bash
# Makes deb, rpm, apk and ipk of dist/telhub-linux-ARCH, and deb and rpm of
# dist/ttp-linux-ARCH, which `make cross cross-ttp` builds, into dist/packages, or $OUT: packages.sh VERSION UNIXTIME ARCH...
# The same programs, version and time give the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/tools.sh
. scripts/tools.sh

[ $# -ge 3 ] || { echo "usage: packages.sh VERSION UNIXTIME ARCH..." >&2; exit 2; }
described=$1
export SOURCE_DATE_EPOCH=$2 TZ=UTC LC_ALL=C
shift 2
case " $* " in *" armv6 "*" armv7 "* | *" armv7 "*" armv6 "* | *" armv6 armv7 "* | *" armv7 armv6 "*)
	echo "packages: armv6 and armv7 are both called armhf: make one after the other, with OUT= for the first; armv6 runs on all" >&2
	exit 2
	;;
esac

# A version that all four formats take and sort alike: a tag's, with the number
# of commits since; without a tag 0.0. and the number of commits.
version=$(sed -nE 's/^v?([0-9]+(\.[0-9]+)*)(-([0-9]+)-g[0-9a-f]+)?(-dirty)?$/\1.\4/p' <<<"$described")
version=${PKGVERSION:-${version%.}}
[ -n "$version" ] || version=0.0.$(git rev-list --count HEAD)

nfpm=$(go_tool nfpm github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.1)
out=${OUT:-dist/packages}
rm -rf "$out"
build=$(mktemp -d dist/build.XXXXXX)
trap 'rm -rf "$build"' EXIT
chmod 755 "$build"
mkdir -p "$out"

for script in scripts/packages/{deb,rpm,apk,ipk}.*; do
	{
		printf '#!/bin/sh\nset -e\n'
		case $script in
		*/deb.postinst) cat scripts/packages/files.sh ;;
		*inst | *install) cat scripts/packages/{user,files}.sh ;;
		*/apk.postupgrade) cat scripts/packages/files.sh ;;
		esac
		cat "$script"
	} >"$build/${script##*/}"
done
mkdir "$build/ttp"
chmod 755 "$build/ttp"
for script in scripts/packages/ttp/{deb,rpm}.*; do
	{
		printf '#!/bin/sh\nset -e\n'
		case $script in *.postinst) cat scripts/packages/ttp/file.sh ;; esac
		cat "$script"
	} >"$build/ttp/${script##*/}"
done
GOFLAGS=-buildvcs=false CGO_ENABLED=0 "${GO:-go}" run ./agent/cmd/telhub init >"$build/telhub.toml"
cp processing/examples/config.example.toml "$build/ttp.toml" # a test holds it to ttp check --example
gzip -9n <scripts/packages/telhub.1 >"$build/telhub.1.gz"
gzip -9n <scripts/packages/ttp/ttp.1 >"$build/ttp.1.gz"

# pack NAME ARCH CONFIG FORMAT... makes the packages of dist/NAME-linux-ARCH.
pack() {
	local name=$1 t=$2 config=$3 format arch binary=dist/$1-linux-$2
	shift 3
	[ -e "$binary" ] || { echo "packages: $binary is missing: make packages PACKAGES=$t" >&2; exit 1; }
	case $t in armv*) arch=arm${t#armv} ;; *) arch=$t ;; esac
	"${GO:-go}" run ./scripts/sbom "$name" "$described" "$SOURCE_DATE_EPOCH" "$binary" >"$build/sbom.json"
	cp "$build/sbom.json" "$out/${name}_${version}_$t.cdx.json"
	{
		printf '%s (%s) unstable; urgency=medium\n\n  * Version %s; see CHANGELOG.md of the source.\n\n' "$name" "$version" "$described"
		printf ' -- telhub maintainers <telhub@example.org>  %s\n' "$(date -u -R -d "@$SOURCE_DATE_EPOCH")"
	} | gzip -9n >"$build/changelog.Debian.gz"
	sed -e "s|@ARCH@|$arch|g" -e "s|@VERSION@|$version|g" -e "s|@BINARY@|$binary|g" -e "s|@BUILD@|$build|g" \
		-e "s|@MTIME@|$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)|g" "$config" >"$build/nfpm.yaml"
	# What nfpm takes from files: neither modes nor times depend on this run.
	find "$build" -type f -exec chmod 644 {} + -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
	for format in "$@"; do
		"$nfpm" package --config "$build/nfpm.yaml" --packager "$format" --target "$out/" >"$build/log" 2>&1 ||
			{ cat "$build/log" >&2; exit 1; }
	done
}

for t in "$@"; do
	pack telhub "$t" scripts/packages/nfpm.yaml.in deb rpm apk ipk
	# ttp is for servers.
	case $t in arm64 | amd64) pack ttp "$t" scripts/packages/ttp/nfpm.yaml.in deb rpm ;; esac
done
sums=$(cd "$out" && sha256sum -- *)
echo "$sums" >"$out/SHA256SUMS"
ls -l "$out"
