#!/usr/bin/env bash
# Compiles what bitbake has unpacked with the recipe's own do_compile, this
# machine's Go in place of the cross compiler: yocto-compile.sh ENVIRONMENT OUT,
# with what `bitbake -e` printed for the recipe. It shows that the modules
# suffice without a network, and that flags, tag and version are taken.
set -euo pipefail

environment=${1:?usage: yocto-compile.sh ENVIRONMENT OUT}
out=${2:?usage: yocto-compile.sh ENVIRONMENT OUT}
die() { echo "yocto-compile: $*" >&2; exit 1; }
value() { # value NAME: what the recipe has for it; none is an error
	local v
	v=$(sed -n "s/^\(export \)\?$1=\"\(.*\)\"$/\2/p" "$environment" | tail -n1)
	[ -n "$v" ] || die "$environment has no $1"
	printf '%s' "$v"
}

# One a line: of several on one, set -e minds the last.
b=$(value B)
s=$(value S)
import=$(value GO_IMPORT)
cross=$(value GO)
goarch=$(value GOARCH)
gotmp=$(value GOTMPDIR)
source=$s/src/$import
[ -d "$source" ] || die "$source is missing: unpack first"
[ "${b##*/}" = build ] || die "B=$b is not the build directory of a recipe"

# Go's settings as the recipe exports them. Not where the cross compiler lies,
# nor the C compiler, which CGO_ENABLED=0 has no use for.
exports=$(grep -E '^export (GO[A-Z0-9]*|CGO_ENABLED)=' "$environment" | grep -vE '^export (GOROOT|GOTOOLDIR|GO)=')
functions=$(awk '/^(do_compile|go_do_compile|go_list_packages)\(\) \{$/ { on = 1 } on { print } /^}$/ { on = 0 }' "$environment")

mkdir -p "$out/bin" "$b" "$gotmp"
printf '#!/bin/sh\nunset GOROOT GOTOOLDIR\nexec %s "$@"\n' "$(command -v go)" >"$out/bin/$cross"
chmod +x "$out/bin/$cross"
rm -rf "${b:?}/bin" "${b:?}/pkg" # do_compile[cleandirs]
ln -snf "$s/src" "$b/src"        # go_do_configure

# GOPROXY=off is the recipe's: where a module is missing it fails, as the real
# task would.
# shellcheck disable=SC2016 # the program that is written expands it
printf 'set -e\nPATH=%q:$PATH\n%s\n%s\ncd %q\ndo_compile\n' "$out/bin" "$exports" "$functions" "$b/src/$import" >"$out/run"
nice -n 19 bash "$out/run" >"$out/log" 2>&1 || { tail -n 20 "$out/log" >&2; die "$out/log"; }

program=$(find "$b/bin" -type f -name telhub)
[ -n "$program" ] || die "no program in $b/bin"
want=$(git -C "$source" describe --tags --always)
info=$(go version -m "$program")
for setting in -tags=nethttpomithttp2 -trimpath=true CGO_ENABLED=0 "GOARCH=$goarch"; do
	grep -q -- "$setting" <<<"$info" || die "not built with $setting"
done
! grep -q -- '-buildmode=pie' <<<"$info" || die "built as PIE"
grep -aq "$want" "$program" || die "version $want is not in the program"
! grep -aqF -- "${b%/*}" "$program" || die "the build's paths are in the program: packaging would refuse it"
kind=$(file -b "$program")
[[ $kind == *"statically linked"* ]] || die "$program: $kind"
printf '%s, version %s, %s bytes with symbols\n' "$(cut -d, -f1-4 <<<"$kind")" "$want" "$(stat -c %s "$program")"
