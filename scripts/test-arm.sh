#!/usr/bin/env bash
# Runs the tests under qemu-user for arm64 and armv7: test-arm.sh [PACKAGE...]
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v qemu-aarch64-static >/dev/null || ! command -v qemu-arm-static >/dev/null; then
	apt-get update -q
	DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends qemu-user-static
fi
scripts/test-deps.sh
[ $# -gt 0 ] || set -- ./...

# What the emulator cannot do, and no fault of ours: it starts no second ARM
# program, is no measure of speed, and knows neither the ioctls of i2c-dev nor TCSETS2 and TIOCEXCL.
# The emulated board (make test-hil) has a real kernel for those.
skip='^(TestBoardMemoryOfTwentySensors|TestSoakMemoryStaysWithinBudget|TestStartToFirstFrame|TestKilledWhileCommitting'
skip+='|TestKilledWhileThinning|TestAuditOfARealAgent|TestProcessingAgainstHalfACore'
skip+='|TestOpenRealFiles|TestObjectReachesTheRealKernel|TestAnUnusualBaudRateOpens|TestAPortMarkedExclusiveByOthersIsBusy)$'
run() {
	echo "== $1${2:+v$2}"
	CGO_ENABLED=0 GOOS=linux GOARCH=$1 GOARM=${2:-} \
		go test -short -timeout 30m -p 2 -skip "$skip" -exec "$3" "${@:4}"
}
run arm64 '' qemu-aarch64-static "$@"
run arm 7 qemu-arm-static "$@"
