# The MySQL half of restore.sh. MySQL renames no database, but many tables in one statement: a table of ours goes with
# them, so what is there tells how far it is. Its comment in the database beside is the digest of what was proven.
if [ $engine = mysql ]; then
ask_version() {
    client_version=0
    command -v mysqldump >/dev/null || stop "this client image has no mysqldump; name a mysql client image in the policy"
    ask 'SELECT VERSION()' && server_version=$answer
}

# lacking <- which of the privileges $2… the user does not have on the database $1; what comes by a role is not seen.
lacks() {
    ask "SET SESSION group_concat_max_len = 65536; SET @at = SUBSTRING_INDEX(CURRENT_USER(), '@', -1);
        SELECT GROUP_CONCAT(DISTINCT privilege_type) FROM (SELECT grantee, privilege_type FROM information_schema.user_privileges
        UNION SELECT grantee, privilege_type FROM information_schema.schema_privileges WHERE '$1' LIKE table_schema) AS granted
        WHERE grantee = CONCAT(QUOTE(LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER()) - CHAR_LENGTH(@at) - 1)), '@', QUOTE(@at))" ||
        failed "cannot look at the grants of '$user'"
    granted=,$answer, lacking=''
    shift
    for privilege in "$@"; do
        case $granted in *",$privilege,"*) ;; *) lacking="$lacking${lacking:+, }$privilege" ;; esac
    done
}

# The same, where nothing else can give it: then there is no way.
needs() {
    on=$1
    lacks "$@"
    [ -z "$lacking" ] || [ "$role" != NONE ] || stop "there is no way to restore: '$user' lacks on '$on': $lacking; name an administrator"
}

# $work/statements <- the dump without its rows, in one quick pass: a line with rows begins with INSERT, names no database,
# and a line break in a text is none in it. What ends a statement of a body (;;) stays.
read_statements() {
    [ ! -f "$work/statements" ] || return 0
    stage sh -c 'exec sed -e "$1" "$2" >"$3"' sh '/^INSERT INTO `[^`]*` /{/;;$/!d
}' "$dump" "$work/statements" || failed "the dump cannot be read"
}

# A dump of ours names no database, but for routines that were made under another collation: altered <- a line that would
# then change the database itself, also from beside. One that goes elsewhere is refused. What a body says (index hints, a
# table of another database) is done when it is called, not when it is loaded: between DELIMITER ;; and DELIMITER ; the
# client takes a line that begins with USE for one of its own only where a statement begins. (Whoever writes his own dump
# can hide that from this look: a drill in a server of its own is for archives of others.)
look_at_targets() {
    read_statements
    name='`([^`]|``)*`' to="w $work/elsewhere"
    use="/^ *(\\/\\*![0-9]+ +)?USE( *$name| +[A-Z0-9_\$]+) *(;|\\*\\/|\$)/I"
    stage sed -n -E -e '/^ *USE +(INDEX|KEY) *(\(|FOR |$)/Id' -e "/^DELIMITER ;;\$/,/^DELIMITER ;\$/{
$use{x
/;; *\$/{x
$to
q}
x}
/^ *(-- |--\$|#|\$)/!h
d}" -e "$use{$to
q}" -e "/^ *(\\/\\*![0-9]+ +)?((CREATE|DROP) +(DATABASE|SCHEMA) |(DROP|CREATE|ALTER|LOCK|TRUNCATE|RENAME) +(TABLES?|VIEW) +(IF +(NOT +)?EXISTS +)?$name\.|(INSERT|REPLACE) +INTO +$name\.)/I{$to
q}" "$work/statements" || failed "the dump cannot be read"
    stage sed -n -e '/^ALTER DATABASE /{w '"$work/altered"'
q}' "$work/statements" || failed "the dump cannot be read"
    other=$(head -c 100 "$work/elsewhere") altered=$(head -c 100 "$work/altered")
    [ -z "$other" ] || stop "the dump of $backup names a database of its own ($other): nothing of it was loaded"
}

# What the dump makes beside tables.
look_at_programs() {
    read_statements
    stage sed -n -e '/^INSERT /d' -e "/DEFINER=/w $work/programs" "$work/statements" || failed "the dump cannot be read"
    programs=$(cat "$work/programs")
    case $programs in *'/*!50013 DEFINER='*) views=1 ;; *) views='' ;; esac
    case $programs in *'/*!50017 DEFINER='*) triggers=1 ;; *) triggers='' ;; esac
    case $programs in *'/*!50117 DEFINER='*) events=1 ;; *) events='' ;; esac
    case $programs in *'CREATE DEFINER='*) routines=1 ;; *) routines='' ;; esac
    case $programs in *'` FUNCTION `'*) functions=1 ;; *) functions='' ;; esac
    definers=$(sed -e 's/.*DEFINER=\(`[^`]*`@`[^`]*`\).*/\1/' "$work/programs" | sort -u | tr '\n' ' ')
}

# A statement that the server does not take would be met in the middle of the load. A dump fills its tables by statements
# of a line each, up to the next one or to the border after the last.
look_at_packets() {
    ask 'SELECT @@max_allowed_packet' || failed "cannot look at the server's max_allowed_packet"
    [ "$bytes" -gt "$answer" ] && command -v grep >/dev/null || return 0
    stage sh -c 'exec grep -aobE "^(INSERT INTO|/\*!40000 ALTER TABLE) " "$1" >"$2"' sh "$dump" "$work/lines" || [ "$status" = 1 ] || failed "the dump cannot be read"
    from=''
    while IFS=: read -r at line; do
        [ -z "$from" ] || [ $((at - from)) -le "$answer" ] ||
            stop "there is no way to restore: the backup holds a statement of $((at - from)) bytes, and the server takes $answer: set its max_allowed_packet to 1073741824, the most that it takes"
        case $line in INSERT*) from=$at ;; *) from='' ;; esac
    done <"$work/lines"
}

look_at_grants() {
    look_at_packets
    look_at_programs
    ask "SELECT CONCAT_WS(' ', (SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables WHERE table_schema = DATABASE()),
        (SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()), (SELECT COUNT(*) FROM information_schema.views WHERE table_schema = DATABASE()),
        (SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = DATABASE()), (SELECT COUNT(*) FROM information_schema.events WHERE event_schema = DATABASE()),
        @@log_bin > @@log_bin_trust_function_creators, REPLACE(COALESCE(/*!80000 CURRENT_ROLE(), */ 'NONE'), ' ', ''), CONCAT(CHAR(96), REPLACE(CURRENT_USER(), '@', CONCAT(CHAR(96), '@', CHAR(96))), CHAR(96)))" ||
        failed "cannot look at the grants of '$user'"
    set -- $answer
    database_bytes=$1 role=$7 own=$8 foreign=''
    [ "$4" = 0 ] || routines=1
    [ "$5" = 0 ] || events=1
    # Both roads make routines and events anew.
    [ -z "$routines" ] || needs "$database" 'CREATE ROUTINE' 'ALTER ROUTINE'
    [ -z "$events" ] || needs "$database" EVENT
    for definer in $definers; do
        [ "$definer" = "$own" ] || foreign=${foreign:-$definer}
    done
    lacks "$database" SUPER
    if [ -n "$lacking" ] && [ "$role" = NONE ]; then
        [ -z "$functions$triggers" ] || [ "$6" = 0 ] ||
            stop "there is no way to restore: the backup holds functions or triggers, and the server writes a binary log: set log_bin_trust_function_creators, or name an administrator"
        case $granted in
        *,SET_ANY_DEFINER,* | *,SET_USER_ID,*) ;;
        *) [ -z "$foreign" ] || stop "there is no way to restore: the backup holds what $foreign defines, and '$user' may not make it (SET_ANY_DEFINER, before 8.2 SET_USER_ID); name an administrator" ;;
        esac
    fi
    way=beside because="'$user' may create other databases, and there are neither triggers nor views"
    lacks "$beside" SELECT INSERT CREATE DROP ALTER INDEX REFERENCES 'LOCK TABLES' ${routines:+'CREATE ROUTINE'} ${events:+EVENT}
    if [ -n "$lacking" ]; then way=in-place because="'$user' has no grants on '$beside' ($lacking; roles are not looked at)"
    elif lacks "$old" CREATE INSERT DROP && [ -n "$lacking" ]; then way=in-place because="'$user' has no grants on '$old' ($lacking; roles are not looked at)"
    elif [ "$2" != 0 ] || [ "$3" != 0 ]; then way=in-place because="$2 triggers and $3 views do not go with a renamed table"
    elif [ -n "$triggers$views" ]; then way=in-place because="the backup holds triggers or views, which do not go with a renamed table"
    elif [ -n "$altered" ]; then way=in-place because="the backup holds routines of another collation, for which the dump changes the database itself"
    elif [ -n "${OMUPGRADE_IN_PLACE:-}" ]; then way=in-place because="it was asked for"
    fi
    needs "$database" SELECT INSERT CREATE DROP ALTER
    [ $way = beside ] || needs "$database" INDEX REFERENCES 'LOCK TABLES' ${triggers:+TRIGGER} ${views:+'CREATE VIEW'}
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

# answer <- how many sessions the server's user has in the database, as far as they are seen. One that was ended and still
# takes back what it did is no server that comes back.
come_back() {
    tell "$database" "SELECT COUNT(*) FROM information_schema.processlist WHERE db = '$database' AND id <> CONNECTION_ID() AND command <> 'Killed' AND user = '$(printf '%s' "$server_user" | sed "s/'/''/g")'" ||
        failed "cannot look at the sessions"
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
    stage sh -c 'exec mysql --defaults-file="$1/client.cnf" --binary-mode --max-allowed-packet=1G -- "$2" <"$3"' sh "$work" "$1" "$dump" || failed "loading the dump failed with $status; '$1' is not whole"
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

# A trial asks before the dump is read, which may take an hour. No table tells it of who has it by a role.
may_make_one() {
    drop "$beside"
    tell "$database" "$(create "$beside")" || case $(cat "$work/problem") in
    *1044* | *1227*) stop "'$user' cannot create '$beside': it has no CREATE there. Nothing was read" ;;
    *) failed "cannot create '$beside'" ;;
    esac
    drop "$beside"
}

load_beside() {
    [ -z "$altered" ] || stop "the dump of $backup changes '$database' itself, for routines of another collation: only in-place is left, and a drill in a server of its own"
    drop "$beside"
    tell "$database" "$(create "$beside")" || failed "cannot create '$beside'"
    load "$beside"
    [ -z "$trial" ] || return 0
    tell "$beside" "SELECT (SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()) + (SELECT COUNT(*) FROM information_schema.views WHERE table_schema = DATABASE())" ||
        failed "cannot look at '$beside'"
    [ "$answer" = 0 ] || { drop "$beside" && stop "the backup holds triggers or views ($answer), which do not go with a renamed table: only in-place is left"; }
}

mark_proven() { tell "$beside" "CREATE TABLE omupgrade_proven (nothing INT) COMMENT = '$sum'" || failed "cannot mark '$beside' as proven"; }

# Swaps of one database take turns, with all that follows the renaming: its statements are no transaction. A session
# without a database, which no other run ends, holds a lock as long as this shell lives; should its end not be heard of, the
# server ends it when it has been silent for longer than a swap may last.
turn_name="CONCAT('omupgrade ', LEFT(SHA2('$database', 256), 40))"
take_turn() {
    mkfifo "$work/turn" || stop "cannot write to $work"
    { printf '%s\n' "SET SESSION wait_timeout = 300; SELECT IF(GET_LOCK($turn_name, 330), CONNECTION_ID(), 0);" && exec cat "$work/turn"; } |
        mysql --defaults-file="$work/client.cnf" --batch --skip-column-names --unbuffered >"$work/turn_taken" 2>"$work/problem" &
    turn=$!
    exec 3<>"$work/turn"
    while [ ! -s "$work/turn_taken" ]; do
        kill -0 "$turn" 2>/dev/null || failed "cannot wait for other swaps"
        sleep 0.2 2>/dev/null || sleep 1
    done
    turn_of=$(cat "$work/turn_taken")
    [ "$turn_of" != 0 ] || stop "another swap of '$database' does not end; nothing was changed"
}

end_turn() {
    exec 3>&-
    wait "$turn"
}

# All tables of both in one statement, and ours with them.
swap() {
    end_sessions "'$database', '$beside'"
    tell "$database" "SET @text = IF(IS_USED_LOCK($turn_name) = $turn_of, 'DO 0', 'another swap is at work');
PREPARE checking FROM @text;
SET SESSION lock_wait_timeout = 30, group_concat_max_len = 16777216 /*!80000 , information_schema_stats_expiry = 0 */;
$(create "$old")
SET @text = (SELECT CONCAT('RENAME TABLE ', GROUP_CONCAT(CHAR(96), table_schema, CHAR(96, 46, 96), table_name, CHAR(96), ' TO ', CHAR(96), CASE
        WHEN table_schema = '$database' THEN '$old' WHEN table_name = 'omupgrade_proven' THEN '$old' ELSE '$database' END, CHAR(96, 46, 96),
        IF(table_schema = '$beside' AND table_name = 'omupgrade_proven', 'omupgrade_swapped', table_name), CHAR(96)
        ORDER BY table_schema <> '$database', table_name SEPARATOR ', '))
    FROM information_schema.tables WHERE table_schema IN ('$database', '$beside') AND table_type = 'BASE TABLE');
PREPARE swapping FROM @text;
EXECUTE swapping;"
}

# The text of routines and events of now, for the database from before: there they would run.
keep_programs() {
    tell "$database" "SELECT (SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = DATABASE()) + (SELECT COUNT(*) FROM information_schema.events WHERE event_schema = DATABASE())" ||
        failed "cannot look at '$database'"
    [ "$answer" != 0 ] || return 0
    read_programs "$database" || failed "cannot read the routines and events of '$database'"
    text=$(od -An -v -tx1 "$work/programs.sql" | tr -d ' \n')
    # Killed and run again, it finds those of the backup: the first ones stay.
    tell "$old" "CREATE TABLE IF NOT EXISTS omupgrade_programs (text LONGTEXT CHARACTER SET utf8mb4);
INSERT INTO omupgrade_programs SELECT CONVERT(0x$text USING utf8mb4) FROM DUAL WHERE NOT EXISTS (SELECT * FROM omupgrade_programs);" || failed "cannot keep the routines and events of '$database'"
}

read_programs() {
    stage mysqldump --defaults-file="$work/client.cnf" --no-data --no-create-info --skip-triggers --routines --events --no-tablespaces --set-gtid-purged=OFF \
        --loose-column-statistics=0 --loose-masking-policies=0 --result-file="$work/programs.sql" -- "$1"
}

# Routines and events of the database are not tables: those of the backup replace those of now.
finish_swap() {
    keep_programs
    drop_programs "$database"
    read_programs "$beside" || failed "cannot read the routines and events of '$beside'"
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
