# The database client of the scripts that run in pods: reads the server's own settings, connects as the server does,
# names what goes wrong. Put into each of those scripts where it names this file; they define `stop` before that.
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

# What the client's words in $work/problem mean, and what to look at. A server speaks its own language (lc_messages):
# MySQL's numbers tell, and of PostgreSQL at least that it answered.
meaning() {
    problem=$(cat "$work/problem")
    silent="the server does not answer at $host:${port:-its default port}, or the connection broke: look whether it runs, at DB_HOST and DB_PORT, at network policies"
    case $problem in
    # MySQL's clients have lost the number at times.
    *"No space left"* | *"rrno: 28"* | *"rrno 28"* | *"rrno 0 on write"*) meaning="a disk is full" ;;
    *"password authentication failed"* | *"no password supplied"* | *"role "*" does not exist"* | *"(using password"* | *"ERROR 1045 "* | *"error: 1045:"*)
        meaning="the user or the password is wrong: look at DB_USER and DB_USER_PASSWORD${OMUPGRADE_PASSWORD_SECRET:+ (Secret $OMUPGRADE_PASSWORD_SECRET)}" ;;
    *"database "*" does not exist"* | *"Unknown database"* | *"ERROR 1049 "* | *"error: 1049:"*) meaning="there is no such database: look at OM_DATABASE ('$database')" ;;
    *"to database '"* | *"ERROR 1044 "* | *"error: 1044:"*) meaning="there is no such database, or the user may not use it: look at OM_DATABASE ('$database') and its grants" ;;
    *"initial communication packet"*) meaning="the server does not answer at $host:${port:-its default port}: something listens there and says nothing" ;;
    *"closed"* | *"EOF detected"* | *"Lost connection"* | *"terminating connection"* | *"gone away"*)
        meaning="the server at $host:${port:-its default port} went away, or the connection broke" ;;
    *"no pg_hba.conf entry"*"SSL encryption"*) meaning="the server lets this user, database or address not in: look at its pg_hba.conf" ;;
    *"no encryption"* | *"SSL off"* | *"insecure transport"* | *"SSL"* | *"sslmode"* | *"certificate"*)
        meaning="TLS: server and client do not agree, or a certificate is missing in this container: look at DB_PARAMS ('$params')" ;;
    *"pg_hba.conf"*) meaning="the server lets this user, database or address not in: look at its pg_hba.conf" ;;
    *"ermission denied"* | *"command denied"* | *"ERROR 1142 "* | *"(1142)"*) meaning="the user may not read it: look at the grants of DB_USER ('$user')" ;;
    *"oo many c"* | *"ERROR 1040 "* | *"error: 1040:"*) meaning="the server has no connection left: look at its max_connections" ;;
    *"starting up"* | *"shutting down"*) meaning=$silent ;;
    *"lock timeout"* | *"ock wait timeout"*) meaning="another session holds a lock on what is read: look who, or wait until it ends" ;;
    *"statement timeout"*) meaning="the server did not end it in time: look in pg_stat_activity for a session that is stuck (ClientWrite)" ;;
    *"connection to server "*" failed: "*":  "*) meaning="the server at $host:${port:-its default port} answers and lets nobody in: its own words say why; look at DB_USER and DB_USER_PASSWORD, at OM_DATABASE ('$database'), at its pg_hba.conf" ;;
    "" | *"onnect"* | *"translate host name"* | *"Unknown MySQL server host"* | *"timeout"*) meaning=$silent ;;
    *) meaning="it cannot be read" ;;
    esac
    meaning="$meaning. The client's words: ${problem:-none}"
}
