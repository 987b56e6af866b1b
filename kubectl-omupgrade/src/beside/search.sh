# Asks the search engine of an OpenMetadata server what it is and how it is, from beside the server and with its own
# settings. Only reads. Prints `== STATUS PATH` for each question and below it the answer; a search engine that cannot be
# reached is said in one line, with exit 1. Runs in the server's own image, or in any with curl.
# OMUPGRADE_QUESTIONS: the paths, one a line. OMUPGRADE_ACTION=trust: only writes what the server's trust store holds to
# $TMPDIR/ca.pem, for an image that has no keytool.
set -u
umask 077
tmp=${TMPDIR:-/tmp}
stop() { printf '%s\n' "$*" && exit 1; }
# The chart writes many values inside literal double quotes.
bare() { case $1 in '"'*'"') bare=${1#?} && printf '%s' "${bare%?}" ;; *) printf '%s' "$1" ;; esac; }
hosts=$(bare "${ELASTICSEARCH_HOST:-}") port=$(bare "${ELASTICSEARCH_PORT:-}") scheme=$(bare "${ELASTICSEARCH_SCHEME:-}")
user=$(bare "${ELASTICSEARCH_USER:-}") password=$(bare "${ELASTICSEARCH_PASSWORD:-}")
store=$(bare "${ELASTICSEARCH_TRUST_STORE_PATH:-}") scheme=${scheme:-http}
STORE_PASSWORD=$(bare "${ELASTICSEARCH_TRUST_STORE_PASSWORD:-}") && export STORE_PASSWORD

# What the server trusts, as PEM: what it trusts is what is trusted here.
authority=$tmp/ca.pem
if [ "$scheme" = https ] && [ -n "$store" ] && [ ! -s "$authority" ]; then
    command -v keytool >/dev/null || stop "the trust store $store cannot be read: this image has no keytool"
    keytool -list -rfc -keystore "$store" -storepass:env STORE_PASSWORD >"$authority" 2>"$tmp/problem" ||
        stop "the trust store $store cannot be read: $(cat "$authority" "$tmp/problem" | head -n 1)"
    chmod 644 "$authority"
fi
[ "${OMUPGRADE_ACTION:-}" != trust ] || exit 0
[ -s "$authority" ] || authority=
[ -n "$hosts" ] || stop "ELASTICSEARCH_HOST is empty: is the Secret with the ELASTICSEARCH_* settings there, with this key?"

if command -v curl >/dev/null; then
    tool=curl
    quoted() { printf '%s' "$1" | sed 's/[\\"]/\\&/g'; }
    {
        printf '%s\n' silent show-error 'max-time = 20' 'globoff' 'header = "Accept: application/json"'
        [ -z "$user" ] || printf 'user = "%s:%s"\n' "$(quoted "$user")" "$(quoted "$password")"
        [ -z "$authority" ] || printf 'cacert = "%s"\n' "$authority"
    } >"$tmp/curl"
elif [ "$scheme" = http ] && command -v bash >/dev/null; then
    tool=bash
elif command -v wget >/dev/null; then
    tool=wget
    case $(wget --version 2>&1) in
    *GNU*) tool=gnu ;;
    *) [ -z "$authority" ] || stop "the server trusts an authority of its own ($store), and this image's wget can be told of none: name an image with curl (--search-image)" ;;
    esac
else
    stop "this image has neither curl nor wget: name one with curl (--search-image)"
fi
basic=
if [ $tool != curl ] && [ -n "$user" ]; then
    command -v base64 >/dev/null || stop "this image has no base64: name an image with curl (--search-image)"
    basic="Authorization: Basic $(printf '%s' "$user:$password" | base64 | tr -d '\n')"
fi
# Every program here is told of the password by a file but one: busybox's wget reads none, so that it stands on its
# command line, which nobody sees but this container and its node. It is taken only where there is nothing else.
[ $tool != gnu ] || {
    [ -z "$basic" ] || printf 'header = %s\n' "$basic"
    [ -z "$authority" ] || printf 'ca_certificate = %s\n' "$authority"
} >"$tmp/wgetrc"

# status and $tmp/body <- the answer to a path at $at; an empty status where nothing answers.
ask() {
    status=''
    case $tool in
    curl) status=$(curl -K "$tmp/curl" -o "$tmp/body" -w '%{http_code}' "$scheme://$at$1" 2>"$tmp/problem") || status='' ;;
    bash)
        # The words go through the file, so that none of them stands on a command line.
        {
            printf 'GET %s HTTP/1.0\r\nHost: %s\r\nAccept: application/json\r\n' "$1" "$at"
            [ -z "$basic" ] || printf '%s\r\n' "$basic"
            printf '\r\n'
        } >"$tmp/question"
        timeout 20 bash -c 'exec 3<>"/dev/tcp/$1/$2" && cat "$3" >&3 && cat <&3' ask "${at%:*}" "${at##*:}" "$tmp/question" \
            >"$tmp/answer" 2>"$tmp/problem" || [ -s "$tmp/answer" ] || return 0
        status=$(sed -n '1s/^HTTP\/[0-9.]* \([0-9]*\).*/\1/p' "$tmp/answer")
        sed '1,/^[[:space:]]*$/d' "$tmp/answer" >"$tmp/body"
        [ -n "$status" ] || printf '%s\n' "what answers there does not speak HTTP" >"$tmp/problem"
        ;;
    gnu | wget)
        set -- "$scheme://$at$1"
        if [ $tool = gnu ]; then set -- --config="$tmp/wgetrc" "$1"; elif [ -n "$basic" ]; then set -- --header "$basic" "$1"; fi
        : >"$tmp/body"
        if wget -T 20 -O "$tmp/body" "$@" 2>"$tmp/problem"; then status=200; else
            status=$(sed -n 's/.*HTTP\/[0-9.]* \([0-9][0-9][0-9]\).*/\1/p; s/.*awaiting response\.* \([0-9][0-9][0-9]\).*/\1/p' "$tmp/problem" | tail -n 1)
        fi
        ;;
    esac
}

# The words of the tool that asked, without its own name before them.
why() {
    case $tool in
    bash) head -n 1 "$tmp/problem" | sed 's/^ask: //; s/^line [0-9]*: //; s/^\/dev\/tcp[^ ]*: //' ;;
    curl) head -n 1 "$tmp/problem" | sed 's/^curl: ([0-9]*) //' ;;
    gnu | wget) tail -n 1 "$tmp/problem" | sed 's/^wget: //' ;;
    esac
}

# Several hosts stand there with commas between them: the first that answers is asked.
tried=
rest=$hosts,
while [ -n "$rest" ]; do
    at=${rest%%,*} rest=${rest#*,}
    at=$(printf '%s' "$at" | tr -d ' ')
    [ -n "$at" ] || continue
    case $at in *:*) ;; *) at=$at:${port:-9200} ;; esac
    ask /
    [ -z "$status" ] || break
    tried="$tried; $scheme://$at does not answer: $(why)"
done
[ -n "$status" ] || stop "${tried#; }"
printf '== %s %s\n' "$status" "at $scheme://$at"
printf '%s\n' "$OMUPGRADE_QUESTIONS" | while IFS= read -r path; do
    [ -n "$path" ] || continue
    ask "$path"
    printf '== %s %s\n' "${status:-000}" "$path"
    if [ -n "$status" ]; then cat "$tmp/body"; else why; fi
    printf '\n'
done
