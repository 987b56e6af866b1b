# Counts the rows of the dump's own moment into $work/rows, `table<TAB>rows` a line. What cannot be counted exactly is
# left out and said: a count that is wrong would be worse than none. Put into backup.sh where it names this file.

# A session holds a snapshot and counts in it; snapshot <- its name, for pg_dump. It ends when it hears "go" or when
# nobody holds the other end any more.
hold_snapshot() {
    snapshot=''
    mkfifo "$work/snapshot" "$work/go" || return 1
    {
        printf '%s\n' '\set ON_ERROR_STOP on' 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;' \
            'SET LOCAL statement_timeout = 0;' 'SET LOCAL idle_in_transaction_session_timeout = 0;' \
            'SELECT pg_export_snapshot();' '\set ON_ERROR_ROLLBACK on' '\unset ON_ERROR_STOP' "\\o $work/counted" "$OMUPGRADE_ROWS_POSTGRESQL" '\o' \
            "\\! mv $work/counted $work/rows; read -r _ <$work/go" 'COMMIT;'
    } >"$work/hold.sql" || return 1
    psql -X -w -q -A -t -f "$work/hold.sql" >"$work/snapshot" 2>"$work/held" &
    holder=$!
    # Opened after the session was started, which must not hold its own end open.
    exec 3<>"$work/go"
    read -r snapshot <"$work/snapshot" || snapshot=''
    [ -n "$snapshot" ]
}

release_snapshot() {
    [ -n "$holder" ] || return 0
    echo go >&3
    wait "$holder" && [ ! -s "$work/held" ] || say "the rows of some tables could not be counted and are not recorded: $(head -c 300 "$work/held")"
    exec 3>&-
    holder=''
}

# The tables of a mysqldump. `),('` ends a row and begins the next: inside a string a quote has a backslash before it.
# Only a string's own end looks the same, and `,` or `)` comes after it. A table where every `),(` is clear is counted so,
# in one fast pass; the others are read string by string.
count_dump() {
    command -v grep >/dev/null && command -v uniq >/dev/null || { say "this image has no grep: the rows are not recorded" && return 0; }
    [ -f "$work/tokens" ] || row_words <"$1" >"$work/tokens"
    table='' rows=0 doubt='' doubtful='' locked=0
    : >"$work/counted"
    while read -r times word rest; do
        case $word in
        CREATE) put_rows && table=${rest#*\`} table=${table%\`} rows=0 doubt='' ;;
        LOCK) locked=1 ;;
        UNLOCK) locked=0 ;;
        INSERT) [ $locked = 0 ] || rows=$((rows + times)) ;;
        "),('") [ $locked = 0 ] || rows=$((rows + times)) ;;
        "),("*) [ $locked = 0 ] || doubt=1 ;;
        esac
    done <"$work/tokens"
    put_rows
    if [ -n "$doubtful" ] && ! command -v awk >/dev/null; then
        say "this image has no awk: the rows of some tables are not recorded"
    elif [ -n "$doubtful" ]; then
        doubtful="$doubtful" awk '
            BEGIN { count = split(ENVIRON["doubtful"], names, "\n"); for (i = 1; i <= count; i++) wanted[names[i]] = 1 }
            /^LOCK TABLES `/ { locked = 1 }
            /^UNLOCK TABLES/ { locked = 0 }
            locked && /^INSERT INTO `/ {
                at = index($0, "` VALUES ("); other = index($0, "`) VALUES (")
                if (!at || other && other < at) at = other
                table = substr($0, 14); sub(/` (VALUES )?\(.*/, "", table)
                if (!(table in wanted)) next
                line = substr($0, at)
                gsub(/\\[\\'\'']/, "", line)
                rows[table]++
                count = split(line, part, "'\''")
                for (i = 1; i <= count; i += 2) if (length(part[i]) > 2) rows[table] += gsub(/\),\(/, "", part[i])
            }
            END { for (table in rows) print table "\t" rows[table] }' "$1" >>"$work/counted" || say "the rows of some tables could not be counted and are not recorded"
    fi
    mv "$work/counted" "$work/rows"
}

row_words() { grep -aoE '^(CREATE TABLE|INSERT INTO|LOCK TABLES) `([^`]|``)+`|^UNLOCK TABLES|\),\(('\''[,)]?)?' | uniq -c; }

put_rows() {
    [ -n "$table" ] || return 0
    if [ -n "$doubt" ]; then
        doubtful="$doubtful$table
"
    else
        printf '%s\t%s\n' "$table" "$rows" >>"$work/counted"
    fi
}
