#!/bin/sh
# Stops this pod when the database is newer than the image that is about to run: an older server starts quietly
# on a newer schema, and an older migration writes into it. Runs in the database's client image.
# POSIX sh and coreutils; never two dollar signs in a row, Kubernetes would make them one.
set -uf
umask 077
export LC_ALL=C

speaker="omupgrade schema guard"
say() { printf '%s: %s\n' "$speaker" "$1"; }
stop() {
    say "$1" >&2
    { say "$1" >"${OMUPGRADE_TERMINATION_LOG:-/dev/termination-log}"; } 2>/dev/null
    exit 1
}

release=${OMUPGRADE_RELEASE:-RELEASE}
namespace=${OMUPGRADE_NAMESPACE:-NAMESPACE}
open="kubectl -n $namespace create configmap $release-omupgrade-guard --from-literal=mode=off"
if [ "${OMUPGRADE_MODE:-}" = off ]; then
    say "NOT CHECKED: the ConfigMap $release-omupgrade-guard says mode=off. Afterwards: kubectl -n $namespace delete configmap $release-omupgrade-guard"
    exit 0
fi

# omupgrade: database_client.sh
# omupgrade: shown_params.sh

# Asks the catalogue which of the two tables are there, in any spelling; the answer is the SQL text that reads them.
# A server finds its tables by the search path, so do we. A row is "done VERSION" or "half VERSION": statements are
# logged while a version runs, and a `status` that is not COMPLETED (newer servers) is a run that did not end.
names="('SERVER_CHANGE_LOG', 'SERVER_MIGRATION_SQL_LOGS')"
case $engine in
postgresql) path=${schema:+"SET LOCAL search_path TO \"$(printf '%s' "$schema" | tr -d '"')\"; "} catalogue="
    SELECT string_agg(format('SELECT DISTINCT %s || %I FROM %I.%I', CASE
        WHEN upper(c.relname) <> 'SERVER_CHANGE_LOG' THEN '''half '''
        WHEN s.attname IS NULL THEN '''done '''
        ELSE format('CASE upper(%I::text) WHEN ''COMPLETED'' THEN ''done '' ELSE ''half '' END', s.attname) END,
        v.attname, n.nspname, c.relname), ' UNION ALL ')
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_attribute v ON v.attrelid = c.oid AND lower(v.attname) = 'version' AND NOT v.attisdropped
    LEFT JOIN pg_catalog.pg_attribute s ON s.attrelid = c.oid AND lower(s.attname) = 'status' AND NOT s.attisdropped
    WHERE upper(c.relname) IN $names AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = ANY (current_schemas(false))" ;;
mysql) path='' catalogue="SET SESSION group_concat_max_len = 100000;
    SELECT COALESCE(GROUP_CONCAT(CONCAT('SELECT DISTINCT CONCAT(', CASE
        WHEN UPPER(t.table_name) <> 'SERVER_CHANGE_LOG' THEN '''half '''
        WHEN s.column_name IS NULL THEN '''done '''
        ELSE 'IF(UPPER(status) = ''COMPLETED'', ''done '', ''half '')' END,
        ', version) FROM ', CHAR(96), t.table_name, CHAR(96)) SEPARATOR ' UNION ALL '), '')
    FROM information_schema.tables t LEFT JOIN information_schema.columns s
    ON s.table_schema = t.table_schema AND s.table_name = t.table_name AND LOWER(s.column_name) = 'status'
    WHERE t.table_schema = DATABASE() AND UPPER(t.table_name) IN $names" ;;
esac

wait=${OMUPGRADE_WAIT_SECONDS:-60}
until=$(($(date +%s) + wait)) shown=''
while :; do
    if ask "$path$catalogue"; then
        rows='' tables=$answer
        [ -n "$tables" ] || break
        ! ask "$path$tables" || { rows=$answer && break; }
    fi
    meaning
    [ "$(date +%s)" -lt $until ] || stop "could not read the $engine database '$database' within $wait s, so this pod does not start: $meaning
Then: kubectl omupgrade status $release -n $namespace. To start without this check: $open"
    [ "$meaning" = "$shown" ] || say "waiting up to $wait s: $meaning"
    shown=$meaning
    sleep 2
done
if [ -z "$tables" ]; then
    say "pass: the database '$database' is fresh (the catalogue was read and knows no SERVER_CHANGE_LOG)"
    exit 0
fi

# numbers <- $1 as three numbers; fails for what is no version (a date like 2026.04.01 is none), and for 0.0.N, which
# is imported history.
three_numbers() {
    numbers=${1#v} numbers=${numbers%%[-+]*}
    case $numbers in
    *[!0-9.]* | .* | *. | *..* | *.*.*.*.* | 0.0.* | [0-9][0-9][0-9]*.*) return 1 ;;
    *.*.*.*) numbers=${numbers%.*} ;;
    *.*.*) ;;
    *) return 1 ;;
    esac
}
highest() { printf '%s\n' "$@" | sort -t. -k1,1n -k2,2n -k3,3n | tail -n 1; }

unset IFS
finished='' begun='' history=0 strange=0
while read -r kind version; do
    if three_numbers "$version"; then
        begun="$begun $numbers"
        [ "$kind" != "done" ] || finished="$finished $numbers"
    else
        case $version in "") ;; 0.0.*) history=$((history + 1)) ;; *) strange=$((strange + 1)) ;; esac
    fi
done <<ROWS
$rows
ROWS
[ $strange = 0 ] || say "$strange rows of the database hold no version and do not count"

carried=''
while read -r version; do
    ! three_numbers "${version%/}" || carried="$carried $numbers"
done <<FOLDERS
$(cat "${OMUPGRADE_FOLDERS:-/dev/null}" 2>/dev/null)
FOLDERS
# A tag of another major than the image's own folders is a numbering of somebody else's: it would let everything pass.
if three_numbers "$(bare "${OMUPGRADE_TAG:-}")"; then
    folder=''
    [ -z "$carried" ] || folder=$(highest $carried)
    if [ -z "$folder" ] || [ "${folder%%.*}" = "${numbers%%.*}" ]; then
        carried="$carried $numbers"
    else
        say "the tag $numbers does not count: this image carries migrations up to $folder"
    fi
fi
if [ -z "$carried" ]; then
    say "NOT CHECKED: cannot tell this image's version: its tag '${OMUPGRADE_TAG:-}' is none, and its list of migration folders is empty. Name the version in the image's tag"
    exit 0
fi
image=$(highest $carried)

if [ -z "$begun" ]; then
    [ $strange = 0 ] || stop "cannot tell the database's version: none of its $strange rows is one. To start without this check: $open"
    say "pass: the database holds no version yet ($history rows of imported history), this image is $image"
    exit 0
fi
now=$(highest $begun) ended=none
[ -z "$finished" ] || ended=$(highest $finished)
half=''
[ "$now" = "$ended" ] || half=" (a migration to $now began and did not finish; finished: $ended)"
[ -n "$image" ] && [ -n "$now" ] || stop "sort does not work in this client image, so versions cannot be compared"

if [ "$(highest "$now" "$image")" != "$image" ]; then
    stop "the database is at $now, newer than this image ($image)$half; an older server must not start on it.
See:      kubectl omupgrade status $release -n $namespace
Way back: kubectl omupgrade rollback $release -n $namespace
Start it all the same, knowing the risk: $open"
fi
say "pass: the database is at $now$half, this image is $image"
