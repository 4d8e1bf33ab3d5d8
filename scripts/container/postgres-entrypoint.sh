#!/bin/bash
# What the entry point of the official PostgreSQL image does with the settings
# that our compose file uses, for an image that stands in for it.
set -euo pipefail
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	# shellcheck disable=SC2086 # several options
	initdb -D "$PGDATA" --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" ${POSTGRES_INITDB_ARGS:-}
	printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
	PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
	export PGPASSWORD
	pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
	for file in /docker-entrypoint-initdb.d/*.sql; do psql -v ON_ERROR_STOP=1 --no-psqlrc -U postgres -f "$file"; done
	pg_ctl -D "$PGDATA" -m fast -w stop
	unset PGPASSWORD
fi
exec "$@"
