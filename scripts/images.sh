#!/usr/bin/env bash
# Builds container images of the tree as it is: images.sh VERSION UNIXTIME [ENGINE'S OPTION...]
#
#   ENGINE=docker|podman|buildah   the first that is installed
#   IMAGES="telhub telhub-demo ttp"
#   REGISTRY=ghcr.io/telhub  TAG=dev   names are REGISTRY/IMAGE:TAG
#   PLATFORM=linux/arm64     this machine's; several, with commas, make one name for all of them.
#                            docker can keep those only in a registry: add --push.
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -ge 2 ] || { echo "usage: images.sh VERSION UNIXTIME [ENGINE'S OPTION...]" >&2; exit 2; }
version=$1 built=$2
shift 2
engine=${ENGINE:-$(for e in docker podman buildah; do command -v $e && break; done || true)}
engine=${engine##*/}
case $(uname -m) in x86_64) here=amd64 ;; aarch64) here=arm64 ;; armv*) here=arm/v7 ;; *) here=$(uname -m) ;; esac
platform=${PLATFORM:-linux/$here} registry=${REGISTRY:-ghcr.io/telhub} tag=${TAG:-dev}
case $engine in
docker) command=(docker buildx build) ;;
# In docker's format, since OCI's has no health checks. Older ones know not of
# the machine that builds.
podman) command=(podman build --format docker --timestamp "$built" --build-arg "BUILDPLATFORM=linux/$here") ;;
buildah) command=(buildah bud --format docker --timestamp "$built" --build-arg "BUILDPLATFORM=linux/$here") ;;
'') echo "images.sh: neither docker, podman nor buildah is installed" >&2; exit 1 ;;
*) echo "images.sh: ENGINE=$engine: want docker, podman or buildah" >&2; exit 2 ;;
esac
export SOURCE_DATE_EPOCH=$built # docker's clock for what it writes

for image in ${IMAGES:-telhub telhub-demo ttp}; do
	case $image in
	telhub) file=Dockerfile target=telhub ;;
	telhub-demo) file=Dockerfile target=demo ;;
	ttp) file=ttp.Dockerfile target='' ;;
	*) echo "images.sh: IMAGES: no image is called $image" >&2; exit 2 ;;
	esac
	name=$registry/$image:$tag
	options=(--platform "$platform" -f "deployment/docker/$file" --build-arg "VERSION=$version" --build-arg "BUILT=$built"
		--build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" --build-arg "CREATED=$(date -u -d "@$built" +%Y-%m-%dT%H:%M:%SZ)")
	[ -z "$target" ] || options+=(--target "$target")
	if [[ $platform == *,* && $engine != docker ]]; then
		"$engine" manifest rm "$name" >/dev/null 2>&1 || true
		options+=(--manifest "$name")
	else
		options+=(-t "$name")
	fi
	echo "== $name"
	"${command[@]}" "${options[@]}" "$@" .
done
