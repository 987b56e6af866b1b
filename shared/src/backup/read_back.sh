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

# Readers take what the writer and its server leave of the processors, and catch up when it waits or has ended.
if command -v nice >/dev/null; then idly='nice -n 19'; else idly=''; fi

# What is in the file $partial/$file, and what the child adds to it, until the child has ended. cat takes large bites where
# tail and tee take 8 KiB, of a file that is as large as the database.
behind() {
    while kill -0 "$child" 2>/dev/null; do
        $idly cat || return
        sleep 0.2 2>/dev/null || sleep 1
    done
    $idly cat
}

# follow NAME COMMAND... : reads the file behind the child that writes it; what the command says goes to $work/NAME.
follow() {
    name_of_pipe=$work/to_$1 said=$work/$1
    shift
    mkfifo "$name_of_pipe" || return 1
    behind <"$partial/$file" >"$name_of_pipe" 2>/dev/null &
    followers="$followers $!"
    "$@" <"$name_of_pipe" >"$said" 2>/dev/null &
    readers="$readers $!"
}

# Waits for all of them, which end when the writer has; whether each read the whole file, and well. A reader that knows
# where an archive ends is done before the writer has it on the disk, and its cat then ends by SIGPIPE.
followed() {
    [ -n "$readers" ] && whole=0 || whole=1
    for follower in $followers; do
        wait "$follower"
        case $? in 0 | 141) ;; *) whole=1 ;; esac
    done
    for reader in $readers; do wait "$reader" || whole=1; done
    followers='' readers=''
    return $whole
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
