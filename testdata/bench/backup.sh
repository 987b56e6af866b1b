#!/bin/sh
# Times a backup and a restore of 1 GB beside the bare clients, on real servers of both kinds: the time of each (the least
# of several turns that alternate) and the largest resident memory of any of its processes. Ours is what a Pod runs: the
# dump is read back, digested, its rows are counted and its record is written; a restore is checked against the digest,
# loaded, and its fingerprint and every table's rows are compared. Needs root, GNU time, 12 GB of disk below /tmp and
# in the cache of testdata/databases/run.sh; cleans up.
# Usage: testdata/bench/backup.sh [MEGABYTES [TURNS [postgresql|mysql]]]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${OMUPGRADE_TEST_POSTGRES_PORT:-}" ]; then
    OMUPGRADE_BENCH_MEGABYTES=${1:-1024} OMUPGRADE_BENCH_TURNS=${2:-3} OMUPGRADE_BENCH_ENGINES=${3:-postgresql mysql}
    export OMUPGRADE_BENCH_MEGABYTES OMUPGRADE_BENCH_TURNS OMUPGRADE_BENCH_ENGINES
    free=$(df -Pk /tmp | { read -r _; read -r _ _ _ free _; echo "$free"; })
    [ "$free" -gt $((OMUPGRADE_BENCH_MEGABYTES * 12 * 1024)) ] || { echo "backup.sh: too little room below /tmp" >&2; exit 3; }
    SHELL=$here/backup.sh exec "$here/../databases/run.sh" --shell
fi
room=$here/../../shared/src/backup megabytes=$OMUPGRADE_BENCH_MEGABYTES turns=$OMUPGRADE_BENCH_TURNS
rows=$((megabytes * 700))

# The script of this name with its parts, and theirs, in their places, as shared::backup puts them.
compose() {
    awk -v room="$room" 'function put(file,    line, word) {
        while ((getline line < file) > 0) if (line ~ /^# omupgrade: /) { split(line, word, " "); put(room "/" word[3]) } else print line
        close(file)
    }
    BEGIN { put(ARGV[1]) }' "$room/$1"
}

# timed NAME COMMAND...: appends `NAME SECONDS KIB` to $results. Until what was written is on the disk, which ours waits for.
timed() {
    name=$1
    shift
    /usr/bin/time -f "$name %e %M" -a -o "$results" sh -c '"$@" && sync' sh "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
}

# told NAME BASE: the least time of each, their ratio, and the most memory.
told() {
    awk -v ours="$1" -v bare="$2" '
        { if (!($1 in least) || $2 < least[$1]) least[$1] = $2; if ($3 > most[$1]) most[$1] = $3 }
        END { printf "%-26s %7.1f s  %-26s %7.1f s  ratio %.2f  memory %.0f and %.0f MiB\n", ours, least[ours], bare, least[bare], least[ours] / least[bare], most[ours] / 1024, most[bare] / 1024 }' "$results"
}

# What a restore left beside goes again.
cleared() { "$work/on" "$at" $user sh "$at/restore.sh" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }; }

pod() { # OUTSIDE: a directory as a Pod sees it
    mkdir -p "$1/tmp" "$1/backup"
    compose backup.sh >"$1/backup.sh"
    compose restore.sh >"$1/restore.sh"
    chmod -R a+rwX "$1"
}

work=$(mktemp -d /tmp/omupgrade-bench.XXXXXX)
mysql_work=$OMUPGRADE_TEST_MYSQL_ROOTFS$OMUPGRADE_TEST_MYSQL_INSIDE/bench
trap 'rm -rf "$work" "$mysql_work"' EXIT
results=$work/results log=$work/log
chmod 755 "$work"
: >"$results"
# on DIRECTORY COMMAND...: with the environment of a Pod. A program, because GNU time starts no function.
cat >"$work/on" <<'ON'
#!/bin/sh
inside=$1
shift
exec env -i PATH="$OMUPGRADE_TEST_POSTGRES_BIN:/usr/bin:/bin:/usr/sbin" TMPDIR="$inside/tmp" OMUPGRADE_TERMINATION_LOG=/dev/null DB_SCHEME="$scheme" DB_HOST=127.0.0.1 \
    DB_PORT="$port" DB_USER=om DB_USER_PASSWORD=om-password OM_DATABASE=bench OMUPGRADE_RELEASE=om OMUPGRADE_NAMESPACE=data OMUPGRADE_BACKUP_DIR="$inside/backup" \
    OMUPGRADE_BACKUP_NAME=om OMUPGRADE_RESTORE_ID=bench OMUPGRADE_COUNT_ROWS=1 OMUPGRADE_ROWS_POSTGRESQL="$(cat "$room/rows_postgres.sql")" \
    OMUPGRADE_FINGERPRINT_POSTGRESQL="$(cat "$room/fingerprint_postgres.sql")" OMUPGRADE_FINGERPRINT_MYSQL="$(cat "$room/fingerprint_mysql.sql")" \
    OMUPGRADE_JOBS="$jobs" OMUPGRADE_PARALLEL_FROM=0 OMUPGRADE_ACTION="$action" OMUPGRADE_BACKUP="$backup" PGPASSWORD=om-password MYSQL_PWD=om-password "$@"
ON
chmod 755 "$work/on"
export room scheme='' port='' jobs=1 action=backup backup=''

measure_postgresql() {
    scheme=postgresql port=$OMUPGRADE_TEST_POSTGRES_PORT
    administer() { psql -X -q -v ON_ERROR_STOP=1 -h "$OMUPGRADE_TEST_POSTGRES_SOCKET" -p "$port" -U postgres "$@"; }
    administer -d postgres -c "ALTER ROLE om CREATEDB" -c "CREATE DATABASE bench OWNER om"
    administer -d bench -c "SET ROLE om" -c "CREATE TABLE other(n INT PRIMARY KEY, t TEXT); CREATE TABLE entity(id VARCHAR(36) PRIMARY KEY, json JSONB NOT NULL, updatedat BIGINT)" \
        -c "INSERT INTO entity SELECT gen_random_uuid(), jsonb_build_object('id', n, 'name', 'table_' || n, 'fullyQualifiedName', 'service.database.schema.table_' || n,
            'description', repeat('what a person wrote of it ', 12), 'columns', (SELECT jsonb_agg(jsonb_build_object('name', 'column_' || c, 'dataType', 'VARCHAR', 'hash', md5(n::text || c))) FROM generate_series(1, 8) c)), n
            FROM generate_series(1, $rows) n" -c "CREATE INDEX ON entity(updatedat)" -c "INSERT INTO other SELECT n, 'text ' || n FROM generate_series(1, $rows) n" -c "ANALYZE entity, other"
    printf 'PostgreSQL database: %s MiB\n' "$(administer -A -t -d bench -c 'SELECT pg_database_size(current_database()) / 1048576')"
    pod "$work/pod"
    at=$work/pod user="setpriv --reuid=postgres --regid=postgres --clear-groups --"
    connect="-h 127.0.0.1 -p $port -U om"
    for _ in $(seq "$turns"); do
        rm -rf "$at/backup"/* "$at/bare"*
        sync
        timed pg_dump "$work/on" "$at" $user pg_dump $connect -Fc -f "$at/tmp/bare" bench
        sync
        timed backup "$work/on" "$at" $user sh "$at/backup.sh"
        rm -f "$at/tmp/bare"
        sync
        timed pg_dump-2-jobs "$work/on" "$at" $user pg_dump $connect -Fd -j 2 -f "$at/tmp/bare" bench
        rm -rf "$at/tmp/bare"
        sync
        jobs=2
        timed backup-2-jobs "$work/on" "$at" $user sh "$at/backup.sh"
        jobs=1
    done
    told backup pg_dump
    told backup-2-jobs pg_dump-2-jobs
    for found in "$at/backup"/*; do [ ! -f "$found/database.dump" ] || backup=${found##*/}; done
    for _ in $(seq "$turns"); do
        administer -d postgres -c 'CREATE DATABASE bare OWNER om'
        timed pg_restore "$work/on" "$at" $user pg_restore $connect -d bare "$at/backup/$backup/database.dump"
        administer -d postgres -c 'DROP DATABASE bare'
        action=beside
        timed restore "$work/on" "$at" $user sh "$at/restore.sh"
        action=clean-up
        cleared
        # As the plugin restores, beside the client told to do the same.
        administer -d postgres -c 'CREATE DATABASE bare OWNER om'
        timed pg_restore-4-jobs "$work/on" "$at" $user pg_restore $connect -j 4 -d bare "$at/backup/$backup/database.dump"
        administer -d postgres -c 'DROP DATABASE bare'
        action=beside jobs=4
        timed restore-4-jobs "$work/on" "$at" $user sh "$at/restore.sh"
        action=clean-up jobs=1
        cleared
    done
    told restore pg_restore
    told restore-4-jobs pg_restore-4-jobs
    administer -d postgres -c 'DROP DATABASE bench'
    rm -rf "$at"
}

measure_mysql() {
    scheme=mysql port=$OMUPGRADE_TEST_MYSQL_PORT inside=$OMUPGRADE_TEST_MYSQL_INSIDE jobs=1 action=backup backup=''
    administer() { chroot "$OMUPGRADE_TEST_MYSQL_ROOTFS" mysql --no-defaults -u root --socket="$inside/plain.sock" "$@"; }
    administer -e "CREATE DATABASE bench CHARACTER SET utf8mb4; GRANT ALL ON \`bench%\`.* TO om@'%'; GRANT PROCESS ON *.* TO om@'%'"
    administer bench -e "CREATE TABLE other(n INT PRIMARY KEY, t TEXT); CREATE TABLE entity(id VARCHAR(36) GENERATED ALWAYS AS (json_unquote(json_extract(json, '\$.id'))) STORED PRIMARY KEY, json JSON NOT NULL, updatedAt BIGINT, KEY(updatedAt));
        SET SESSION cte_max_recursion_depth = 100000000;
        INSERT INTO other WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < $rows) SELECT n, CONCAT('text ', n) FROM r;
        INSERT INTO entity(json, updatedAt) SELECT JSON_OBJECT('id', UUID(), 'name', CONCAT('table_', n), 'fullyQualifiedName', CONCAT('service.database.schema.table_', n), 'description', REPEAT('what a person wrote of it ', 12),
            'columns', JSON_ARRAY($(for c in 1 2 3 4 5 6 7 8; do printf "%sJSON_OBJECT('name', 'column_%s', 'dataType', 'VARCHAR', 'hash', LEFT(SHA2(CONCAT(n, %s), 256), 32))" "${comma:-}" $c $c; comma=', '; done))), n FROM other; ANALYZE TABLE entity, other" >"$log"
    printf 'MySQL database: %s MiB\n' "$(administer -N -e "SELECT ROUND(SUM(data_length + index_length) / 1048576) FROM information_schema.tables WHERE table_schema = 'bench'")"
    pod "$mysql_work"
    at=$inside/bench user="chroot --userspec=12345:12345 $OMUPGRADE_TEST_MYSQL_ROOTFS"
    connect="--no-defaults --protocol=tcp -h 127.0.0.1 -P $port -u om"
    for _ in $(seq "$turns"); do
        rm -rf "$mysql_work/backup"/*
        sync
        timed mysqldump "$work/on" "$at" $user mysqldump $connect --single-transaction --quick --routines --triggers --events --hex-blob --no-tablespaces --set-gtid-purged=OFF \
            --column-statistics=0 --loose-masking-policies=0 --result-file="$at/tmp/bare" bench
        rm -f "$mysql_work/tmp/bare"
        sync
        timed mysql-backup "$work/on" "$at" $user sh "$at/backup.sh"
    done
    told mysql-backup mysqldump
    for found in "$mysql_work/backup"/*; do backup=${found##*/}; done
    for _ in $(seq "$turns"); do
        administer -e 'CREATE DATABASE bench_bare CHARACTER SET utf8mb4'
        timed mysql "$work/on" "$at" $user sh -c "mysql $connect bench_bare <$at/backup/$backup/database.sql"
        administer -e 'DROP DATABASE bench_bare'
        action=beside
        timed mysql-restore "$work/on" "$at" $user sh "$at/restore.sh"
        action=clean-up
        cleared
    done
    told mysql-restore mysql
}

for engine in $OMUPGRADE_BENCH_ENGINES; do "measure_$engine"; done
