#!/bin/sh
# Takes a database back to a backup, one OMUPGRADE_ACTION a run, or fails with words:
#   check      reads only: is the backup whole and of this database, may this user restore it, what was written since;
#              with OMUPGRADE_IN_PLACE, may he do so in place
#   drill      loads the dump into a scratch database on the same server, prints what is there as the drill script does, and
#              drops it; of the database itself only the catalogue is read
#   beside     loads the dump into a database beside and proves it there
#   swap       gives that one the database's name; the database keeps an old name
#   in-place   empties the database and loads the dump into it: where databases may not be made or renamed
#   clean-up   drops what is left of this restore: the old database after a swap, else the one beside
# Each looks at what is there first: killed anywhere and run again, it ends in the same place. OMUPGRADE_RESTORE_ID keeps
# one restore apart from another; OMUPGRADE_BACKUP_OF (NAMESPACE/RELEASE) says whose backup it is, where it is not this
# release's or was made on another database server; OMUPGRADE_NOT_AFTER (seconds since 1970) is when it must have begun.
# POSIX sh and coreutils; never two dollar signs in a row, Kubernetes would make them one.
# No pipeline around a client: the exit status of every stage counts.
set -uf
umask 077
export LC_ALL=C

speaker="omupgrade restore" child=''
say() { printf '%s: %s\n' "$speaker" "$1"; }
stop() {
    say "$1" >&2
    { say "$1" >"${OMUPGRADE_TERMINATION_LOG:-/dev/termination-log}"; } 2>/dev/null
    exit 1
}

# The server's own user: its sessions are the servers'.
server_user=${DB_USER:-}
# An administrator, where the server's own user may not create or rename databases.
[ -z "${OMUPGRADE_ADMIN_SECRET:-}" ] || [ -n "${OMUPGRADE_ADMIN_USER:-}" ] || stop "the Secret $OMUPGRADE_ADMIN_SECRET with an administrator is not there, or has no username"
[ -z "${OMUPGRADE_ADMIN_USER:-}" ] || DB_USER=$OMUPGRADE_ADMIN_USER DB_USER_PASSWORD=${OMUPGRADE_ADMIN_PASSWORD:-}

# omupgrade: database_client.sh
# omupgrade: digest.sh
# omupgrade: shown_params.sh

trap '[ -z "$child" ] || kill "$child" 2>/dev/null; stop "told to end before it was finished; the same command again goes on"' INT TERM

# Runs one stage beside the shell, so that a SIGTERM is heard while a restore runs for an hour.
stage() {
    "$@" 2>"$work/problem" &
    child=$!
    wait "$child"
    status=$?
    child=''
    return $status
}

failed() {
    meaning
    stop "$1: $meaning"
}

# answer <- what the database $1 says to the SQL text $2.
tell() {
    printf '%s\n' "$2" >"$work/sql" || stop "cannot write to $work"
    case $engine in
    postgresql) export PGDATABASE="$1"
        stage psql -X -w -q -A -t -v ON_ERROR_STOP=1 -v name="$database" -v beside="$beside" -v old="$old" -v count=all -o "$work/answer" -f "$work/sql" || return 1 ;;
    mysql) stage sh -c 'exec mysql --defaults-file="$1/client.cnf" --batch --skip-column-names --raw -- "$2" <"$1/sql" >"$1/answer"' \
        sh "$work" "$1" || return 1 ;;
    esac
    answer=$(cat "$work/answer")
}

server_user=$(bare "$server_user") trial='' action=${OMUPGRADE_ACTION:-} id=${OMUPGRADE_RESTORE_ID:-}
[ -n "$password" ] || stop "DB_USER_PASSWORD is empty: is the Secret ${OMUPGRADE_PASSWORD_SECRET:-with the password} there, with its key? (IAM authentication is not supported)"
case $id in "" | *[!a-z0-9]* | ?????????????????*) stop "'$id' cannot name a restore: 1 to 16 small letters and digits" ;; esac
case $database in *[!A-Za-z0-9_.-]*) stop "the database's name '$database' holds more than letters, digits, dots, dashes and underscores: restore it by hand" ;; esac
head=$(printf '%.32s' "$database")
beside=${head}_omupgrade_new_$id old=${head}_omupgrade_old_$id

# A Pod that waited long for its node or its image has nobody any more who watches it: it writes nothing.
in_time() {
    [ -z "${OMUPGRADE_NOT_AFTER:-}" ] && return 0
    now=$(date +%s)
    [ "$now" -le "$OMUPGRADE_NOT_AFTER" ] ||
        stop "this Pod starts $((now - OMUPGRADE_NOT_AFTER)) s too late by the clock of its node; nothing was changed, the same command again makes a new one"
}

# rank <- a number that orders releases of one engine: PostgreSQL's major, MySQL's major and minor.
rank() {
    major=${1%%[!0-9]*} minor=${1#*.}
    minor=${minor%%[!0-9]*}
    rank=$((${major:-0} * 1000))
    [ $engine = postgresql ] || rank=$((rank + ${minor:-0}))
}

# Whoever comes back again and again after his sessions were ended is a server that still runs.
nobody_comes_back() {
    rounds=0
    while :; do
        end_sessions "'$database'"
        sleep "${OMUPGRADE_COME_BACK_SECONDS:-2}"
        come_back
        [ "$answer" != 0 ] || return 0
        rounds=$((rounds + 1))
        [ $rounds -lt 3 ] || stop "sessions of '$server_user' ($answer) come back to '$database' as often as they are ended: a server still runs. Nothing was changed; scale what uses it to zero"
    done
}

# value <- the first text of this key in the record.
field() {
    value=''
    case $catalog in *"\"$1\":\""*) value=${catalog#*"\"$1\":\""} value=${value%%\"*} ;; esac
}

# The record says what the backup is: of this release and this database, and not newer than this server.
read_record() {
    directory=${OMUPGRADE_BACKUP_DIR:-/backup} backup=${OMUPGRADE_BACKUP:-}
    case $backup in "" | [!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) stop "'$backup' names no backup" ;; esac
    [ -d "$directory/$backup" ] || stop "there is no backup $backup on the claim, or user $(id -u) may not see it"
    [ -f "$directory/$backup/catalog.json" ] || stop "$backup has no record (catalog.json), or user $(id -u) may not read it: it is no backup"
    if [ -f "$directory/$backup/catalog.sha256" ]; then
        found=$($hasher "$directory/$backup/catalog.json") && was=$(cat "$directory/$backup/catalog.sha256") || stop "the record of $backup cannot be read by user $(id -u)"
        [ "${found%% *}" = "${was%% *}" ] || stop "the record of $backup was changed: its sha256 differs from catalog.sha256"
    fi
    catalog=$(sed -e 's/": */":/g' -e 's/, *"/,"/g' "$directory/$backup/catalog.json") || stop "the record of $backup cannot be read by user $(id -u)"
    case $catalog in '{"v":1,'*) ;; *) stop "the record of $backup is not of version 1; it was made by another version of omupgrade" ;; esac
    field started && started=$value
    case $started in [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z) ;; *) stop "the record of $backup tells no time" ;; esac
    own=${OMUPGRADE_NAMESPACE:-}/${OMUPGRADE_RELEASE:-}
    field namespace && of=$value && field release && of=$of/$value
    [ "$of" = "${OMUPGRADE_BACKUP_OF:-$own}" ] || stop "$backup is of another release: '$of', not '${OMUPGRADE_BACKUP_OF:-$own}'; nothing was changed"
    field engine
    [ "$value" = "$engine" ] || stop "$backup is of another engine: '$value', not '$engine'; nothing was changed"
    # Whoever says whose backup it is knows that it comes from elsewhere; what it holds is proven by its record.
    for pair in "database=$database" "host=$host"; do
        field "${pair%%=*}"
        [ "$value" = "${pair#*=}" ] || [ -n "${OMUPGRADE_BACKUP_OF:-}" ] || stop "$backup is of another ${pair%%=*}: '$value', not '${pair#*=}'; nothing was changed"
    done
    dump=$directory/$backup/database.dump
    [ $engine = postgresql ] || dump=$directory/$backup/database.sql
    # A parallel dump is a directory; the digest of its list stands for it.
    if [ -f "$dump" ]; then
        parts=${dump##*/}
    elif [ $engine = postgresql ] && [ -d "$directory/$backup/database" ]; then
        dump=$directory/$backup/database parts=database/toc.dat
    else
        stop "$backup holds no dump (${dump##*/})"
    fi
    recorded "$parts"
    sum=$was_sum
    [ "$parts" = "${dump##*/}" ] || list_parts
    field server_version && was=$value && field client_version && made_by=$value
    ask_version || failed "cannot ask the server of '$database'"
    rank "$was" && was_rank=$rank && rank "$server_version"
    [ "$rank" -ge "$was_rank" ] || stop "$backup is of $engine $was, newer than this server ($server_version): it would not come back whole"
    [ $engine = mysql ] || { rank "$made_by" && made_rank=$rank && rank "$client_version"
        [ "$rank" -ge "$made_rank" ] || stop "$backup was dumped by $made_by, newer than this client ($client_version): name that client image or a newer one"; }
}

# bytes, was_sum <- what the record says of a file.
recorded() {
    case $catalog in *"\"name\":\"$1\",\"bytes\":"*) ;; *) stop "the record of $backup names no file $1" ;; esac
    entry=${catalog#*"\"name\":\"$1\",\"bytes\":"}
    bytes=${entry%%[!0-9]*} entry=${entry#*'"sha256":"'}
    was_sum=${entry%%\"*}
}

# parts, bytes <- the files of a parallel dump, and their size, as the record says.
list_parts() {
    rest=$catalog parts='' total=0
    while case $rest in *'"name":"database/'*) ;; *) false ;; esac do
        rest=${rest#*'"name":"database/'}
        case ${rest%%\"*} in "" | .* | *[!A-Za-z0-9._-]*) stop "the record of $backup names the file database/${rest%%\"*}" ;; esac
        recorded "database/${rest%%\"*}"
        parts="$parts database/${rest%%\"*}" total=$((total + bytes))
    done
    bytes=$total
}

read_dump() {
    of_all=$bytes
    for part in $parts; do
        recorded "$part"
        there=$(wc -c <"$directory/$backup/$part") || stop "user $(id -u) may not read $directory/$backup/$part: run as the user that made the backup"
        [ $((there)) = "$bytes" ] || stop "the dump of $backup ($part) has $((there)) bytes, its record says $bytes: it is truncated or was changed"
        found=$($hasher "$directory/$backup/$part") || stop "the digest of $backup ($part) cannot be read"
        found=${found#\\}
        [ "${found%% *}" = "$was_sum" ] || stop "the dump of $backup ($part) is not the one that was verified: its sha256 differs from the record's"
    done
    bytes=$of_all
    look_at_targets
}

# Compares the database $1 with the record: state, and rows where the record counted them.
prove() {
    case $engine in postgresql) text=${OMUPGRADE_FINGERPRINT_POSTGRESQL:-} ;; mysql) text=${OMUPGRADE_FINGERPRINT_MYSQL:-} ;; esac
    [ -n "$text" ] || stop "this Job carries no fingerprint text for $engine; it was made by another version of omupgrade"
    tell "$1" "$text" || failed "cannot read the fingerprint of '$1'"
    differ='' seen=0
    while read -r key found; do
        case $key in head) field schema_head && case $found in absent | none) found='' ;; esac ;; *) field "$key" ;; esac
        [ "$found" = "$value" ] || differ="$differ $key"
        seen=$((seen + 1))
    done <"$work/answer"
    [ $seen -ge 5 ] || stop "the fingerprint of '$1' has $seen lines, not 5"
    # Servers of two majors print one definition in two ways, as `drill` knows; all else has to be as recorded.
    field server_version
    if [ "$differ" = " schema" ] && [ "${value%%[!0-9]*}" != "${server_version%%[!0-9]*}" ]; then
        say "definitions of tables are not compared: this server is $server_version, the backup's was $value"
        differ=''
    fi
    [ -z "$differ" ] || stop "'$1' is not what the record of $backup says, it differs in:$differ"
    case $catalog in *'"rows":{'*) ;; *) say "the record of $backup counts no rows: only the state was compared" && return 0 ;; esac
    count_rows "$1" || failed "cannot count the rows of '$1'"
    rows=${catalog#*'"rows":{'} tables=0
    rows=,${rows%%\}*},
    while IFS='	' read -r table found; do
        case $rows in
        *",\"$table\":$found,"*) tables=$((tables + 1)) ;;
        *",\"$table\":"*) differ="$differ $table ($found rows)" ;;
        esac
    done <"$work/answer"
    [ -z "$differ" ] || stop "'$1' has not the rows that the record of $backup counts:$differ"
    # A table that only the record names, and an answer without any.
    named=0 left=$rows
    while case $left in *'":'*) ;; *) false ;; esac do left=${left#*'":'} named=$((named + 1)); done
    [ $tables = $named ] || stop "'$1' has $tables of the $named tables whose rows the record of $backup counts"
    say "rows of $tables tables are as the record of $backup counts them"
}

# omupgrade: restore_postgres.sh
# omupgrade: restore_mysql.sh

# A trial that failed leaves no scratch database; one that was killed leaves it to the next of its name.
end_trial() {
    trap 'rm -rf "$work"' EXIT
    drop "$beside"
}

say_done() { printf 'omupgrade-restore: %s done %s\n' "$action" "$1"; }

case $action in
check)
    read_record
    read_dump
    look_at_grants
    count_written
    printf 'way\t%s\nbecause\t%s\ndatabase_bytes\t%s\ndump_bytes\t%s\n' "$way" "$because" "$database_bytes" "$bytes"
    free=unknown
    if df -Pk "$directory" >"$work/df" 2>/dev/null; then
        { read -r _ && read -r _ _ _ free _; } <"$work/df"
        case $free in "" | *[!0-9]*) free=unknown ;; *) free=$((free * 1024)) ;; esac
    fi
    printf 'claim_free_bytes\t%s\nbackup_started\t%s\n' "$free" "$started"
    printf 'record\t%s\n' "$(tr '\n' ' ' <"$directory/$backup/catalog.json")"
    say_done "way=$way" ;;
drill)
    read_record
    beside=${head}_omupgrade_drill_$id trial=1
    [ -n "${OMUPGRADE_FACTS_POSTGRESQL:-}${OMUPGRADE_FACTS_MYSQL:-}" ] || stop "this Pod carries no texts for $engine; it was made by another version of omupgrade"
    [ $engine = mysql ] || stand_elsewhere || failed "cannot connect to a database beside '$database'"
    trap 'end_trial; rm -rf "$work"' EXIT
    may_make_one
    read_dump
    say "loading $backup ($bytes bytes) into '$beside' on the same server for a trial"
    load_beside
    case $engine in
    postgresql) text=${OMUPGRADE_FINGERPRINT_POSTGRESQL:-} facts=${OMUPGRADE_FACTS_POSTGRESQL:-} ;;
    mysql) text=${OMUPGRADE_FINGERPRINT_MYSQL:-} facts="SET @count = 'all'; ${OMUPGRADE_FACTS_MYSQL:-}" ;;
    esac
    tell "$beside" "$text" || failed "cannot read the fingerprint of what was restored"
    printf '%s\n' "$answer"
    tell "$beside" "$facts" || failed "cannot count what was restored"
    printf 'facts:\n%s\n' "$answer"
    drop "$beside"
    trap 'rm -rf "$work"' EXIT
    printf 'omupgrade-drill: restored %s\n' "$backup" ;;
beside)
    in_time
    read_record
    look_around
    [ "$swapped" = no ] || { say "it has the database's name already" && say_done "database=$beside" && exit 0; }
    if [ "$proven" = "$sum" ]; then
        say "'$beside' is loaded and proven already"
    else
        read_dump
        say "loading $backup ($bytes bytes) into '$beside', beside '$database'"
        load_beside
        prove "$beside"
        mark_proven
    fi
    say_done "database=$beside" ;;
swap)
    in_time
    read_record
    look_around
    [ "$swapped" != no ] || [ "$proven" != "$sum" ] || nobody_comes_back
    take_turn
    tries=0
    while :; do
        look_around
        [ "$swapped" = no ] || break
        [ "$proven" = "$sum" ] || stop "'$beside' is not there, or not proven against $backup: run the action beside first"
        [ $tries -lt 6 ] || stop "cannot swap '$database' and '$beside', nothing was changed: $meaning"
        [ $tries = 0 ] || sleep 5
        tries=$((tries + 1))
        if swap; then say "swapped: '$database' is the restored one, '$old' the one from before"; else meaning; fi
    done
    finish_swap
    end_turn
    prove "$database"
    say_done "old=$old" ;;
in-place)
    in_time
    read_record
    read_dump
    nobody_comes_back
    say "emptying '$database' and loading $backup ($bytes bytes) into it"
    empty
    load "$database"
    prove "$database"
    say_done "database=$database" ;;
clean-up)
    in_time
    look_around
    clean_up
    say_done "swapped=$swapped" ;;
*) stop "'$action' is no action: check, drill, beside, swap, in-place, clean-up" ;;
esac
