#!/bin/sh
# Lets the published Python client read a server: login, versions, lists, search, lineage, and every recorded shape.
#   client-check.sh URL [VERSION]
# URL ends in /api. VERSION is the client's (default 1.13.1.1): its minor must be the server's. Needs Python 3.10 or 3.11
# and a package index; the client (Collate Community License) is installed into a cache, never copied from.
set -eu
url=${1:?usage: client-check.sh http://localhost:8585/api [VERSION]}
version=${2:-1.13.1.1}
here=$(cd "$(dirname "$0")" && pwd)
home=${OMUPGRADE_TEST_CACHE:-${HOME:-/root}/.cache/omupgrade}/openmetadata-client-$version
if [ ! -e "$home/.complete" ]; then
    python=$(command -v python3.11 || command -v python3.10 || command -v python3)
    rm -rf "$home"
    "$python" -m venv "$home"
    # Newer dbt-core releases bring a package that is fetched from elsewhere while it is built; the client needs neither.
    echo 'dbt-core<1.11' >"$home/constraints.txt"
    # 1.12 imports cachetools and does not ask for it.
    "$home/bin/pip" install --quiet --prefer-binary --constraint "$home/constraints.txt" "openmetadata-ingestion==$version" cachetools >&2
    : >"$home/.complete"
fi
exec "$home/bin/python" -W ignore "$here/client-check.py" "$url"
