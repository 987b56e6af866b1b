#!/bin/sh
# Starts MySQL on a volume, with the variables that users know from the public image
# (MYSQL_ROOT_PASSWORD, MYSQL_DATABASE, MYSQL_USER, MYSQL_PASSWORD, /docker-entrypoint-initdb.d/*.sql).
# Anything but `mysqld` as the first word is run as it is, so that the image serves as a client too.
set -eu

[ $# -gt 0 ] || set -- mysqld
[ "$1" = mysqld ] || exec "$@"
shift
data=/var/lib/mysql
mkdir -p "$data" /run/mysqld
# Without the empty secure-file-priv the server stops: its default folder is missing in a minimal system.
set -- --user=root --datadir="$data" --secure-file-priv= --mysqlx=OFF --socket=/run/mysqld/mysqld.sock "$@"

# The mark is written last: a pod killed in the middle of its first start begins again.
if [ ! -e "$data/.initialised" ]; then
    find "$data" -mindepth 1 -delete
    mysqld --initialize-insecure "$@"
    mysqld --skip-networking "$@" &
    server=$!
    until mysqladmin --no-defaults -S /run/mysqld/mysqld.sock -u root ping >/dev/null 2>&1; do
        kill -0 "$server"
        sleep 0.2
    done
    run() { mysql --no-defaults -S /run/mysqld/mysqld.sock -u root "$@"; }
    for file in /docker-entrypoint-initdb.d/*.sql; do
        [ -e "$file" ] || continue
        run <"$file"
    done
    if [ -n "${MYSQL_DATABASE:-}" ]; then
        run -e "CREATE DATABASE IF NOT EXISTS \`$MYSQL_DATABASE\` CHARACTER SET utf8mb4"
    fi
    if [ -n "${MYSQL_USER:-}" ]; then
        run -e "CREATE USER IF NOT EXISTS '$MYSQL_USER'@'%' IDENTIFIED BY '${MYSQL_PASSWORD:?set MYSQL_PASSWORD}'"
        [ -z "${MYSQL_DATABASE:-}" ] || run -e "GRANT ALL PRIVILEGES ON \`$MYSQL_DATABASE\`.* TO '$MYSQL_USER'@'%'"
    fi
    run -e "CREATE USER 'root'@'%' IDENTIFIED BY '${MYSQL_ROOT_PASSWORD:?set MYSQL_ROOT_PASSWORD}';
        GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;
        ALTER USER 'root'@'localhost' IDENTIFIED BY '$MYSQL_ROOT_PASSWORD'"
    kill "$server"
    wait "$server" || true
    touch "$data/.initialised"
fi
exec mysqld "$@"
