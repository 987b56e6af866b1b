#!/bin/sh
# Starts PostgreSQL on a volume, with the variables that users know from the public image
# (POSTGRES_PASSWORD, POSTGRES_USER, POSTGRES_DB, PGDATA, /docker-entrypoint-initdb.d/*.sql).
# Anything but `postgres` as the first word is run as it is, so that the image serves as a client too.
set -eu

[ $# -gt 0 ] || set -- postgres
[ "$1" = postgres ] || exec "$@"
shift
export PGDATA="${PGDATA:-/var/lib/postgresql/data}"
user=${POSTGRES_USER:-postgres}

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /run/postgresql
    chown -R postgres:postgres "$PGDATA" /run/postgresql
    chmod 700 "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" postgres "$@"
fi

# The mark is written last: a pod killed in the middle of its first start begins again.
if [ ! -e "$PGDATA/.initialised" ]; then
    find "$PGDATA" -mindepth 1 -delete
    printf '%s\n' "${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD}" >/tmp/pwfile
    initdb --username="$user" --pwfile=/tmp/pwfile --auth-local=trust --auth-host=scram-sha-256 \
        --encoding=UTF8 --locale=C.UTF-8
    rm /tmp/pwfile
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl --wait --options="-c listen_addresses='' -c unix_socket_directories=/tmp" start
    database=${POSTGRES_DB:-$user}
    [ "$database" = postgres ] || createdb -h /tmp -U "$user" "$database"
    for file in /docker-entrypoint-initdb.d/*.sql; do
        [ -e "$file" ] || continue
        psql -X -v ON_ERROR_STOP=1 -h /tmp -U "$user" -d "$database" -f "$file"
    done
    pg_ctl --wait stop
    touch "$PGDATA/.initialised"
fi
exec postgres -c listen_addresses='*' "$@"
