#!/bin/sh
# Dumps the database and proves the dump, or fails with words. A backup is a directory NAME-TIME below the claim:
# it is written under a hidden name and renamed at the very end, so nothing half-written is ever listed.
# With OMUPGRADE_ACTION=fingerprint: only prints the fingerprint, `key<TAB>value` a line, and writes nothing.
# With OMUPGRADE_ACTION=facts: the same, then a line `facts:`, then the database's facts in the same form.
# With OMUPGRADE_ACTION=dump: as a step of a restore, which is open meanwhile, so that nothing can be pruned.
# POSIX sh and coreutils; never two dollar signs in a row, Kubernetes would make them one. No pipeline around a
# client: the exit status of every stage counts.
set -uf
umask 077
export LC_ALL=C

speaker="omupgrade backup" partial='' child='' holder='' ticker='' beat='' followers='' readers=''
say() { printf '%s: %s\n' "$speaker" "$1"; }
stop() {
    say "$1" >&2
    { say "$1" >"${OMUPGRADE_TERMINATION_LOG:-/dev/termination-log}"; } 2>/dev/null
    exit 1
}

# omupgrade: database_client.sh
# omupgrade: digest.sh
# omupgrade: shown_params.sh
# omupgrade: written.sh

clean_up() {
    for helper in $holder $ticker $beat; do kill "$helper" 2>/dev/null; done
    # A follower ends with the writer, and its reader with the follower; it may still be making files.
    [ -z "$readers" ] || { [ -z "$child" ] || wait "$child"; followed; }
    [ -z "$partial" ] || rm -rf "$partial"
    rm -rf "$work"
}
trap clean_up EXIT
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; stop "told to end before the backup was finished; nothing of it is kept"' INT TERM

# Runs one stage beside the shell, so that a SIGTERM is heard while a dump runs for an hour.
stage() {
    "$@" 2>"$work/problem" &
    child=$!
    wait "$child"
    status=$?
    child=''
    return $status
}

# Runs the SQL text $2 and leaves its answer in $work/$1.
read_text() {
    case $engine in
    postgresql) printf '%s\n' "$2" >"$work/$1.sql" || return 1
        stage psql -X -w -q -A -t -v ON_ERROR_STOP=1 -v count="$count" -o "$work/$1" -f "$work/$1.sql" || return 1 ;;
    mysql) printf '%s\n' "SET @count = '$count';" "$2" >"$work/$1.sql" || return 1
        stage sh -c 'exec mysql --defaults-file="$1/client.cnf" --batch --skip-column-names --raw -- "$2" <"$1/$3.sql" >"$1/$3"' \
            sh "$work" "$database" "$1" || return 1 ;;
    esac
}

# fingerprint <- the lines of the SQL text for this engine.
read_fingerprint() {
    read_text fingerprint "$text" || return 1
    fingerprint=$(cat "$work/fingerprint")
    case $fingerprint in *change_log*sql_logs*schema*flowable*head*) ;; *) return 1 ;; esac
}

# omupgrade: rows.sh
# omupgrade: read_back.sh

# A line now and then while a dump grows, for whoever reads the log.
tick() {
    [ -n "${OMUPGRADE_PROGRESS_SECONDS:-}" ] || return 0
    while sleep "$OMUPGRADE_PROGRESS_SECONDS"; do
        size=$(du -sk "$partial" 2>/dev/null) && printf 'omupgrade-progress: %s %s %s\n' "$1" $((${size%%[!0-9]*} * 1024)) "$database_bytes"
    done &
    ticker=$!
}

tock() {
    [ -z "$ticker" ] || kill "$ticker" 2>/dev/null
    ticker=''
}

[ -n "$password" ] || stop "DB_USER_PASSWORD is empty: is the Secret ${OMUPGRADE_PASSWORD_SECRET:-with the password} there, with its key? (IAM authentication is not supported)"
case $engine in
postgresql) text=${OMUPGRADE_FINGERPRINT_POSTGRESQL:-} facts=${OMUPGRADE_FACTS_POSTGRESQL:-} ;;
mysql) text=${OMUPGRADE_FINGERPRINT_MYSQL:-} facts=${OMUPGRADE_FACTS_MYSQL:-} ;;
esac
case ${OMUPGRADE_COUNT:-} in all) count=all ;; *) count=entities ;; esac
[ -n "$text" ] || stop "this Job carries no fingerprint text for $engine; it was made by another version of omupgrade"
action=${OMUPGRADE_ACTION:-backup}
case $action in fingerprint | facts)
    read_fingerprint || { meaning && stop "cannot read the fingerprint of '$database': $meaning"; }
    printf '%s\n' "$fingerprint"
    [ $action = facts ] || exit 0
    [ -n "$facts" ] || stop "this Pod carries no text for the facts of $engine; it was made by another version of omupgrade"
    read_text facts "$facts" || { meaning && stop "cannot read the facts of '$database': $meaning"; }
    printf '%s\n' facts:
    cat "$work/facts"
    exit 0 ;;
esac

# Can it be written at all?
directory=${OMUPGRADE_BACKUP_DIR:-/backup} name=${OMUPGRADE_BACKUP_NAME:-}
case $name in "" | [!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) stop "'$name' cannot name a backup: letters, digits, dots, dashes" ;; esac
[ -d "$directory" ] || stop "there is no directory $directory: is the claim mounted?"

# Is this client fit for this server?
case $engine in
postgresql) dumper=pg_dump sizes="SELECT current_setting('server_version_num') || ' ' || pg_database_size(current_database()) || ' ' || current_setting('server_version')" ;;
mysql) dumper=mysqldump sizes="/*!80000 SET SESSION information_schema_stats_expiry = 0 */; SELECT CONCAT_WS(' ', 0, (SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables WHERE table_schema = DATABASE()), VERSION())" ;;
esac
command -v $dumper >/dev/null || stop "this client image has no $dumper; name a $engine client image in the policy"
client_version=$($dumper --version) || stop "$dumper --version failed"
case $client_version in
*MariaDB*) stop "this image's mysqldump is MariaDB's; its dumps of MySQL are not sound. Name Oracle's (mysql:N) in the policy" ;;
*" Distrib "*) client_version=${client_version#* Distrib } ;;
*" Ver "*) client_version=${client_version#* Ver } ;;
*"(PostgreSQL) "*) client_version=${client_version#*"(PostgreSQL) "} ;;
esac
client_version=${client_version%%[ ,]*}
ask "$sizes" || { meaning && stop "cannot start the backup of '$database': $meaning"; }
server_number=${answer%% *} answer=${answer#* }
database_bytes=${answer%% *} server_version=${answer#* }
server_version=${server_version%% *}
case $server_version in *MariaDB*) stop "the server is MariaDB ($server_version); OpenMetadata runs on MySQL or PostgreSQL" ;; esac

# rank <- a number that orders releases of one engine: PostgreSQL's major, MySQL's major and minor.
rank() {
    major=${1%%[!0-9]*} minor=${1#*.}
    minor=${minor%%[!0-9]*}
    rank=$((${major:-0} * 1000))
    [ $engine = postgresql ] || rank=$((rank + ${minor:-0}))
}
rank "$client_version" && client_rank=$rank
rank "$server_version" && server_rank=$rank
[ $engine = mysql ] || server_rank=$((server_number / 10000 * 1000))
[ "$client_rank" -ge "$server_rank" ] ||
    stop "$dumper $client_version is older than the server ($server_version), its dump would not be whole; name a newer $engine client image in the policy"

# The hidden name is also the claim on the final one: mkdir succeeds for one only.
set +f
for old in "$directory/.partial-$name-"[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9]Z; do
    [ -d "$old" ] || continue
    idle=$(seconds_since_written "$old")
    # A hook and the plugin give one name, and neither knows of the other: what somebody writes is his.
    if [ "$idle" -gt 180 ]; then
        say "removing ${old##*/}, left by a backup that did not finish" && rm -rf "$old"
    else
        say "leaving ${old##*/}: it was written to $idle s ago, another backup may be at work; after 180 s the next one removes it"
    fi
done
set -f
tries=0
while :; do
    stamp=$(date -u +%Y%m%dT%H%M%SZ) started=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    final=$name-$stamp
    if [ ! -e "$directory/$final" ]; then
        mkdir "$directory/.partial-$final" 2>"$work/problem" && break
        [ -e "$directory/.partial-$final" ] ||
            stop "cannot write to $directory: is the claim full or read-only, does fsGroup let user $(id -u) write? $(cat "$work/problem")"
    fi
    tries=$((tries + 1))
    [ $tries -lt 10 ] || stop "$final exists already and is never overwritten"
    sleep 1
done
partial=$directory/.partial-$final
{ while sleep 30 && [ -d "$partial" ]; do touch -c "$partial"; done } >/dev/null 2>&1 &
beat=$!

# A dump is often far smaller than the database (no indexes, compression), so little room is said, not refused.
free_bytes='unknown'
if df -Pk "$directory" >"$work/df" 2>/dev/null; then
    { read -r _ && read -r _ _ _ free _; } <"$work/df"
    case $free in "" | *[!0-9]*) ;; *) free_bytes=$((free * 1024))
        [ $free_bytes -ge $((database_bytes / 4)) ] || say "little room: $free_bytes bytes are free on the claim, the database holds about $database_bytes; going on" ;;
    esac
fi

# A failed stage: the words, and the half-written directory goes (clean_up).
failed() {
    meaning
    room='enlarge it or prune backups'
    [ $action != dump ] || room='enlarge it'
    case $meaning in "a disk is full"*) meaning="the claim is full ($free_bytes bytes were free at the start, the database holds about $database_bytes): $room. $meaning" ;; esac
    stop "$1: $meaning"
}

say "dumping the $engine database '$database' of $host ($server_version) with $dumper $client_version"
read_fingerprint || failed "cannot read the fingerprint"
before=$fingerprint

choose_jobs
case $engine in
postgresql) file=database.dump
    [ $jobs = 1 ] || file=database
    [ -z "${OMUPGRADE_ROWS_POSTGRESQL:-}" ] || hold_snapshot || say "no snapshot can be held, so the rows are not recorded: $(head -c 300 "$work/held")"
    tick dumping
    if [ $jobs = 1 ]; then
        : >"$partial/$file" 2>"$work/problem" || failed "cannot begin the dump"
        begin pg_dump -w --format=custom --lock-wait-timeout=60000 ${snapshot:+"--snapshot=$snapshot"} --file="$partial/$file"
        follow read $idly pg_restore --file=/dev/null
    else
        say "dumping with $jobs jobs into a directory: the database has $database_bytes bytes"
        begin pg_dump -w --format=directory --jobs="$jobs" --lock-wait-timeout=60000 ${snapshot:+"--snapshot=$snapshot"} --file="$partial/$file"
    fi
    finish || failed "pg_dump failed with $status"
    tock
    release_snapshot
    # The list is read from the finished file, the rows behind the writer: together every block is there and whole.
    stage pg_restore --list --file="$work/list" "$partial/$file" || failed "the dump cannot be read back"
    listed=0
    while read -r entry; do case $entry in "" | \;*) ;; *) listed=$((listed + 1)) ;; esac done <"$work/list"
    [ $listed -gt 0 ] || stop "the dump holds nothing"
    if [ $jobs != 1 ]; then
        read_directory || failed "the dump cannot be read back to its end"
    elif ! followed; then
        stage pg_restore --file=/dev/null "$partial/$file" || failed "the dump cannot be read back to its end"
    fi ;;
mysql) file=database.sql
    tick dumping
    : >"$partial/$file" 2>"$work/problem" || failed "cannot begin the dump"
    # "loose": a mysqldump that does not know the option goes on without it. 9.7 reads every masking policy of the
    # server, which needs rights beyond the database. By its manual a row has 24M at most, which 9.7 does not mind.
    begin mysqldump --defaults-file="$work/client.cnf" --single-transaction --quick --routines --triggers --events --hex-blob --no-tablespaces \
        --set-gtid-purged=OFF --loose-column-statistics=0 --loose-masking-policies=0 --max-allowed-packet=1G --result-file="$partial/$file" -- "$database"
    follow sum $idly $hasher
    [ -z "${OMUPGRADE_COUNT_ROWS:-}" ] || ! can_count || { follow heads heads && follow marks marks; }
    finish || {
        # Seen of 9.7: an end without a word. "closed" is what meaning looks for.
        [ "$status" != 2 ] || [ -s "$work/problem" ] || printf 'none; it ends without a word where its connection is closed between two tables' >"$work/problem"
        failed "mysqldump failed with $status"
    }
    tock
    # It leaves out what it may not read, says so, and ends with 0.
    case $(cat "$work/problem") in *"Error:"*) failed "mysqldump left something out" ;; esac
    case $(tail -c 200 "$partial/$file") in *"-- Dump completed"*) ;; *) stop "the dump has no end ('-- Dump completed' is missing)" ;; esac
    # Readers that did not come to the end have proven nothing: the file is read again.
    if followed; then known_sum=$(cat "$work/sum"); else rm -f "$work/heads" "$work/marks"; fi
    [ -z "${OMUPGRADE_COUNT_ROWS:-}" ] || count_dump "$partial/$file" ;;
esac

read_fingerprint || failed "cannot read the fingerprint again"
[ "$fingerprint" = "$before" ] || stop "the schema moved while it was dumped: a migration is running. Wait for it, then back up again"

# files <- their list for the record; sum, bytes <- of the last one. $2: its digest as $hasher writes it, where known.
files='' dump_bytes=0 dump_sum=''
add_file() {
    bytes=$(wc -c <"$partial/$1") && bytes=$((bytes + 0)) && [ $bytes -gt 0 ] || stop "$1 is empty"
    sum=${2:-}
    [ -n "$sum" ] || sum=$($hasher "$partial/$1") || stop "the digest of $1 cannot be read"
    sum=${sum%% *}
    sum=${sum#\\}
    files="$files${files:+,}{\"name\":\"$1\",\"bytes\":$bytes,\"sha256\":\"$sum\"}"
}

# What the plugin gives to the backup: files, and members of the record.
if [ $jobs = 1 ]; then
    add_file $file "${known_sum:-}"
    dump_bytes=$bytes dump_sum=$sum
else
    while read -r known_sum part; do
        add_file "$file/${part##*/}" "$known_sum"
        dump_bytes=$((dump_bytes + bytes))
        case $part in */toc.dat) dump_sum=$sum ;; esac
    done <"$work/sums"
    [ -n "$dump_sum" ] || stop "the dump has no list (toc.dat)"
fi
attached=${OMUPGRADE_ATTACHED_DIR:-/omupgrade-attached} more=''
if [ -f "$attached/record.part" ]; then
    more=$(cat "$attached/record.part") || stop "cannot read what the plugin gave"
    for given in release.json.gz secrets.age; do
        [ -f "$attached/$given" ] || continue
        cat "$attached/$given" >"$partial/$given" 2>"$work/problem" || failed "cannot take over the release's values and manifest"
        add_file $given
    done
fi
# catalog.json comes last: a directory without it is no backup, whatever its name.
text() { printf '"%s"' "$(escaped "$1")"; }
head=''
{
    printf '{"v":1,"origin":%s,"release":%s,"namespace":%s,"target":%s,' "$(text "${OMUPGRADE_ORIGIN:-omupgrade}")" \
        "$(text "${OMUPGRADE_RELEASE:-}")" "$(text "${OMUPGRADE_NAMESPACE:-}")" "$(text "${OMUPGRADE_TARGET:-}")" &&
    printf '"engine":"%s","server_version":%s,"client_version":%s,"database":%s,"host":%s,' "$engine" \
        "$(text "$server_version")" "$(text "$client_version")" "$(text "$database")" "$(text "$host")" &&
    printf '"started":"%s","finished":"%s","files":[%s],"fingerprint":{' \
        "$started" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$files" &&
    comma='' &&
    while read -r key value; do
        case $key in head) head=$value ;; *) printf '%s%s:%s' "$comma" "$(text "$key")" "$(text "$value")" || break; comma=, ;; esac
    done <"$work/fingerprint" &&
    case $head in absent | none) head='' ;; esac &&
    printf '},"schema_head":%s,"database_bytes":%s' "$(text "$head")" "$database_bytes" &&
    if [ -f "$work/rows" ]; then
        printf ',"rows":{' && comma='' &&
        while IFS='	' read -r key value; do printf '%s%s:%s' "$comma" "$(text "$key")" "$value" || break; comma=,; done <"$work/rows" &&
        printf '}'
    fi &&
    printf '%s}\n' "${more:+,$more}"
} >"$partial/catalog.json" 2>"$work/problem" || failed "cannot write catalog.json"
case $(tail -c 3 "$partial/catalog.json") in *'}') ;; *) failed "cannot write catalog.json" ;; esac
catalog_sum=$($hasher "$partial/catalog.json") && printf '%s\n' "${catalog_sum%% *}" >"$partial/catalog.sha256" || stop "cannot write catalog.sha256"

sync || stop "sync failed"
[ ! -e "$directory/$final" ] || stop "$final exists already and is never overwritten"
mv "$partial" "$directory/$final" 2>"$work/problem" || failed "cannot give the backup its name"
partial=''
sync || stop "sync failed after the rename; the backup $final may not survive a crash"
[ -z "$more" ] || printf 'omupgrade-backup: catalog %s\n' "$(cat "$directory/$final/catalog.json")"
say "verified: $dump_bytes bytes, schema head ${head:-none}"
printf 'omupgrade-backup: complete %s bytes=%s sha256=%s\n' "$final" "$dump_bytes" "$dump_sum"
