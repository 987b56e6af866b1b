#!/bin/sh
# Looks after what lies on the claim, one OMUPGRADE_ACTION a run, or fails with words. It needs no database.
#   list     every backup's record, and what was proven of it since
#   verify   is each file of OMUPGRADE_BACKUP the one of the record, and can the dump be read to its end
#   remove   takes the backups in OMUPGRADE_BACKUPS away, each by a rename first: killed in between, none is half there;
#            with OMUPGRADE_HALF_OLDER_THAN (seconds) also what a killed dump or import left half-written
#   hold     waits, so that files can be copied in and out
#   take-in  verifies OMUPGRADE_BACKUP among what was copied in, and gives it its place; what is not whole goes
#   mark     writes OMUPGRADE_MARK_TEXT into OMUPGRADE_BACKUP as OMUPGRADE_MARK.json
# POSIX sh and coreutils; never two dollar signs in a row, Kubernetes would make them one.
set -uf
umask 077
export LC_ALL=C

say() { printf 'omupgrade backups: %s\n' "$1"; }
stop() {
    say "$1" >&2
    { say "$1" >"${OMUPGRADE_TERMINATION_LOG:-/dev/termination-log}"; } 2>/dev/null
    exit 1
}

# omupgrade: digest.sh
# omupgrade: written.sh

directory=${OMUPGRADE_BACKUP_DIR:-/backup}
[ -d "$directory" ] || stop "there is no directory $directory: is the claim mounted?"
[ -r "$directory" ] && [ -x "$directory" ] || stop "user $(id -u) may not read the claim: the backups were made by another user"

# A name from outside is never a path.
named() {
    case $1 in "" | [!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) stop "'$1' names no backup" ;; esac
    [ -d "$directory/$1" ] || stop "there is no backup $1 on the claim"
    [ -f "$directory/$1/catalog.json" ] || stop "$1 has no record (catalog.json), or user $(id -u) may not read it: it is no backup"
}

list() {
    set +f
    for record in "$directory"/[A-Za-z0-9]*/catalog.json; do
        [ -f "$record" ] || continue
        name=${record%/catalog.json}
        name=${name##*/}
        case $name in *[!A-Za-z0-9._-]*) continue ;; esac
        if [ ! -r "$record" ]; then
            printf 'unreadable\t%s\tuser %s may not read its record\n' "$name" "$(id -u)"
            continue
        fi
        printf 'backup\t%s\t%s\n' "$name" "$(tr '\n' ' ' <"$record")"
        for mark in verified drilled; do
            [ ! -r "$directory/$name/$mark.json" ] || printf '%s\t%s\t%s\n' $mark "$name" "$(tr '\n' ' ' <"$directory/$name/$mark.json")"
        done
    done
    for half in "$directory"/.partial-* "$directory"/.import/*; do
        [ ! -d "$half" ] || printf 'half\t%s\t%s\n' "${half#"$directory/"}" "$(seconds_since_written "$half")"
    done
    set -f
    if { df -Pk "$directory" | { read -r _ && read -r _ size _ free _ && printf 'room\t%s\t%s\n' $((size * 1024)) $((free * 1024)); }; } 2>/dev/null; then :; fi
    printf 'end\n'
}

# digest <- of a file.
digest_of() {
    digest=$($hasher "$1") || stop "its digest cannot be read: $1"
    digest=${digest#\\}
    digest=${digest%% *}
}

# What is found broken is not what was proven before: the marks of that go, so that `list` and `prune` know it.
unmark() { rm -f "$directory/$1/verified.json" "$directory/$1/drilled.json"; }

broken() {
    unmark "$1"
    stop "$1: $2"
}

# The record's list of files: `{"name":"…","bytes":…,"sha256":"…"}`, one after the other, as backup.sh writes it.
verify() {
    at=$directory/$1
    if [ -f "$at/catalog.sha256" ]; then
        digest_of "$at/catalog.json"
        was=$(cat "$at/catalog.sha256") || stop "$1: user $(id -u) may not read catalog.sha256"
        [ "$digest" = "$was" ] || broken "$1" "its record (catalog.json) is not the one that was written: something changed it"
    fi
    rest=$(cat "$at/catalog.json") || stop "$1: its record cannot be read"
    case $rest in '{"v":1,'*'"files":['*) ;; *) broken "$1" "its record is not of version 1, or damaged" ;; esac
    rest=${rest#*'"files":['}
    rest=${rest%%']'*} dump=''
    while case $rest in *'"name":"'*) ;; *) false ;; esac do
        rest=${rest#*'"name":"'}
        file=${rest%%\"*} rest=${rest#*'"bytes":'}
        bytes=${rest%%[!0-9]*} rest=${rest#*'"sha256":"'}
        sum=${rest%%\"*}
        # A parallel dump is a directory of its own; nothing else lies deeper.
        case ${file#database/} in "" | .* | */*) broken "$1" "its record names the file '$file'" ;; esac
        [ -f "$at/$file" ] || broken "$1" "its file $file is missing"
        there=$(wc -c <"$at/$file") || stop "$1: user $(id -u) may not read $file"
        [ $((there)) = "$bytes" ] || broken "$1" "$file has $((there)) bytes, its record says $bytes: it was cut off or changed"
        digest_of "$at/$file"
        [ "$digest" = "$sum" ] || broken "$1" "$file is not the one that was proven: its sha256 differs from the record's"
        say "$file: $bytes bytes, sha256 as recorded"
        case $file in database.*) dump=$at/$file ;; database/toc.dat) dump=$at/database ;; esac
    done
    # Its bytes are those that were proven: a reader that fails tells of the reader, which another image brings.
    case $dump in
    *.dump | */database) command -v pg_restore >/dev/null || stop "this image has no pg_restore to read the dump with; name a postgresql client image"
        said=$(pg_restore --file=/dev/null "$dump" 2>&1) || {
            status=$?
            stop "$1: its files are as recorded, and this image's $(pg_restore --version) cannot read the dump to its end (exit $status): $said"
        } ;;
    *.sql) end=$(tail -c 200 "$dump") || stop "$1: the end of its dump cannot be read"
        case $end in *"-- Dump completed"*) ;; *) broken "$1" "the dump has no end ('-- Dump completed' is missing)" ;; esac ;;
    *) broken "$1" "its record names no dump" ;;
    esac
}

mark() {
    printf '%s\n' "$3" >"$directory/$1/.$2.json" && mv "$directory/$1/.$2.json" "$directory/$1/$2.json" || {
        rm -f "$directory/$1/.$2.json"
        stop "cannot write to $directory/$1: is the claim full or read-only?"
    }
    sync
}

backup=${OMUPGRADE_BACKUP:-}
case ${OMUPGRADE_ACTION:-} in
list) list ;;
verify)
    named "$backup"
    verify "$backup"
    mark "$backup" verified "{\"at\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"}"
    printf 'omupgrade-backup: verified %s\n' "$backup" ;;
mark)
    named "$backup"
    case ${OMUPGRADE_MARK:-} in verified | drilled) ;; *) stop "'${OMUPGRADE_MARK:-}' is no mark" ;; esac
    mark "$backup" "$OMUPGRADE_MARK" "${OMUPGRADE_MARK_TEXT:-}" ;;
unmark)
    named "$backup"
    unmark "$backup"
    sync ;;
remove)
    for backup in ${OMUPGRADE_BACKUPS:-}; do
        named "$backup"
        mv "$directory/$backup" "$directory/.removed-$backup" && rm -rf "$directory/.removed-$backup" || stop "cannot remove $backup"
        printf 'removed\t%s\n' "$backup"
    done
    set +f
    rm -rf "$directory"/.removed-*
    if [ -n "${OMUPGRADE_HALF_OLDER_THAN:-}" ]; then
        for half in "$directory"/.partial-* "$directory"/.import/*; do
            [ -d "$half" ] && [ "$(seconds_since_written "$half")" -gt "$OMUPGRADE_HALF_OLDER_THAN" ] || continue
            rm -rf "$half" && printf 'removed\t%s\n' "${half#"$directory/"}"
        done
    fi
    sync ;;
hold)
    trap 'exit 0' INT TERM
    while :; do sleep 1; done ;;
take-in)
    home=$directory directory=$directory/.import
    named "$backup"
    # What is not whole has no use here, and takes the room of what is.
    (verify "$backup") || { rm -rf "$directory/$backup"; exit 1; }
    [ ! -e "$home/$backup" ] || stop "$backup is on the claim already and is never overwritten"
    rm -f "$directory/$backup/verified.json" "$directory/$backup/drilled.json"
    rmdir "$directory/$backup/database" 2>/dev/null
    sync
    mv "$directory/$backup" "$home/$backup" || stop "cannot give $backup its place"
    directory=$home
    mark "$backup" verified "{\"at\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"}"
    printf 'omupgrade-backup: imported %s\n' "$backup" ;;
*) stop "'${OMUPGRADE_ACTION:-}' is no action: list, verify, remove, hold, take-in, mark, unmark" ;;
esac
