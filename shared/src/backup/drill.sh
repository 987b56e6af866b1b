#!/bin/sh
# Restores OMUPGRADE_BACKUP into a server of its own that lives and ends in this pod, and prints what is there: the
# fingerprint's lines, a line `facts:`, the facts with every table's rows. It knows no other database, so it cannot touch
# one. It needs an image that holds the server as well as the client, as the official ones do.
# POSIX sh and coreutils; never two dollar signs in a row, Kubernetes would make them one. No pipeline around a client:
# the exit status of every stage counts.
set -uf
umask 077
export LC_ALL=C

speaker="omupgrade drill" server=''
PATH=$PATH:/usr/sbin:/usr/local/sbin
say() { printf '%s: %s\n' "$speaker" "$1" >&2; }
stop() {
    say "$1"
    { printf '%s: %s\n' "$speaker" "$1" >"${OMUPGRADE_TERMINATION_LOG:-/dev/termination-log}"; } 2>/dev/null
    exit 1
}

backup=${OMUPGRADE_BACKUP:-} directory=${OMUPGRADE_BACKUP_DIR:-/backup}
case $backup in "" | [!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) stop "'$backup' names no backup" ;; esac
[ -f "$directory/$backup/catalog.json" ] || stop "$backup has no record (catalog.json), or user $(id -u) may not read it: it is no backup"
work=$(mktemp -d "${TMPDIR:-/tmp}/omupgrade.XXXXXX") || stop "cannot write to ${TMPDIR:-/tmp}: mount an emptyDir there"
clean_up() {
    [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; }
    rm -rf "$work"
}
trap clean_up EXIT
trap 'stop "told to end before it was finished"' INT TERM

failed() { stop "$1: $(tail -c 600 "$work/problem" 2>/dev/null)"; }

# A server that does not come up within a minute does not come up.
await() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 120 ] && kill -0 "$server" 2>/dev/null || failed "the trial server does not start"
        sleep 0.5
    done
}

export PGHOST="$work" PGUSER=postgres PGDATABASE=drill
ask_postgres() { psql -X -w -q -A -t -v ON_ERROR_STOP=1 -v count=all -f "$1" >"$work/answer" 2>"$work/problem"; }
ask_mysql() { mysql --no-defaults --socket="$work/s" -u root --batch --skip-column-names --raw -- drill <"$1" >"$work/answer" 2>"$work/problem"; }

case ${OMUPGRADE_ENGINE:-} in
postgresql) dump=$directory/$backup/database.dump
    [ -f "$dump" ] || dump=$directory/$backup/database
    text=${OMUPGRADE_FINGERPRINT_POSTGRESQL:-} facts=${OMUPGRADE_FACTS_POSTGRESQL:-}
    if ! command -v initdb >/dev/null; then
        set +f
        for bin in /usr/lib/postgresql/*/bin; do [ ! -x "$bin/initdb" ] || PATH=$bin:$PATH; done
        set -f
    fi
    command -v initdb >/dev/null && command -v postgres >/dev/null || stop "this image holds no PostgreSQL server: name the official postgres:N with --client-image"
    initdb -D "$work/data" -U postgres --auth=trust -E UTF8 --locale=C --no-sync >"$work/problem" 2>&1 || failed "initdb failed"
    postgres -D "$work/data" -k "$work" -c listen_addresses= -c fsync=off -c full_page_writes=off -c max_wal_size=4GB -c autovacuum=off >"$work/problem" 2>&1 &
    server=$!
    await psql -X -w -d postgres -c 'SELECT 1'
    psql -X -w -q -d postgres -c 'CREATE DATABASE drill' 2>"$work/problem" || failed "cannot create a database"
    say "restoring $backup into a PostgreSQL of its own"
    pg_restore --list --file="$work/list" "$dump" 2>"$work/problem" || failed "the dump cannot be read"
    while read -r entry; do
        set -- $entry
        case "${4:-} ${5:-} ${6:-}" in "SCHEMA - public") ;; *) printf '%s\n' "$entry" ;; esac
    done <"$work/list" >"$work/use"
    pg_restore -w --exit-on-error --no-owner --no-privileges --no-comments --use-list="$work/use" -d drill "$dump" 2>"$work/problem" ||
        failed "the dump cannot be restored"
    asking=ask_postgres ;;
mysql) dump=$directory/$backup/database.sql
    text=${OMUPGRADE_FINGERPRINT_MYSQL:-} facts=${OMUPGRADE_FACTS_MYSQL:-}
    command -v mysqld >/dev/null || stop "this image holds no MySQL server: name the official mysql:N with --client-image"
    mysqld --no-defaults --initialize-insecure --datadir="$work/data" --tmpdir="$work" --secure-file-priv= >"$work/problem" 2>&1 || failed "mysqld --initialize failed"
    mysqld --no-defaults --datadir="$work/data" --tmpdir="$work" --socket="$work/s" --pid-file="$work/pid" --skip-networking --mysqlx=OFF --skip-log-bin \
        --performance-schema=OFF --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=OFF --max-allowed-packet=1G --secure-file-priv= >"$work/problem" 2>&1 &
    server=$!
    await mysql --no-defaults --socket="$work/s" -u root -e 'SELECT 1'
    mysql --no-defaults --socket="$work/s" -u root -e 'CREATE DATABASE drill CHARACTER SET utf8mb4' 2>"$work/refused" || stop "cannot create a database: $(cat "$work/refused")"
    # Around a routine of another collation a dump changes the database that it was made of, by its name.
    of=$(tr -d '\n' <"$directory/$backup/catalog.json") of=${of#*\"database\":*\"} of=${of%%\"*}
    case $of in "" | drill | *[!A-Za-z0-9_.-]*) ;; *)
        mysql --no-defaults --socket="$work/s" -u root -e "CREATE DATABASE IF NOT EXISTS \`$of\` CHARACTER SET utf8mb4" 2>"$work/refused" || stop "cannot create a database: $(cat "$work/refused")" ;;
    esac
    say "restoring $backup into a MySQL of its own"
    mysql --no-defaults --socket="$work/s" -u root --binary-mode --max-allowed-packet=1G -- drill <"$dump" 2>"$work/refused" || stop "the dump cannot be restored: $(tail -c 600 "$work/refused")"
    asking=ask_mysql ;;
*) stop "OMUPGRADE_ENGINE is '${OMUPGRADE_ENGINE:-}', neither postgresql nor mysql" ;;
esac

[ -n "$text" ] && [ -n "$facts" ] || stop "this Pod carries no texts for ${OMUPGRADE_ENGINE:-}; it was made by another version of omupgrade"
printf '%s\n' "$text" >"$work/text.sql"
$asking "$work/text.sql" || failed "cannot read the fingerprint of what was restored"
cat "$work/answer"
{ [ "$OMUPGRADE_ENGINE" = postgresql ] || printf "SET @count = 'all';\n"; printf '%s\n' "$facts"; } >"$work/facts.sql"
$asking "$work/facts.sql" || failed "cannot count what was restored"
printf 'facts:\n'
cat "$work/answer"
printf 'omupgrade-drill: restored %s\n' "$backup"
