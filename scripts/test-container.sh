#!/usr/bin/env bash
# Builds the images, looks into them, runs them locked down, and brings up the
# compose files with them: test-container.sh VERSION UNIXTIME, after
# `make build ttp`. Debian, root. STEPS="images locked" leaves out the last; each needs those before. docs/docker_deployment.md
# tells what stands in for what.
# shellcheck disable=SC2016,SC2034 # eval gets its text as it stands; the steps use the variables
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/guest.sh
. scripts/guest.sh
# shellcheck source=scripts/container/lib.sh
. scripts/container/lib.sh

version=${1:?usage: test-container.sh VERSION UNIXTIME} built=${2:?usage: test-container.sh VERSION UNIXTIME}
[ -n "${CONTAINER_ALONE:-}" ] || container_tools
pg=$(find /usr/lib/postgresql -maxdepth 1 -mindepth 1 | sort -V | tail -n1)
container_alone "$@"
container_new
registry=ghcr.io/telhub # as the compose files have it
for step in ${STEPS:-images locked compose}; do
	# shellcheck source=/dev/null
	. "scripts/container/$step.sh"
done
verdict
