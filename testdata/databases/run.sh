#!/bin/sh
# Runs the database scripts against real servers: PostgreSQL of this Debian, Oracle's MySQL in a root directory.
#   run.sh [cargo test's filter and options]
# Installs what is missing (age, too, which a test without a database needs), starts throw-away servers on loopback with temporary data, and always cleans up.
# OMUPGRADE_TEST_CACHE: where the MySQL root directory is kept (default ~/.cache/omupgrade). Needs root.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${OMUPGRADE_TEST_CACHE:-${HOME:-/root}/.cache/omupgrade}
[ "$(id -u)" = 0 ] || { echo "run.sh: needs root (chroot, mounts, servers under their own user)" >&2; exit 2; }

if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || ! command -v openssl >/dev/null; then
    { apt-get update && apt-get install -y --no-install-recommends postgresql openssl; } >&2
fi
if ! command -v age >/dev/null; then
    { apt-get update && apt-get install -y --no-install-recommends age; } >&2
fi
postgres_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -t/ -k5,5n | tail -n 1)
rootfs=$(sh "$here/mysql-rootfs.sh" "$cache")

work=$(mktemp -d /tmp/omupgrade-databases.XXXXXX)
inside=/omupgrade-${work##*.}
mysql_work=$rootfs$inside
mysql_pids=''
clean_up() {
    trap - EXIT INT TERM
    [ ! -e "$work/postgres/postmaster.pid" ] || as_postgres "$postgres_bin/pg_ctl" -D "$work/postgres" -m immediate stop >/dev/null || true
    for pid in $mysql_pids; do kill -KILL "$pid" 2>/dev/null || true; done
    for pid in $mysql_pids; do wait "$pid" 2>/dev/null || true; done
    # A test that was killed may have left its small file system behind.
    cut -d' ' -f2 /proc/mounts | grep -e "^$work/" -e "^$mysql_work/" | while read -r mount; do umount "$mount"; done || true
    rm -rf "$work" "$mysql_work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
as_postgres() { setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"; }

# A port that is free now; servers refuse to start when someone was faster.
free_port() { perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'; }

postgres_port=$(free_port)
mkdir -m 755 "$work/socket"
chmod 755 "$work"
chown postgres: "$work" "$work/socket"
as_postgres "$postgres_bin/initdb" -D "$work/postgres" -U postgres --auth=trust -E UTF8 --locale=C.UTF-8 --no-sync >"$work/initdb.log"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -keyout "$work/server.key" -out "$work/server.crt" 2>"$work/openssl.log"
chown postgres: "$work/server.key" "$work/server.crt"
# The user `tls_only` is let in over TLS alone, `om` and those with its rights (a + before the role) either way.
cat >"$work/postgres/pg_hba.conf" <<'HBA'
local   all all      trust
hostssl all tls_only 127.0.0.1/32 scram-sha-256
host    all +om      127.0.0.1/32 scram-sha-256
HBA
as_postgres "$postgres_bin/pg_ctl" -D "$work/postgres" -w -l "$work/postgres.log" start -o "-p $postgres_port -k $work/socket -c listen_addresses=127.0.0.1 \
    -c ssl=on -c ssl_cert_file=$work/server.crt -c ssl_key_file=$work/server.key -c fsync=off -c autovacuum_naptime=1s -c max_connections=60 -c wal_level=logical -c max_prepared_transactions=4" >/dev/null
psql -X -q -h "$work/socket" -p "$postgres_port" -U postgres -d postgres -v ON_ERROR_STOP=1 <<'SQL'
CREATE ROLE om LOGIN PASSWORD 'om-password';
CREATE ROLE tls_only LOGIN PASSWORD 'om-password';
SQL

mkdir -m 755 "$mysql_work"
chroot "$rootfs" /usr/sbin/mysqld --no-defaults --initialize-insecure --user=root --datadir="$inside/plain" --secure-file-priv= --log-error="$inside/initialize.log"
cp -a "$mysql_work/plain" "$mysql_work/strict"
rm -f "$mysql_work/strict/auto.cnf"
start_mysql() { # NAME PORT OPTIONS...
    name=$1 port=$2
    shift 2
    chroot "$rootfs" /usr/sbin/mysqld --no-defaults --user=root --datadir="$inside/$name" --socket="$inside/$name.sock" --pid-file="$inside/$name.pid" \
        --bind-address=127.0.0.1 --port="$port" --mysqlx=OFF --secure-file-priv= --log-error="$inside/$name.log" \
        --innodb-buffer-pool-size=64M --innodb-flush-log-at-trx-commit=0 --performance-schema=OFF "$@" &
    mysql_pids="$mysql_pids $!"
}
on_mysql() { name=$1; shift; chroot "$rootfs" /usr/bin/mysql --no-defaults -u root --socket="$inside/$name.sock" "$@"; }
mysql_port=$(free_port)
start_mysql plain "$mysql_port" --skip-log-bin
strict_port=$(free_port)
# As managed services run it: TLS or nothing, and global transaction ids.
start_mysql strict "$strict_port" --require-secure-transport=ON --gtid-mode=ON --enforce-gtid-consistency=ON --server-id=7
for name in plain strict; do
    tries=0
    until on_mysql "$name" -e "CREATE USER om@'%' IDENTIFIED BY 'om-password'" 2>"$work/mysql.err"; do
        tries=$((tries + 1))
        [ $tries -lt 60 ] || { cat "$work/mysql.err" "$mysql_work/$name.log" >&2; exit 1; }
        sleep 0.5
    done
done

export OMUPGRADE_TEST_POSTGRES_BIN="$postgres_bin" OMUPGRADE_TEST_POSTGRES_PORT="$postgres_port" OMUPGRADE_TEST_POSTGRES_SOCKET="$work/socket" \
    OMUPGRADE_TEST_POSTGRES_CERTIFICATE="$work/server.crt" OMUPGRADE_TEST_MYSQL_ROOTFS="$rootfs" OMUPGRADE_TEST_MYSQL_INSIDE="$inside" \
    OMUPGRADE_TEST_MYSQL_PORT="$mysql_port" OMUPGRADE_TEST_MYSQL_STRICT_PORT="$strict_port"
if [ "${1:-}" = --shell ]; then
    code=0
    "${SHELL:-sh}" || code=$?
    exit "$code"
fi
cd "$here/../.."
# Of the whole workspace, whose features are built already. Most of the time is waiting: for a disk, a lock, another's end.
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-8}"
cargo test --workspace --test scripts_on_databases --test on_databases --test simulated -- --ignored "$@"
