#!/usr/bin/env bash
# Builds the committed tree twice, in two directories with separate build
# caches, the second cloned under another umask, and compares the binaries:
# reproducible.sh [ARCH...], as in make cross.
# Each build compiles everything: about a minute an architecture.
# WITH_PACKAGES=1 makes and compares the packages, too.
set -euo pipefail
cd "$(dirname "$0")/.."

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
version=$(git describe --tags --always)
commit=$(git rev-parse HEAD)
for i in 1 22; do # both now: the branch may go on meanwhile
	(if [ "$i" = 22 ]; then umask 077; fi && git clone -q . "$tmp/$i" && git -C "$tmp/$i" checkout -q --detach "$commit")
done
for i in 1 22; do
	goal=(cross "CROSS=${*:-arm64}")
	[ -z "${WITH_PACKAGES:-}" ] || goal=(packages "PACKAGES=${*:-arm64}")
	(cd "$tmp/$i" && GOCACHE=$tmp/cache$i make -s "${goal[@]}" VERSION="$version" >/dev/null)
done
(cd "$tmp/1/dist" && find . -type f | sort) | while read -r f; do
	cmp "$tmp/1/dist/$f" "$tmp/22/dist/$f"
	(cd "$tmp/1" && sha256sum "dist/${f#./}")
done
diff -r "$tmp/1/dist" "$tmp/22/dist"
echo "two builds of ${commit:0:7} are identical"
