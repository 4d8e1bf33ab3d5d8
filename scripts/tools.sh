# shellcheck shell=bash
# Go programs that checks use, at exact versions and outside of go.mod, which
# they would make three times as long. Source it; do not run it.

# go_tool NAME PACKAGE@VERSION prints the path of the program, which it builds
# once; NAME in capitals, as in GOSEC=/path, takes one that is there.
go_tool() {
	local name=$1 package=$2 own dir
	own=${name^^}
	own=${own//-/_}
	if [ -n "${!own:-}" ]; then echo "${!own}"; return; fi
	dir=${XDG_CACHE_HOME:-$HOME/.cache}/telhub/tools/$name-${package##*@}-$(go env GOVERSION)
	if [ ! -x "$dir/$name" ]; then
		echo "building $package, once" >&2
		if ! GOBIN=$dir GOFLAGS=-mod=mod GOTOOLCHAIN=local go install "$package" >&2; then
			echo "${0##*/}: $package could not be built: it needs the network; or set $own=/path/to/$name" >&2
			return 1
		fi
		# The program of a module with a version suffix may have another name.
		[ -x "$dir/$name" ] || mv "$dir"/* "$dir/$name"
	fi
	echo "$dir/$name"
}

# need COMMAND PACKAGE ends the script where a Debian package is missing.
need() {
	command -v "$1" >/dev/null || { echo "${0##*/}: $1 is missing: apt-get install $2" >&2; exit 1; }
}
