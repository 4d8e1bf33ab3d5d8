# shellcheck shell=bash disable=SC2016,SC2154
# Builds the images and looks into them. Part of test-container.sh.

stand_ins
images() { # images PLATFORM TAG IMAGE...
	ENGINE=buildah PLATFORM=$1 TAG=$2 IMAGES="${*:3}" nice -n 15 scripts/images.sh "$version" "$built" --pull-never \
		-v "$(go env GOROOT):/usr/local/go:ro" -v "$(go env GOMODCACHE)/cache/download:/proxy:ro" --build-arg GOPROXY=file:///proxy
}
prop() { podman image inspect --format "$2" "$registry/$1"; }
is() { [ "$(prop "$1" "$2")" = "$3" ] || { prop "$1" "$2"; return 1; }; }
below() { [ "$(prop "$1" '{{.Size}}')" -lt "$2" ] || { prop "$1" '{{.Size}}'; return 1; }; }
# files IMAGE unpacks an image and lists its files.
files() {
	local id
	rm -rf "$guest/tree" && mkdir "$guest/tree"
	id=$(podman create "$registry/$1")
	podman export "$id" | tar -x -C "$guest/tree"
	podman rm "$id" >/dev/null
	# What the engine adds when it makes a container.
	(cd "$guest/tree" && find . -type f ! -path './dev/*' ! -path './proc/*' ! -path './sys/*' ! -path './run/*' ! -path ./etc/hosts ! -path ./etc/hostname ! -path ./etc/resolv.conf | sort | tr '\n' ' ')
}
holds() { local got; got=$(files "$1") && shift && echo "$got" && [ "$got" = "$* " ]; }

echo "-- images"
expect "build telhub, telhub-demo, ttp for this machine" images linux/amd64 dev telhub telhub-demo ttp
expect "telhub is less than 15 MB: $(prop telhub:dev '{{.Size}}') bytes" below telhub:dev 15000000
say "      telhub-demo $(prop telhub-demo:dev '{{.Size}}'), ttp $(prop ttp:dev '{{.Size}}') bytes"
expect "telhub holds its program, certificates and two names, and no shell" holds telhub:dev ./etc/group ./etc/passwd ./etc/ssl/certs/ca-certificates.crt ./usr/bin/telhub
expect "... the program is byte for byte that of make build" cmp "$guest/tree/usr/bin/telhub" bin/telhub
expect "... its state belongs to its user" test "$(stat -c '%u %a' "$guest/tree/var/lib/telhub")" = "65532 750"
expect "ttp holds its program, certificates, time zones and two names" holds ttp:dev ./etc/group ./etc/passwd ./etc/ssl/certs/ca-certificates.crt ./usr/bin/ttp ./usr/share/zoneinfo.zip
expect "... the program is that of make ttp" cmp "$guest/tree/usr/bin/ttp" bin/ttp
for image in telhub telhub-demo ttp; do
	expect "$image: no root, SIGTERM, version $version, time of the commit" eval \
		"is $image:dev {{.User}} 65532:65532 && is $image:dev {{.Config.StopSignal}} SIGTERM && is $image:dev '{{index .Labels \"org.opencontainers.image.version\"}}' '$version' &&
		is $image:dev '{{index .Labels \"org.opencontainers.image.title\"}}' $image && is $image:dev '{{.Created.Unix}}' $built"
	expect "$image: asks itself whether it lives" eval "prop $image:dev '{{.HealthCheck.Test}}' | grep -E 'health( --live)?]'"
done
expect "build telhub for arm64 and armv7" images linux/arm64,linux/arm/v7 arm telhub
for arch in arm64:AArch64 arm:ARM; do
	id=$(buildah from --pull-never --arch "${arch%:*}" "$registry/telhub:arm") && dir=$(buildah mount "$id")
	expect "${arch%:*}: the program is of that machine" eval 'readelf -h "$dir/usr/bin/telhub" | grep "Machine: *${arch#*:}"'
	expect "${arch%:*}: less than 15 MB: $(du -sb "$dir" | cut -f1) bytes" test "$(du -sb "$dir" | cut -f1)" -lt 15000000
	interpreter=/proc/sys/fs/binfmt_misc/qemu-$([ "${arch%:*}" = arm64 ] && echo aarch64 || echo arm)
	if grep -qs '^flags:.*F' "$interpreter"; then
		expect "${arch%:*}: runs, under an emulator" eval 'chroot "$dir" /usr/bin/telhub version | grep -F "$version"'
	else say "      ${arch%:*}: not run, no emulator is registered"; fi
	buildah rm "$id" >/dev/null
done
