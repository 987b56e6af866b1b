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

# ---- database client: these lines stand alike in schema_guard.sh and backup.sh, a test compares them ----
# The chart writes many values inside literal double quotes.
bare() { case $1 in '"'*'"') bare=${1#?} && printf '%s' "${bare%?}" ;; *) printf '%s' "$1" ;; esac; }

# A backslash before what would end or change a quoted value (in an option file, in JSON).
escaped() {
    rest=$1 out=
    while [ -n "$rest" ]; do
        char=${rest%"${rest#?}"} rest=${rest#?}
        case $char in \\ | \") char=\\$char ;; [[:cntrl:]]) char=$(printf '\\u%04x' "'$char") ;; esac
        out=$out$char
    done
    printf '%s' "$out"
}

percent_decoded() {
    rest=$1 out=
    while case $rest in *%[0-9A-Fa-f][0-9A-Fa-f]*) ;; *) false ;; esac do
        out=$out${rest%%\%[0-9A-Fa-f][0-9A-Fa-f]*} rest=${rest#*\%}
        out=$out$(printf "\\$(printf '%03o' "0x${rest%"${rest#??}"}")") rest=${rest#??}
    done
    printf '%s' "$out$rest"
}

engine=$(bare "${DB_SCHEME:-}") host=$(bare "${DB_HOST:-}") port=$(bare "${DB_PORT:-}") user=$(bare "${DB_USER:-}")
database=$(bare "${OM_DATABASE:-}") password=$(bare "${DB_USER_PASSWORD:-}") params=$(bare "${DB_PARAMS:-}")
case $engine in
postgresql) client=psql other=mysql ;;
mysql) client=mysql other=psql ;;
"") stop "DB_SCHEME is empty: is the Secret ${OMUPGRADE_DB_SECRET:-with the DB_* settings} there, with this key?" ;;
*) stop "DB_SCHEME is '$engine', neither postgresql nor mysql; set openmetadata.config.database.dbScheme" ;;
esac
if ! command -v $client >/dev/null; then
    has="no database client"
    ! command -v $other >/dev/null || has="only $other"
    stop "DB_SCHEME is $engine, but this client image has $has, not $client; name a $engine client image in the policy"
fi
case $engine:$($client --version) in
mysql:*MariaDB*) stop "this image's mysql is MariaDB's client, which cannot speak to every MySQL server; name Oracle's (mysql:N) in the policy" ;;
esac
for setting in "$host=DB_HOST" "$user=DB_USER" "$database=OM_DATABASE"; do
    case $setting in =*) stop "${setting#=} is empty: is the Secret ${OMUPGRADE_DB_SECRET:-with the DB_* settings} there, with this key?" ;; esac
done
work=$(mktemp -d "${TMPDIR:-/tmp}/omupgrade.XXXXXX") || stop "cannot write to ${TMPDIR:-/tmp}: mount an emptyDir there"
trap 'rm -rf "$work"' EXIT
trap 'exit 143' INT TERM

# What the server's JDBC driver is told, as far as it changes how one connects. PostgreSQL's default in the chart
# are MySQL's words: a word of the other engine is none.
tls='' implied='' root_certificate=${OMUPGRADE_CA_FILE:-} certificate='' key='' schema=''
IFS='&'
for pair in ${params#\?}; do
    value=$(percent_decoded "${pair#*=}")
    case $engine:$(printf '%s' "${pair%%=*}" | tr '[:upper:]' '[:lower:]') in
    postgresql:sslmode | mysql:sslmode) tls=$value ;;
    postgresql:ssl) case $value in true) implied=require ;; esac ;;
    postgresql:sslrootcert) root_certificate=${root_certificate:-$value} ;;
    postgresql:sslcert) certificate=$value ;;
    postgresql:sslkey) key=$value ;;
    postgresql:currentschema) schema=$value ;;
    mysql:requiressl) case $value in true) implied=${implied:-REQUIRED} ;; esac ;;
    mysql:verifyservercertificate) case $value in true) implied=VERIFY_CA ;; esac ;;
    esac
done
unset IFS

# Passwords never stand on a command line: the environment (PostgreSQL) or a file of mode 0600 (MySQL) carries them.
if [ $engine = postgresql ]; then
    export PGHOST="$host" PGPORT="${port:-5432}" PGUSER="$user" PGPASSWORD="$password" PGDATABASE="$database"
    export PGSSLMODE="${tls:-${implied:-prefer}}" PGCONNECT_TIMEOUT=10 PGCLIENTENCODING=UTF8 PGAPPNAME=omupgrade
    [ -z "$root_certificate" ] || export PGSSLROOTCERT="$root_certificate"
    [ -z "$certificate" ] || export PGSSLCERT="$certificate"
    [ -z "$key" ] || export PGSSLKEY="$key"
else
    printf '%s\n' '[client]' "host=\"$(escaped "$host")\"" "port=${port:-3306}" "user=\"$(escaped "$user")\"" \
        "password=\"$(escaped "$password")\"" "ssl-mode=$(printf '%s' "${tls:-${implied:-PREFERRED}}" | tr '[:lower:]' '[:upper:]')" \
        ${root_certificate:+"ssl-ca=\"$(escaped "$root_certificate")\""} get-server-public-key protocol=tcp default-character-set=utf8mb4 \
        '[mysql]' connect-timeout=10 >"$work/client.cnf" || stop "cannot write to $work"
fi

# answer <- what the database says to the SQL text $1. The client's own exit status decides.
ask() {
    case $engine in
    postgresql) answer=$(timeout 20 psql -X -w -q -A -t -v ON_ERROR_STOP=1 -c "BEGIN READ ONLY; $1" 2>"$work/problem") ;;
    mysql) answer=$(timeout 20 mysql --defaults-file="$work/client.cnf" --batch --skip-column-names --raw \
        --execute="SET SESSION TRANSACTION READ ONLY; $1" -- "$database" 2>"$work/problem") ;;
    esac
}

# What the client's words in $work/problem mean, and what to look at.
meaning() {
    problem=$(cat "$work/problem")
    case $problem in
    *"No space left"* | *"rrno: 28"* | *"rrno 28"*) meaning="a disk is full" ;;
    *"password authentication failed"* | *"no password supplied"* | *"role "*" does not exist"* | *"(using password"*)
        meaning="the user or the password is wrong: look at DB_USER and DB_USER_PASSWORD${OMUPGRADE_PASSWORD_SECRET:+ (Secret $OMUPGRADE_PASSWORD_SECRET)}" ;;
    *"database "*" does not exist"* | *"Unknown database"*) meaning="there is no such database: look at OM_DATABASE ('$database')" ;;
    *"to database '"*) meaning="there is no such database, or the user may not use it: look at OM_DATABASE ('$database') and its grants" ;;
    *"initial communication packet"*) meaning="the server does not answer at $host:${port:-its default port}: something listens there and says nothing" ;;
    *"closed"* | *"EOF detected"* | *"Lost connection"* | *"terminating connection"* | *"gone away"*)
        meaning="the server at $host:${port:-its default port} went away, or the connection broke" ;;
    *"no pg_hba.conf entry"*"SSL encryption"*) meaning="the server lets this user, database or address not in: look at its pg_hba.conf" ;;
    *"no encryption"* | *"SSL off"* | *"insecure transport"* | *"SSL"* | *"sslmode"* | *"certificate"*)
        meaning="TLS: server and client do not agree, or a certificate is missing in this container: look at DB_PARAMS ('$params')" ;;
    *"ermission denied"* | *"command denied"*) meaning="the user may not read it: look at the grants of DB_USER ('$user')" ;;
    *"oo many c"*) meaning="the server has no connection left: look at its max_connections" ;;
    "" | *"onnect"* | *"translate host name"* | *"Unknown MySQL server host"* | *"timeout"* | *"starting up"* | *"shutting down"*)
        meaning="the server does not answer at $host:${port:-its default port}, or the connection broke: look whether it runs, at DB_HOST and DB_PORT, at network policies" ;;
    *) meaning="it cannot be read" ;;
    esac
    meaning="$meaning. The client's words: ${problem:-none}"
}
# ---- end of database client ----

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

# numbers <- $1 as three numbers; fails for what is no version, and for 0.0.N, which is imported history.
three_numbers() {
    numbers=${1#v} numbers=${numbers%%[-+]*}
    case $numbers in
    *[!0-9.]* | .* | *. | *..* | *.*.*.*.* | 0.0.*) return 1 ;;
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
$(bare "${OMUPGRADE_TAG:-}")
FOLDERS
[ -n "$carried" ] || stop "cannot tell this image's version: its tag '${OMUPGRADE_TAG:-}' is none, and its list of migration folders is empty.
Name the version in the image's tag, or start without this check: $open"
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
