# shellcheck shell=bash
# Containers for test-container.sh: podman, buildah and runc with a storage, a
# network and process numbers of their own, and images that stand in for those
# of a registry, made of this machine's programs. Source it; do not run it.
#
# Debian, root. CONTAINER_CACHE (.cache/containers) keeps Go's modules between runs;
# CONTAINER_STORE=DIR keeps images, too, for runs with STEPS="locked compose".

# container_tools installs what the test uses on this machine.
container_tools() {
	local missing=() pair
	for pair in podman:podman buildah:buildah runc:runc docker-compose:docker-compose netavark:netavark aardvark-dns:aardvark-dns \
		iptables:iptables busybox:busybox-static jq:jq curl:curl socat:socat python3:python3 prometheus:prometheus redis-server:redis-server \
		valkey-server:valkey-server readelf:binutils; do
		PATH=$PATH:/usr/lib/podman command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
	done
	pg=$(find /usr/lib/postgresql -maxdepth 1 -mindepth 1 2>/dev/null | sort -V | tail -n1)
	[ -n "$pg" ] || missing+=(postgresql)
	[ ${#missing[@]} -gt 0 ] || return 0
	echo "installing: ${missing[*]}"
	scripts/test-deps.sh # knows where valkey and postgresql come from, and starts no service
	apt-get -o DPkg::Lock::Timeout=300 update -q
	DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -yq --no-install-recommends "${missing[@]}"
	pg=$(find /usr/lib/postgresql -maxdepth 1 -mindepth 1 | sort -V | tail -n1)
}

# container_alone runs the script again where its network, mounts and processes
# are its own: what it leaves behind ends with it.
container_alone() {
	[ "$(id -u)" = 0 ] || die "containers need root"
	if [ -z "${CONTAINER_ALONE:-}" ]; then
		CONTAINER_ALONE=1 exec unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private "$0" "$@"
	fi
	ip link set lo up
	mount -t tmpfs tmpfs /run # podman's networks and locks, not the machine's
	mount -t tmpfs tmpfs /dev/shm
	mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc 2>/dev/null || true # which emulators there are
}

# container_new makes $guest, this run's directory, and points the tools to it.
container_new() {
	guest=$(mktemp -d /tmp/container.XXXXXX)
	trap container_end EXIT
	trap 'exit 1' INT TERM
	cache=$(realpath -m "${CONTAINER_CACHE:-.cache/containers}")
	store=${CONTAINER_STORE:-$guest}
	mkdir -p "$store/tmp" "$cache/buildah-cache/root/.cache/go-build"
	export TMPDIR=$cache BUILDAH_ISOLATION=chroot CONTAINERS_CONF=$guest/containers.conf CONTAINERS_STORAGE_CONF=$guest/storage.conf
	# Go's cache knows what it holds by content: builds are no less real, but shorter.
	mount --bind "$(go env GOCACHE)" "$cache/buildah-cache/root/.cache/go-build"
	printf '[storage]\ndriver = "overlay"\ngraphroot = "%s/store"\nrunroot = "%s/run"\n' "$store" "$store" >"$CONTAINERS_STORAGE_CONF"
	cat >"$CONTAINERS_CONF" <<-END
		[containers]
		default_ulimits = ["nofile=4096:4096", "nproc=1024:1024"]
		log_driver = "k8s-file"
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		runtime = "runc"
		tmp_dir = "$store/tmp"
		[network]
		network_backend = "netavark"
		network_config_dir = "$guest/networks"
	END
}

container_end() {
	local status=$?
	trap - EXIT
	[ "$status" = 0 ] || [ -z "${CONTAINER_KEEP:-}" ] || { echo "kept: $guest" >&2; exit "$status"; }
	podman rm -fa -t 1 >/dev/null 2>&1 || true
	podman volume rm -fa >/dev/null 2>&1 || true
	jobs -p | xargs -r kill 2>/dev/null || true
	umount "$store/store/overlay" "$cache/buildah-cache/root/.cache/go-build" 2>/dev/null || true
	rm -rf "$guest"
	exit "$status"
}

# root_of DIR PROGRAM... makes a file system of busybox, these programs and the
# libraries that they load.
root_of() {
	local dir=$1 program lib applet
	shift
	mkdir -p "$dir"/{bin,usr/bin,etc/ssl/certs,tmp,run,root}
	chmod 1777 "$dir/tmp"
	cp "$(command -v busybox)" "$dir/bin/busybox"
	for applet in $(busybox --list); do [ "$applet" = busybox ] || ln -sf busybox "$dir/bin/$applet"; done
	cp /etc/ssl/certs/ca-certificates.crt "$dir/etc/ssl/certs/"
	printf 'root:x:0:0:root:/root:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/sh\n' >"$dir/etc/passwd"
	printf 'root:x:0:\npostgres:x:999:\n' >"$dir/etc/group"
	for program in "$@"; do
		program=$(command -v "$program")
		cp -L --remove-destination "$program" "$dir/usr/bin/"
		libs_of "$dir" "$program"
	done
}

# libs_of DIR FILE... copies the libraries that the files load.
libs_of() {
	local dir=$1 lib
	shift
	for lib in $(ldd "$@" 2>/dev/null | grep -o '/[^ :]*' | sort -u); do
		[ -e "$dir$lib" ] || { mkdir -p "$dir${lib%/*}" && cp -L "$lib" "$dir$lib"; }
	done
}

# image_of NAME DIR LINE... commits DIR/root as an image, with lines of a Dockerfile.
image_of() {
	local name=$1 dir=$2
	shift 2
	printf '%s\n' 'FROM scratch' 'COPY root/ /' 'ENV PATH=/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin' "$@" >"$dir/Dockerfile"
	buildah bud -q -t "$name" "$dir" >"$guest/out" 2>&1 || { cat "$guest/out" >&2; die "cannot make the image $name"; }
}

# compose_image KEY gives the name of the image that the compose files fetch: KEY is as in ${KEY:-name}.
compose_image() { grep -hom1 "\${$1:-[^}]*" deployment/docker/docker-compose*.yml | head -n1 | sed 's/.*:-//'; }

# stand_ins makes images under the names that Dockerfiles and compose files
# fetch from a registry: this machine's programs, no shells or tools beyond busybox.
stand_ins() {
	local d=$guest/images
	root_of "$d/go/root" make
	image_of "$(sed -n 's/^ARG GO_IMAGE=//p' deployment/docker/Dockerfile)" "$d/go" 'ENV GOPATH=/go'

	root_of "$d/redis/root" redis-server redis-cli redis-check-aof
	mkdir -p "$d/redis/root/data"
	image_of "$(compose_image REDIS_IMAGE)" "$d/redis" 'RUN chown 999:999 /data' 'VOLUME /data'

	# The same under the names of Redis: the newer of the two, with WAITAOF.
	root_of "$d/valkey/root" valkey-server valkey-cli valkey-check-aof
	mkdir -p "$d/valkey/root/data"
	ln -s valkey-server "$d/valkey/root/usr/bin/redis-server"
	ln -s valkey-cli "$d/valkey/root/usr/bin/redis-cli"
	ln -s valkey-check-aof "$d/valkey/root/usr/bin/redis-check-aof"
	image_of localhost/valkey:test "$d/valkey" 'RUN chown 999:999 /data' 'VOLUME /data'

	root_of "$d/prometheus/root" prometheus
	mkdir -p "$d/prometheus/root/prometheus"
	image_of "$(compose_image PROMETHEUS_IMAGE)" "$d/prometheus" 'RUN chown 65534:65534 /prometheus' 'VOLUME /prometheus' 'ENTRYPOINT ["/usr/bin/prometheus"]'

	root_of "$d/postgres/root" bash
	ln -s ../usr/bin/bash "$d/postgres/root/bin/bash"
	mkdir -p "$d/postgres/root$pg" "$d/postgres/root/usr/share/postgresql" "$d/postgres/root/usr/lib/locale" "$d/postgres/root/usr/share/zoneinfo" \
		"$d/postgres/root/var/lib/postgresql/data" "$d/postgres/root/var/run/postgresql" "$d/postgres/root/usr/local/bin" "$d/postgres/root/docker-entrypoint-initdb.d"
	cp -a "$pg/bin" "$pg/lib" "$d/postgres/root$pg/"
	cp -a "/usr/share/postgresql/${pg##*/}" "$d/postgres/root/usr/share/postgresql/"
	cp -a /usr/lib/locale/C.utf8 "$d/postgres/root/usr/lib/locale/"
	cp -aL /usr/share/zoneinfo/Etc /usr/share/zoneinfo/UTC "$d/postgres/root/usr/share/zoneinfo/"
	libs_of "$d/postgres/root" "$pg"/bin/* "$pg"/lib/*.so
	# As the official image has it: every interface, sockets in /var/run/postgresql.
	sed -i "s/^#listen_addresses = .*/listen_addresses = '*'/" "$d/postgres/root/usr/share/postgresql/${pg##*/}/postgresql.conf.sample"
	cp "${POSTGRES_ENTRYPOINT:-scripts/container/postgres-entrypoint.sh}" "$d/postgres/root/usr/local/bin/docker-entrypoint.sh"
	chmod 755 "$d/postgres/root/usr/local/bin/docker-entrypoint.sh"
	image_of "$(compose_image POSTGRES_IMAGE)" "$d/postgres" "ENV LANG=C.UTF-8 PATH=$pg/bin:/usr/local/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/data PG_MAJOR=${pg##*/}" \
		'RUN chown 999:999 /var/lib/postgresql/data && chmod 1777 /var/lib/postgresql/data && chmod 1777 /var/run/postgresql' 'VOLUME /var/lib/postgresql/data' \
		'ENTRYPOINT ["docker-entrypoint.sh"]' 'STOPSIGNAL SIGINT' 'CMD ["postgres"]'
	rm -rf "$d"
}
