# The MySQL half of restore.sh. MySQL renames no database, but many tables in one statement: a table of ours goes with
# them, so what is there tells how far it is. Its comment in the database beside is the digest of what was proven.
if [ $engine = mysql ]; then
ask_version() {
    client_version=0
    command -v mysqldump >/dev/null || stop "this client image has no mysqldump; name a mysql client image in the policy"
    ask 'SELECT VERSION()' && server_version=$answer
}

# A name and its grants' patterns; what comes by a role is not seen, and reads as missing.
look_at_grants() {
    needed="'SELECT', 'INSERT', 'CREATE', 'DROP', 'ALTER', 'INDEX', 'REFERENCES'"
    ask "SELECT CONCAT_WS(' ', (SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables WHERE table_schema = DATABASE()),
        (SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()), (SELECT COUNT(*) FROM information_schema.views WHERE table_schema = DATABASE()),
        (SELECT COUNT(DISTINCT privilege_type) FROM (SELECT privilege_type FROM information_schema.user_privileges
            UNION SELECT privilege_type FROM information_schema.schema_privileges WHERE '$beside' LIKE table_schema) AS granted WHERE privilege_type IN ($needed)))" ||
        failed "cannot look at the grants of '$user'"
    set -- $answer
    database_bytes=$1 way=beside because="'$user' may create other databases, and there are neither triggers nor views"
    if [ "$4" -lt 7 ]; then way=in-place because="'$user' has no grants on '$beside' (roles are not looked at)"
    elif [ "$2" != 0 ] || [ "$3" != 0 ]; then way=in-place because="$2 triggers and $3 views do not go with a renamed table"
    fi
}

count_written() {
    tell "$database" "SET SESSION time_zone = '+00:00', group_concat_max_len = 16777216;
SET SESSION TRANSACTION READ ONLY;
SET @text = COALESCE((SELECT GROUP_CONCAT(CONCAT('SELECT CONCAT_WS(CHAR(9), ''written'', ', QUOTE(c.table_name), ', COUNT(*)) FROM ', CHAR(96), c.table_name, CHAR(96),
    ' WHERE ', CHAR(96), c.column_name, CHAR(96), ' > UNIX_TIMESTAMP(''$(printf %.19s "$started" | tr T ' ')'') * 1000 HAVING COUNT(*) > 0') ORDER BY c.table_name SEPARATOR ' UNION ALL ')
    FROM information_schema.columns c JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name AND t.table_type = 'BASE TABLE'
    WHERE c.table_schema = DATABASE() AND LOWER(c.column_name) = 'updatedat' AND c.data_type = 'bigint'), 'DO 0');
PREPARE counting FROM @text;
EXECUTE counting;" || failed "cannot count what was written since $started"
    cat "$work/answer"
}

# swapped, proven <- what is there of this restore.
look_around() {
    ask "SELECT CONCAT_WS(' ', (SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '$old' AND table_name = 'omupgrade_swapped'),
        (SELECT table_comment FROM information_schema.tables WHERE table_schema = '$beside' AND table_name = 'omupgrade_proven'))" || failed "cannot look at the databases"
    swapped=no proven=''
    case $answer in 1*) swapped=yes ;; '0 '*) proven=${answer#* } ;; esac
}

# A killed run's session may still hold what it read, and write it.
end_sessions() {
    tell "$database" "SELECT CONCAT('KILL ', id, ';') FROM information_schema.processlist WHERE db IN ($1) AND id <> CONNECTION_ID()" || failed "cannot look at the sessions"
    [ -z "$answer" ] || stage sh -c 'exec mysql --defaults-file="$1/client.cnf" --force <"$1/answer"' sh "$work" || :
}

drop() {
    case $1 in *_omupgrade_*) ;; *) stop "'$1' is none of ours" ;; esac
    ask "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '$1'" || failed "cannot look at the databases"
    [ "$answer" != 0 ] || return 0
    end_sessions "'$1'"
    tell "$database" "SET SESSION lock_wait_timeout = 60; DROP DATABASE IF EXISTS \`$1\`" || failed "cannot drop '$1'"
}

load() {
    case $(tail -c 200 "$dump") in *"-- Dump completed"*) ;; *) stop "the dump has no end ('-- Dump completed' is missing)" ;; esac
    stage sh -c 'exec mysql --defaults-file="$1/client.cnf" --binary-mode -- "$2" <"$3"' sh "$work" "$1" "$dump" || failed "loading the dump failed with $status; '$1' is not whole"
}

# Every table's rows, as a record counts them.
count_rows() {
    tell "$1" "SET SESSION group_concat_max_len = 16777216;
SET @text = COALESCE((SELECT GROUP_CONCAT(CONCAT('SELECT CONCAT_WS(CHAR(9), ', QUOTE(table_name), ', COUNT(*)) FROM ', CHAR(96), table_name, CHAR(96)) SEPARATOR ' UNION ALL ')
    FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'), 'DO 0');
PREPARE counting FROM @text;
EXECUTE counting;"
}

# SQL text that makes a database as the one of the release is made.
create() {
    printf "SET @text = (SELECT CONCAT('CREATE DATABASE IF NOT EXISTS ', CHAR(96), '%s', CHAR(96), ' CHARACTER SET ', default_character_set_name, ' COLLATE ', default_collation_name)
    FROM information_schema.schemata WHERE schema_name = '%s');
PREPARE creating FROM @text;
EXECUTE creating;" "$1" "$database"
}

load_beside() {
    drop "$beside"
    tell "$database" "$(create "$beside")" || failed "cannot create '$beside'"
    load "$beside"
    [ -z "$trial" ] || return 0
    tell "$beside" "SELECT (SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()) + (SELECT COUNT(*) FROM information_schema.views WHERE table_schema = DATABASE())" ||
        failed "cannot look at '$beside'"
    [ "$answer" = 0 ] || { drop "$beside" && stop "the backup holds triggers or views ($answer), which do not go with a renamed table: only in-place is left"; }
}

mark_proven() { tell "$beside" "CREATE TABLE omupgrade_proven (nothing INT) COMMENT = '$sum'" || failed "cannot mark '$beside' as proven"; }

# All tables of both in one statement, and ours with them.
swap() {
    end_sessions "'$database', '$beside'"
    tell "$database" "SELECT GET_LOCK(CONCAT('omupgrade ', LEFT(SHA2('$database', 256), 40)), 0) INTO @free;
SET @text = IF(@free = 1, 'DO 0', 'another swap is at work');
PREPARE checking FROM @text;
SET SESSION lock_wait_timeout = 30, group_concat_max_len = 16777216, information_schema_stats_expiry = 0;
$(create "$old")
SET @text = (SELECT CONCAT('RENAME TABLE ', GROUP_CONCAT(CHAR(96), table_schema, CHAR(96, 46, 96), table_name, CHAR(96), ' TO ', CHAR(96), CASE
        WHEN table_schema = '$database' THEN '$old' WHEN table_name = 'omupgrade_proven' THEN '$old' ELSE '$database' END, CHAR(96, 46, 96),
        IF(table_schema = '$beside' AND table_name = 'omupgrade_proven', 'omupgrade_swapped', table_name), CHAR(96)
        ORDER BY table_schema <> '$database', table_name SEPARATOR ', '))
    FROM information_schema.tables WHERE table_schema IN ('$database', '$beside') AND table_type = 'BASE TABLE');
PREPARE swapping FROM @text;
EXECUTE swapping;"
}

# Routines and events of the database are not tables: those of the backup replace those of now.
finish_swap() {
    drop_programs "$database"
    stage mysqldump --defaults-file="$work/client.cnf" --no-data --no-create-info --skip-triggers --routines --events --no-tablespaces --set-gtid-purged=OFF \
        --loose-column-statistics=0 --loose-masking-policies=0 --result-file="$work/programs.sql" -- "$beside" || failed "cannot read the routines and events of '$beside'"
    stage sh -c 'exec mysql --defaults-file="$1/client.cnf" --binary-mode -- "$2" <"$1/programs.sql"' sh "$work" "$database" || failed "cannot bring routines and events into '$database'"
}

# Every text that $2 makes from the catalogue is done in the database $1.
each() {
    tell "$1" "SET SESSION group_concat_max_len = 16777216; $2" || failed "cannot look at '$1'"
    { printf 'SET foreign_key_checks = 0;\n' && cat "$work/answer"; } >"$work/each.sql" || stop "cannot write to $work"
    stage sh -c 'exec mysql --defaults-file="$1/client.cnf" -- "$2" <"$1/each.sql"' sh "$work" "$1" || failed "cannot empty '$1'"
}

drop_programs() {
    each "$1" "SELECT CONCAT('DROP ', routine_type, ' IF EXISTS ', CHAR(96), routine_name, CHAR(96), ';') FROM information_schema.routines WHERE routine_schema = DATABASE()
        UNION ALL SELECT CONCAT('DROP EVENT IF EXISTS ', CHAR(96), event_name, CHAR(96), ';') FROM information_schema.events WHERE event_schema = DATABASE();"
}

empty() {
    end_sessions "'$database'"
    drop_programs "$database"
    each "$database" "SELECT CONCAT('DROP ', IF(table_type = 'VIEW', 'VIEW', 'TABLE'), ' IF EXISTS ', CHAR(96), table_name, CHAR(96), ';') FROM information_schema.tables WHERE table_schema = DATABASE();"
}

clean_up() {
    drop "$beside"
    [ $swapped = no ] || drop "$old"
}
fi
