# Reads a dump back while it is written, so that the proof costs little time of its own. Put into backup.sh where it names
# this file. It reads the file itself, behind the writer, never the writer's own stream: what is proven is what lies there.

# begin COMMAND... / finish: one stage beside the shell, with room for a reader between the two.
begin() {
    "$@" 2>"$work/problem" &
    child=$!
}

finish() {
    wait "$child"
    status=$?
    child=''
    return $status
}

# follow COMMAND... <- reads $partial/$file behind the child that writes it. Where this image's tail cannot follow until a
# process ends (busybox), nothing is followed, and it is read afterwards.
follow() {
    reader='' follower=''
    case $(tail --help 2>&1) in *--pid*) command -v tee >/dev/null ;; *) false ;; esac || return 1
    mkfifo "$work/behind" || return 1
    tail -c +1 -f -s 0.2 --pid="$child" "$partial/$file" >"$work/behind" 2>/dev/null &
    follower=$!
    "$@" <"$work/behind" 2>"$work/reading" &
    reader=$!
}

# Waits for both, which end when the writer has; whether the whole file was read, and well. A reader that knows where an
# archive ends is done before the writer has it on the disk, and tail then ends by SIGPIPE.
followed() {
    [ -n "$reader" ] || return 1
    wait "$follower"
    seen=$?
    wait "$reader" && case $seen in 0 | 141) ;; *) false ;; esac
    status=$?
    follower='' reader=''
    return $status
}

# What a reader of a mysqldump does: its digest, its length, and what tells its rows.
digest_and_count() {
    mkfifo "$work/to_measure" "$work/to_heads" "$work/to_marks" || return 1
    wc -c <"$work/to_measure" >"$work/seen" &
    measuring=$!
    if [ -n "${OMUPGRADE_COUNT_ROWS:-}" ] && can_count; then
        heads <"$work/to_heads" >"$work/heads" &
        heading=$!
        marks <"$work/to_marks" >"$work/marks" &
    else
        cat <"$work/to_heads" >/dev/null &
        heading=$!
        cat <"$work/to_marks" >/dev/null &
    fi
    marking=$!
    tee "$work/to_measure" "$work/to_heads" "$work/to_marks" | $hasher >"$work/sum_behind"
    wait "$measuring"
    # 1: there is none.
    wait "$heading" || [ $? = 1 ] || rm -f "$work/heads"
    wait "$marking"
}

# How many jobs dump: one, into one file, unless the database is large. The caller says from when on it is.
choose_jobs() {
    jobs=1
    [ $engine = postgresql ] || return 0
    for number in "${OMUPGRADE_JOBS:-1}" "${OMUPGRADE_PARALLEL_FROM:-0}"; do
        case $number in "" | *[!0-9]*) stop "OMUPGRADE_JOBS and OMUPGRADE_PARALLEL_FROM are numbers, not '$number'" ;; esac
    done
    [ "$database_bytes" -lt "${OMUPGRADE_PARALLEL_FROM:-0}" ] || jobs=${OMUPGRADE_JOBS:-1}
    [ "$jobs" -gt 0 ] || jobs=1
}

# The files of a directory dump are read each to its end, so many at a time; the list has to name as many tables with
# rows as there are files of rows. $work/sums <- their digests, as $hasher writes them.
read_directory() {
    set +f
    printf '%s\n' "$partial/$file"/* >"$work/parts"
    set -f
    tables=0 there=0
    while read -r entry; do case $entry in ";"*) ;; *" TABLE DATA "*) tables=$((tables + 1)) ;; esac done <"$work/list"
    while read -r part; do case ${part##*/} in blob* | toc.dat) ;; *.dat*) there=$((there + 1)) ;; esac done <"$work/parts"
    [ $there = $tables ] || stop "the dump's list names $tables tables with rows, and $there files of rows are there"
    if command -v xargs >/dev/null && command -v gzip >/dev/null; then
        stage sh -c 'exec xargs -n 1 -P "$2" sh -c "$3" sh <"$1/parts" >"$1/sums"' sh "$work" "$jobs" \
            "case \$1 in *.gz) gzip -t \"\$1\" & ;; *) : & ;; esac; $hasher \"\$1\" && wait \$! || exit 255" || return 1
    else
        stage pg_restore --file=/dev/null "$partial/$file" || return 1
        while read -r part; do stage $hasher "$part" || return 1; done <"$work/parts" >"$work/sums"
    fi
}
