# The PostgreSQL half of restore.sh. Databases are made, renamed and dropped from a third one: nobody renames the one
# that he is connected to. The comment of the database beside says how far it is.
if [ $engine = postgresql ]; then
ask_version() {
    command -v pg_restore >/dev/null || stop "this client image has no pg_restore; name a postgresql client image in the policy"
    client_version=$(pg_restore --version) || stop "pg_restore --version failed"
    client_version=${client_version#*"(PostgreSQL) "}
    client_version=${client_version%%[ ,]*}
    ask "SELECT current_setting('server_version')" && server_version=${answer%%[ ,]*}
}

# elsewhere <- a database to stand in while others are renamed.
stand_elsewhere() {
    [ -z "${elsewhere:-}" ] || return 0
    for elsewhere in ${OMUPGRADE_MAINTENANCE_DB:-postgres template1}; do
        ! tell "$elsewhere" 'SELECT 1' || return 0
    done
    elsewhere=''
    return 1
}

# lasting <- how many sessions of users whose sessions may not be ended stay for ten seconds: those of a monitor come and go,
# and the swap meets them again and again. When they began is hidden from who lacks their rights; their numbers are not.
lasting_sessions() {
    sessions="SELECT coalesce(string_agg(pid::text, ' '), '') FROM pg_stat_activity a, pg_roles r WHERE a.datname = current_database()
        AND a.usesysid IS NOT NULL AND r.rolname = current_user AND NOT (r.rolsuper OR pg_has_role(a.usesysid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE'))"
    ask "$sessions" || failed "cannot look at the sessions"
    first=" $answer " lasting=0
    sleep 10
    ask "$sessions" || failed "cannot look at the sessions"
    for pid in $answer; do
        case $first in *" $pid "*) lasting=$((lasting + 1)) ;; esac
    done
    [ "$lasting" != 0 ]
}

# What stands against both roads, and against one beside.
look_at_grants() {
    ask "SELECT concat_ws(' ', pg_database_size(d.oid), pg_has_role(d.datdba, 'USAGE')::int, (r.rolsuper OR r.rolcreatedb)::int,
        (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
            AND NOT pg_has_role(c.relowner, 'USAGE')),
        (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = d.datname AND a.usesysid IS NOT NULL
            AND NOT (r.rolsuper OR pg_has_role(a.usesysid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE'))),
        (SELECT count(*) FROM pg_db_role_setting s WHERE s.setdatabase = d.oid AND s.setrole NOT IN (0, r.oid) AND NOT (r.rolsuper OR r.rolcreaterole)),
        (SELECT count(*) FROM pg_replication_slots s WHERE s.database = d.datname), (SELECT count(*) FROM pg_prepared_xacts p WHERE p.database = d.datname),
        has_database_privilege(d.oid, 'CREATE')::int, coalesce((SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = 'public'), true)::int,
        (SELECT count(*) FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'public') AND NOT pg_has_role(n.nspowner, 'USAGE')
            AND NOT EXISTS (SELECT FROM pg_depend p WHERE p.classid = 'pg_namespace'::regclass AND p.objid = n.oid AND p.deptype = 'e')))
        FROM pg_database d, pg_roles r WHERE d.datname = current_database() AND r.rolname = current_user" || failed "cannot look at the grants of '$user'"
    set -- $answer
    database_bytes=$1 way=beside because="'$user' may create and rename databases"
    [ "$8" = 0 ] || stop "$8 prepared transactions stand in '$database': commit or roll them back, neither a swap nor a load goes past them"
    if [ "$2" = 0 ]; then way=in-place because="'$user' does not own '$database'"
    elif [ "$3" = 0 ]; then way=in-place because="'$user' has no CREATEDB"
    elif [ "$6" != 0 ]; then way=in-place because="$6 settings of other roles in '$database' can only be given by one who may change roles"
    elif [ "$7" != 0 ]; then way=in-place because="$7 replication slots would stay with the database from before"
    elif ! stand_elsewhere; then way=in-place because="'$user' may connect to neither postgres nor template1, and nobody renames the database that he is connected to"
    elif [ -n "${OMUPGRADE_IN_PLACE:-}" ]; then way=in-place because="it was asked for"
    elif [ "$5" != 0 ] && lasting_sessions; then stop "$lasting sessions in '$database' are of users whose sessions '$user' may not end: end them, or name an administrator"
    fi
    [ "$way" != beside ] || return 0
    no_way="there is no way to restore: $because"
    [ "$4" = 0 ] || stop "$no_way, and $4 of its tables, views and indexes belong to others; name an administrator"
    [ "${11}" = 0 ] || stop "$no_way, and ${11} of its schemas belong to others; name an administrator"
    [ "${10}" = 1 ] || stop "$no_way, and '$user' may not create in its schema public; name an administrator"
    [ "$9" = 0 ] || return 0
    stage pg_restore --list --file="$work/list" "$dump" || failed "the dump cannot be read"
    while read -r entry; do
        set -- $entry
        case "${4:-} ${5:-} ${6:-}" in
        "SCHEMA - public") ;;
        "SCHEMA - "*) stop "$no_way, and '$user' may create no schema there (${6}); name an administrator" ;;
        esac
    done <"$work/list"
}

count_written() {
    tell "$database" "BEGIN READ ONLY;
SELECT format('SELECT ''written'' || chr(9) || %L || chr(9) || count(*) FROM %I.%I WHERE %I > extract(epoch FROM %L::timestamptz) * 1000 HAVING count(*) > 0',
    c.relname, n.nspname, c.relname, a.attname, '$started')
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE lower(a.attname) = 'updatedat' AND a.atttypid = 'int8'::regtype AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' ORDER BY c.relname
\\gexec
COMMIT;" || failed "cannot count what was written since $started"
    cat "$work/answer"
}

# swapped, proven <- what is there of this restore.
look_around() {
    stand_elsewhere || failed "cannot connect to a database beside '$database'"
    tell "$elsewhere" "SELECT (SELECT count(*) FROM pg_database WHERE datname = :'name') || ' ' || (SELECT count(*) FROM pg_database WHERE datname = :'beside')
        || ' ' || (SELECT count(*) FROM pg_database WHERE datname = :'old')
        || ' ' || coalesce((SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = :'beside'), '')" || failed "cannot look at the databases"
    swapped=no proven=''
    case $answer in
    '1 1 0 omupgrade: proven '*) proven=${answer##* } ;;
    '1 '[01]' 0 '*) ;;
    '1 0 1 '*) swapped=yes ;;
    *) stop "of '$database', '$beside' and '$old' there are (${answer%% omupgrade*}): no restore leaves that; a person has to look" ;;
    esac
}

# Sessions that a killed run left behind end with their database; the server's own workers (autovacuum) belong to nobody,
# nobody but a superuser may end them, and PostgreSQL itself ends them where they are in the way. From PostgreSQL 15 on it waits for every session of the
# server, also for one of another database whose client takes nothing more: then an end with words is better than none.
drop() {
    case $1 in *_omupgrade_*) ;; *) stop "'$1' is none of ours" ;; esac
    dropping="SET statement_timeout = '10min';
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$1' AND usesysid IS NOT NULL;
DROP DATABASE IF EXISTS \"$1\";"
    tell "$elsewhere" "$dropping" || { sleep 2 && tell "$elsewhere" "$dropping"; } || failed "cannot drop '$1'"
}

# Those of a swap that is at work elsewhere are not ended; it holds its lock.
end_sessions() {
    tell "${elsewhere:-$database}" "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname IN ($1) AND pid <> pg_backend_pid()
    AND application_name <> 'omupgrade' AND pg_has_role(usesysid, 'USAGE')" || failed "cannot end the sessions in '$database'"
}

# answer <- how many sessions the server's user has in the database.
come_back() {
    tell "${elsewhere:-$database}" "SELECT count(*) FROM pg_stat_activity WHERE datname = :'name' AND pid <> pg_backend_pid() AND application_name <> 'omupgrade'
    AND usename = '$(printf '%s' "$server_user" | sed "s/'/''/g")'" || failed "cannot look at the sessions"
}

# Every table's rows, as a record counts them: by the same text.
count_rows() {
    tell "$1" "$(
        cat <<'SQL'
# omupgrade: rows_postgres.sql
SQL
    )"
}

# From 17 on pg_restore sets transaction_timeout in every session, which an older server does not know, and says in its own
# language: that is no error.
only_the_timeout() {
    known=0
    while read -r line; do
        case $line in
        *'error: could not execute query: '*transaction_timeout*) known=$((known + 1)) ;;
        *'error: '*) return 1 ;;
        *'errors ignored on restore: '*) [ "${line##* }" -le $known ] || return 1 ;;
        esac
    done <"$work/problem"
    [ $known -gt 0 ]
}

# Row by row what pg_restore is to do: first what has to succeed, then grants and comments, of which a server's own
# user may not repeat every one.
load() {
    target=$1
    stage pg_restore --list --file="$work/list" "$dump" || failed "the dump cannot be read"
    : >"$work/first" && : >"$work/then" || stop "cannot write to $work"
    owners=''
    while read -r entry; do
        set -- $entry
        # An entry's last word is whose it is.
        case $entry in [0-9]*) for one; do :; done
            case " $owners " in *" $one "*) ;; *) owners="$owners $one" ;; esac ;;
        esac
        case "${4:-} ${5:-} ${6:-}" in
        "SCHEMA - public") ;;
        "ACL "* | "COMMENT "* | "DEFAULT ACL "* | "SECURITY LABEL "*) printf '%s\n' "$entry" >>"$work/then" ;;
        *) printf '%s\n' "$entry" >>"$work/first" ;;
        esac
    done <"$work/list"
    tell "$target" "SELECT rolsuper::int || ' ' || (pg_get_userbyid(datdba)) FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()" ||
        failed "cannot connect to '$target'"
    owner=${answer#* } super=${answer%% *} stranger=''
    if [ "$super" = 1 ]; then
        tell "$target" "SELECT ' ' || string_agg(rolname, ' ') || ' ' FROM pg_roles" || failed "cannot look at the roles of '$host'"
        for one in $owners; do case $answer in *" $one "*) ;; *) stranger=$one ;; esac done
        [ -z "$stranger" ] || say "the backup's role '$stranger' is not on this server: what is restored belongs to '$owner'"
    fi
    # A superuser gives everything back to whose it was.
    if [ "$super" = 1 ] && [ -z "$stranger" ]; then set --; else set -- --no-owner --role="$owner"; fi
    # What an older server says to a client from 17 on has to be read whole, and connections beside each other tear each
    # other's lines.
    rank "$client_version" && of_client=$rank && rank "$server_version"
    [ "$of_client" -ge 17000 ] && [ "$rank" -lt 17000 ] || case ${OMUPGRADE_JOBS:-1} in "" | 1 | *[!0-9]*) ;; *) set -- "$@" --jobs="$OMUPGRADE_JOBS" ;; esac
    # No --exit-on-error: one error is none.
    stage pg_restore -w "$@" --use-list="$work/first" --dbname="$target" "$dump" || only_the_timeout ||
        failed "pg_restore failed with $status; '$target' is not whole"
    [ -z "$trial" ] || return 0
    stage pg_restore -w "$@" --use-list="$work/then" --dbname="$target" "$dump" || only_the_timeout ||
        say "some grants or comments of the backup could not be repeated: $(head -c 600 "$work/problem")"
    tell "$target" 'ANALYZE' || failed "cannot analyze '$target'"
}

# A trial asks before the dump is read, which may take an hour.
may_make_one() {
    tell "$elsewhere" "SELECT (rolsuper OR rolcreatedb)::int FROM pg_roles WHERE rolname = current_user" || failed "cannot look at the rights of '$user'"
    [ "$answer" = 1 ] || stop "'$user' cannot create '$beside': it has no CREATEDB. Nothing was read"
}

load_beside() {
    drop "$beside"
    owned_by='pg_get_userbyid(d.datdba)'
    [ -z "$trial" ] || owned_by=current_user
    # Encoding, locale, owner: what can only be said when a database is made.
    tell "$elsewhere" "SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', :'beside', $owned_by,
    pg_encoding_to_char(d.encoding), d.datcollate, d.datctype)
    || CASE d.j->>'datlocprovider' WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(d.j->>'datlocale', d.j->>'daticulocale'))
       WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', d.j->>'datlocale') WHEN 'c' THEN ' LOCALE_PROVIDER libc' ELSE '' END
    || coalesce((SELECT format(' TABLESPACE %I', t.spcname) FROM pg_tablespace t WHERE t.oid = d.dattablespace AND t.spcname <> 'pg_default'), '')
FROM (SELECT *, to_jsonb(b) AS j FROM pg_database b) AS d WHERE d.datname = :'name'
\\gexec
COMMENT ON DATABASE :\"beside\" IS 'omupgrade: loading';" || failed "cannot create '$beside'"
    load "$beside"
}

# Settings and grants of the database itself are not in a dump.
mark_proven() {
    tell "$elsewhere" "BEGIN;
SELECT format('ALTER %s SET %I TO %s', CASE s.setrole WHEN 0 THEN format('DATABASE %I', :'beside') ELSE format('ROLE %I IN DATABASE %I', pg_get_userbyid(s.setrole), :'beside') END,
    split_part(c, '=', 1), CASE WHEN split_part(c, '=', 1) IN ('search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries')
    THEN nullif(substr(c, strpos(c, '=') + 1), '') ELSE quote_literal(substr(c, strpos(c, '=') + 1)) END)
FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS c WHERE d.datname = :'name'
\\gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'beside') FROM pg_database WHERE datname = :'name' AND datacl IS NOT NULL
\\gexec
SELECT format('GRANT %s ON DATABASE %I TO %s%s', a.privilege_type, :'beside', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
    CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_database d, aclexplode(d.datacl) AS a WHERE d.datname = :'name'
\\gexec
SELECT format('ALTER DATABASE %I CONNECTION LIMIT %s', :'beside', datconnlimit) FROM pg_database WHERE datname = :'name' AND datconnlimit > -1
\\gexec
COMMENT ON DATABASE :\"beside\" IS 'omupgrade: proven $sum';
COMMIT;" || failed "cannot give '$beside' the settings and grants of '$database'"
}

# Both names in one transaction. New connections wait for it.
swap() {
    tell "$elsewhere" "BEGIN;
SET LOCAL lock_timeout = '30s';
SELECT set_config('omupgrade.name', :'name', true);
DO 'BEGIN IF NOT pg_try_advisory_xact_lock(hashtext(''omupgrade '' || current_setting(''omupgrade.name''))) THEN RAISE EXCEPTION ''another swap is at work''; END IF; END';
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (:'name', :'beside') AND usesysid IS NOT NULL AND pid <> pg_backend_pid();
SELECT format('COMMENT ON DATABASE %I IS %L', :'beside', shobj_description(oid, 'pg_database')) FROM pg_database WHERE datname = :'name'
\\gexec
COMMENT ON DATABASE :\"name\" IS 'omupgrade: from before the restore of $backup';
ALTER DATABASE :\"name\" RENAME TO :\"old\";
ALTER DATABASE :\"beside\" RENAME TO :\"name\";
COMMIT;"
}

# Here a swap is one transaction, and nothing follows it.
take_turn() { :; }
finish_swap() { :; }
end_turn() { :; }

# An archive is loaded into the database that one connects to, and names none.
look_at_targets() { :; }

# A killed run's session may still write: it is gone before anything is emptied. Others' sessions hold no table of ours.
empty() {
    others="FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND pg_has_role(usesysid, 'USAGE')"
    for tries in 1 2 3 4 5 6 7 8 9 10; do
        tell "$database" "SELECT count(pg_terminate_backend(pid)) $others" || failed "cannot end the sessions in '$database'"
        [ "$answer" != 0 ] || break
        sleep 1
    done
    [ "$answer" = 0 ] || stop "$answer sessions in '$database' do not end, or come again: scale what uses it to zero; nothing of it was changed (after $tries tries)"
    tell "$database" "SET lock_timeout = '30s'; BEGIN;
SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace n WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')
\\gexec
SELECT format('DROP %s IF EXISTS %s CASCADE', what, name) FROM (
    SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
        c.oid::regclass::text, 'pg_class'::regclass, c.oid, c.relnamespace FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND NOT c.relispartition
    UNION ALL SELECT 'ROUTINE', p.oid::regprocedure::text, 'pg_proc'::regclass, p.oid, p.pronamespace FROM pg_proc p
    UNION ALL SELECT 'TYPE', t.oid::regtype::text, 'pg_type'::regclass, t.oid, t.typnamespace FROM pg_type t
        WHERE t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')
) AS there(what, name, class, oid, namespace)
WHERE namespace = 'public'::regnamespace AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = class AND d.objid = there.oid AND d.deptype = 'e')
\\gexec
COMMIT;" || failed "cannot empty '$database', nothing of it was changed"
}

clean_up() {
    drop "$beside"
    [ $swapped = no ] || drop "$old"
}
fi
