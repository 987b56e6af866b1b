# For how many seconds nobody has written to a half-written backup. Put into a script where it names this file, and called
# where names have their patterns (set +f). A long dump grows one file and leaves the directory as it is; one that is read
# back writes nothing, and touches its directory. What tells no time was written to just now.
seconds_since_written() {
    newest=$(date -r "$1" +%s) || newest=$(date +%s)
    for file in "$1"/* "$1"/*/*; do
        [ -f "$file" ] && at=$(date -r "$file" +%s) && [ "$at" -gt "$newest" ] && newest=$at
    done
    printf '%s' $(($(date +%s) - newest))
}
