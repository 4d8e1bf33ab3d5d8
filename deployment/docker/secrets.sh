#!/usr/bin/env bash
# Makes the passwords that the compose files name, each in a file of its own in
# secrets/. What is there stays. The directory is for its owner only; the files
# in it are readable to the containers' users, into which they are mounted.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets
for name in redis_telhub redis_ttp redis_admin postgres_admin postgres_ttp grafana_admin; do
	[ -s "secrets/$name" ] && continue
	head -c 24 /dev/urandom | base64 | tr '+/' '-_' >"secrets/$name"
	chmod 444 "secrets/$name"
	echo "made secrets/$name"
done
