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

# Whether this image has what counting takes besides coreutils.
can_count() { command -v grep >/dev/null && command -v uniq >/dev/null; }

# Where the tables of a mysqldump begin, end, and are filled: two comments around each table's rows, and statements, each at
# the beginning of a line, `OFFSET:WORDS`. A regular expression, which is slow at many matches and quick at few.
heads() { $idly grep -aobE '^(INSERT INTO|/\*!40000 ALTER TABLE) `([^`]|``)+`' || [ $? = 1 ]; }

# What tells one row from the next, in runs: fixed words only, many times as quick as an expression. `),('` ends a row and
# begins the next: inside a string a quote has a backslash before it. Only a string's own end looks the same, and `,` or
# `)` comes after it.
marks() { $idly grep -aoF -e '),(' -e "),('" -e "),('," -e "),(')" -e '/*!40000 ALTER TABLE `' | uniq -c; }

# The tables of the mysqldump $1, whose heads and marks were read behind the writer, or not. A table where every `),(`
# is clear is counted by them; the others are read string by string, and all are where the two do not tell one story:
# somebody may have put a dump into a table.
count_dump() {
    can_count || { say "this image has no grep: the rows are not recorded" && return 0; }
    if [ ! -f "$work/heads" ]; then
        heads <"$1" >"$work/heads" || rm -f "$work/heads"
        marks <"$1" >"$work/marks"
    fi
    doubtful=''
    if ! by_marks; then
        : >"$work/counted"
        doubtful=all
    fi
    if [ -n "$doubtful" ] && ! command -v awk >/dev/null; then
        say "this image has no awk: the rows of some tables are not recorded"
    elif [ "$doubtful" = all ]; then
        by_strings 1 '' "$1" || say "the rows of some tables could not be counted and are not recorded"
    else
        for at in $doubtful; do
            by_strings $((at + 1)) one "$1" || say "the rows of a table could not be counted and are not recorded"
        done
    fi
    mv "$work/counted" "$work/rows"
}

# $work/counted <- the tables that are clear; doubtful <- where the others begin.
by_marks() {
    : >"$work/counted"
    [ -f "$work/heads" ] || return 1
    exec 4<"$work/marks"
    table='' rows=0 doubt='' pending=0
    while IFS= read -r head; do
        name=${head#*\`}
        name=${name%\`}
        case $head in
        *:INSERT*) [ -n "$table" ] && [ "$table" = "$name" ] || return 1
            rows=$((rows + 1)) ;;
        *) to_border || return 1
            if [ -z "$table" ]; then
                table=$name rows=0 doubt='' at=${head%%:*}
                continue
            fi
            [ "$table" = "$name" ] || return 1
            if [ -n "$doubt" ]; then doubtful="$doubtful $at"; else printf '%s\t%s\n' "$table" "$rows" >>"$work/counted"; fi
            table='' ;;
        esac
    done <"$work/heads"
    # Both end together.
    [ -z "$table" ] && ! to_border
}

# Adds what the marks tell up to the next border of a table.
to_border() {
    while [ "$pending" = 0 ]; do
        read -r times mark rest <&4 || return 1
        case $mark in
        "/*!"*) pending=$times ;;
        "),('") rows=$((rows + times)) ;;
        *) doubt=1 ;;
        esac
    done
    pending=$((pending - 1))
}

# by_strings BYTE one|'' FILE: from this byte on, counted as an awk reads it: what lies outside strings.
by_strings() {
    tail -c "+$1" "$3" | awk -v one="$2" '
        /^\/\*!40000 ALTER TABLE `/ {
            if (table == "") { table = $0; sub(/^[^`]*`/, "", table); sub(/` [A-Z]* KEYS.*/, "", table); rows = 0; next }
            print table "\t" rows
            table = ""
            told = 1
            if (one) exit
        }
        table != "" && /^INSERT INTO `/ {
            at = index($0, "` VALUES ("); other = index($0, "`) VALUES (")
            if (!at || other && other < at) at = other
            line = substr($0, at)
            gsub(/\\[\\'\'']/, "", line)
            rows++
            count = split(line, part, "'\''")
            for (i = 1; i <= count; i += 2) if (length(part[i]) > 2) rows += gsub(/\),\(/, "", part[i])
        }
        END { exit !told }' >>"$work/counted"
}
