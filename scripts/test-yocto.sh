#!/usr/bin/env bash
# Has bitbake read meta-telhub, plan what the recipe, the image and the bundle
# need, and fetch and unpack the recipe's sources; then compiles them with the
# recipe's own commands, this machine's Go in place of the cross compiler.
# Nothing of openembedded-core is built. yocto/README.md says what it needs.
#   OECORE_DIR BITBAKE_DIR META_RAUC_DIR  trees at hand; without: cloned
#   YOCTO_WORK   where it works (~/.cache/telhub/yocto); 1 GB, kept for next time
#   YOCTO_USER   who runs bitbake when this is run by root, which bitbake refuses
#   STEPS        of "parse dryrun fetch compile"; all
#   MACHINES     qemuarm64 first; others are only compiled for (qemuarm)
# shellcheck disable=SC2030,SC2031 # subshells keep their environments to themselves
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" = 0 ]; then
	: "${YOCTO_USER:?bitbake refuses root: name a user to run it, YOCTO_USER=name}"
	home=$(getent passwd "$YOCTO_USER" | cut -d: -f6)
	work=${YOCTO_WORK:-$home/.cache/telhub/yocto}
	install -d -o "$YOCTO_USER" "$work"
	# A tree of its own: git lets nobody read somebody else's.
	rm -rf "$work/tree"
	git clone -q . "$work/tree"
	chown -R "$YOCTO_USER" "$work/tree"
	keep=()
	for v in OECORE_DIR BITBAKE_DIR META_RAUC_DIR STEPS MACHINES GOMODCACHE; do
		[ -z "${!v:-}" ] || keep+=("$v=${!v}")
	done
	exec runuser -u "$YOCTO_USER" -- env -i HOME="$home" PATH="$PATH" LANG=en_US.UTF-8 YOCTO_WORK="$work" "${keep[@]}" "$work/tree/scripts/test-yocto.sh"
fi

work=${YOCTO_WORK:-${XDG_CACHE_HOME:-$HOME/.cache}/telhub/yocto}
steps=" ${STEPS:-parse dryrun fetch compile} "
read -ra machines <<<"${MACHINES:-qemuarm64 qemuarm}"
export LANG=en_US.UTF-8 LC_ALL=en_US.UTF-8
mkdir -p "$work"

fail() { echo "test-yocto: $*" >&2; exit 1; }
step() { printf '\n== %s (%ss)\n' "$*" "$SECONDS"; }
for tool in chrpath diffstat gawk lz4c zstd cpio file wget python3 go git; do
	command -v $tool >/dev/null || fail "$tool is missing: yocto/README.md names the packages"
done
locale -a | grep -qi '^en_US.utf-\?8$' || fail "locale en_US.UTF-8 is missing: locale-gen"

tree() { # tree VARIABLE NAME BRANCH URL: the directory of a tree, cloned unless given
	local dir=${!1:-}
	if [ -z "$dir" ]; then
		dir=$work/$2
		[ -e "$dir" ] || git clone -q --depth 1 --branch "$3" "$4" "$dir" >&2
	fi
	[ -e "$dir/.git" ] || fail "$1=$dir is no git tree"
	printf '%s: %s\n' "$2" "$(git -C "$dir" log -1 --format='%h of %cs')" >&2
	echo "$dir"
}
oecore=$(tree OECORE_DIR openembedded-core wrynose https://github.com/openembedded/openembedded-core)
export BITBAKEDIR
BITBAKEDIR=$(tree BITBAKE_DIR bitbake 2.18 https://github.com/openembedded/bitbake)
rauc=$(tree META_RAUC_DIR meta-rauc wrynose https://github.com/rauc/meta-rauc)
layer=$PWD/yocto/meta-telhub
echo "telhub: $(git describe --tags --always --dirty)"

# environment BUILD: a build directory as yocto/README.md makes it.
environment() {
	local build=$work/$1
	set +u # oe-init-build-env asks for unset variables
	cd "$oecore"
	# shellcheck source=/dev/null
	TEMPLATECONF=$layer/conf/templates/telhub . ./oe-init-build-env "$build" >/dev/null
	set -u
	grep -q meta-telhub conf/bblayers.conf || bitbake-layers add-layer "$layer" "$rauc" >/dev/null
	grep -q '^# test-yocto' conf/local.conf || cat >>conf/local.conf <<-'EOF'
		# test-yocto: nothing is built, so that signatures need no server
		BB_HASHSERVE = ""
		BB_SIGNATURE_HANDLER = "OEBasicHash"
		CONNECTIVITY_CHECK_URIS = ""
		DISTRO_FEATURES:append = " rauc"
	EOF
}

bake() { # bake LOG ARGUMENTS...: its output in LOG, the last of it here when it fails
	local log=$work/$1.log
	shift
	nice -n 19 bitbake "$@" >"$log" 2>&1 || { tail -n 40 "$log" >&2; fail "bitbake $*: $log"; }
	! grep -E '^(ERROR|WARNING): .*telhub' "$log" || fail "bitbake $*: errors or warnings of this layer: $log"
}

if [[ $steps == *" parse "* ]]; then
	step parse
	(
		environment build
		export BB_NO_NETWORK=1
		bake parse -p
		grep -E 'Parsing of|recipes|errors' "$work/parse.log" | tail -n 2
		bitbake-layers show-recipes 'telhub*' 'packagegroup-telhub' 2>/dev/null | grep -A1 telhub
	)
fi

if [[ $steps == *" dryrun "* ]]; then
	step "dry run of telhub, telhub-image and telhub-bundle"
	(
		environment build
		export BB_NO_NETWORK=1
		bake dryrun -n telhub telhub-image telhub-bundle
		grep 'Tasks Summary' "$work/dryrun.log"
		grep -q 'all succeeded' "$work/dryrun.log" || fail "not all tasks: $work/dryrun.log"
	)
fi

# Each machine in a build directory of its own. -b takes the recipe alone,
# without parsing the rest. bitbake's exit code is that of uninative, too, a
# download that nothing here needs: the summary tells of the tasks.
recipe=$layer/recipes-telhub/telhub/telhub_git.bb
if [[ $steps == *" fetch "* ]]; then
	for machine in "${machines[@]}"; do
		step "fetch and unpack for $machine"
		(
			environment "fetch-$machine"
			export MACHINE=$machine
			rm -rf tmp* downloads
			for task in fetch unpack; do
				log=$work/$task-$machine.log
				nice -n 19 bitbake -b "$recipe" -c $task >"$log" 2>&1 || true
				grep 'Tasks Summary.*all succeeded' "$log" || { tail -n 40 "$log" >&2; fail "$task: $log"; }
			done
			echo "$(find downloads -maxdepth 1 -name '*.zip' | wc -l) modules"
		)
	done
fi

if [[ $steps == *" compile "* ]]; then
	for machine in "${machines[@]}"; do
		step "do_compile for $machine with $(go version)"
		(
			environment "fetch-$machine"
			export MACHINE=$machine
			nice -n 19 bitbake -b "$recipe" -e >"$work/environment-$machine" 2>"$work/environment-$machine.log"
			"$layer/../../scripts/yocto-compile.sh" "$work/environment-$machine" "$work/compile-$machine"
		)
	done
fi
printf '\nfinished (%ss)\n' "$SECONDS"
