-- What is to know of an OpenMetadata database before it is backed up, migrated or put back: `key<TAB>value` lines, for
-- psql (\gexec). Reads only; asks for nothing that an ordinary owner may not see. Variable `count`: `entities` counts
-- the rows of the tables that hold entities, `all` those of every table; the others are estimated.
-- yes/no is what the server says; a line that could not be answered is missing.
\set ON_ERROR_STOP on
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL search_path TO '';
SET LOCAL timezone TO 'UTC';

SELECT 'engine' || chr(9) || 'postgresql'
UNION ALL SELECT 'version' || chr(9) || current_setting('server_version')
UNION ALL SELECT 'database' || chr(9) || current_database()
UNION ALL SELECT 'user' || chr(9) || current_user
UNION ALL SELECT 'bytes' || chr(9) || pg_database_size(current_database())
UNION ALL SELECT 'charset' || chr(9) || pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()
UNION ALL SELECT 'collation' || chr(9) || datcollate FROM pg_database WHERE datname = current_database()
UNION ALL SELECT 'sort_buffer' || chr(9) || pg_size_bytes(current_setting('work_mem'))
UNION ALL SELECT 'read_only' || chr(9) || CASE WHEN pg_is_in_recovery() OR (SELECT setting = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only') THEN 'yes' ELSE 'no' END
UNION ALL SELECT 'max_connections' || chr(9) || current_setting('max_connections')
UNION ALL SELECT 'connections' || chr(9) || count(*) FROM pg_stat_activity WHERE usesysid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
-- Other sessions in this database, and those among them that this user may not end.
UNION ALL SELECT 'sessions' || chr(9) || count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
UNION ALL SELECT 'sessions_not_ours' || chr(9) || count(*) FROM pg_stat_activity a WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND usesysid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend' AND NOT pg_has_role(a.usesysid, 'MEMBER') AND NOT pg_has_role('pg_signal_backend', 'MEMBER')
-- A transaction that is open for long holds locks that a migration waits for. Sessions of other users tell an ordinary
-- one neither of what kind they are nor since when: beside one of them it is not known.
UNION ALL SELECT 'oldest_transaction_seconds' || chr(9) || coalesce(floor(extract(epoch FROM max(clock_timestamp() - xact_start))), 0)
    FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    HAVING NOT coalesce(bool_or(backend_type IS NULL AND usesysid IS NOT NULL), false)
UNION ALL SELECT 'prepared_transactions' || chr(9) || count(*) FROM pg_prepared_xacts WHERE database = current_database();

SELECT 'may create_database' || chr(9) || CASE WHEN rolsuper OR rolcreatedb THEN 'yes' ELSE 'no' END FROM pg_roles WHERE rolname = current_user
UNION ALL SELECT 'may rename_database' || chr(9) || CASE WHEN rolsuper OR (rolcreatedb AND pg_has_role(d.datdba, 'USAGE')) THEN 'yes' ELSE 'no' END
    FROM pg_roles, pg_database d WHERE rolname = current_user AND d.datname = current_database()
-- Tables, and the right to make new ones beside them.
UNION ALL SELECT 'may migrate' || chr(9) || CASE WHEN bool_and(pg_has_role(c.relowner, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE')) IS NOT FALSE THEN 'yes' ELSE 'no' END
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
UNION ALL SELECT 'may read_all' || chr(9) || CASE WHEN bool_and(has_table_privilege(c.oid, 'SELECT')) IS NOT FALSE THEN 'yes' ELSE 'no' END
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema';

SELECT 'setting extensions' || chr(9) || coalesce(string_agg(extname, ',' ORDER BY extname), '') FROM pg_extension WHERE extname <> 'plpgsql'
UNION ALL SELECT 'setting ' || name || chr(9) || setting FROM pg_settings
    WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'maintenance_work_mem', 'max_locks_per_transaction', 'wal_level', 'ssl')
-- Settings made for this database stay with its name when it is renamed.
UNION ALL SELECT 'setting of_database ' || split_part(s, '=', 1) || chr(9) || substr(s, strpos(s, '=') + 1)
    FROM pg_db_role_setting r JOIN pg_database d ON d.oid = r.setdatabase CROSS JOIN unnest(r.setconfig) AS s
    WHERE d.datname = current_database();

-- Versions as they stand in the tables; control characters would break the lines.
SELECT format('SELECT ''migration '' || regexp_replace(coalesce(r->>''version'', r->>''VERSION''), ''[[:cntrl:]]'', '''', ''g'') || chr(9)
    || coalesce(r->>''installed_on'', r->>''INSTALLED_ON'', '''') || '' '' || coalesce(r->>''status'', r->>''STATUS'', '''')
    FROM (SELECT to_jsonb(t) FROM %I.%I t) AS row(r)', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE lower(c.relname) = 'server_change_log' AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND has_table_privilege(c.oid, 'SELECT')
\gexec

SELECT format('SELECT ''statements '' || regexp_replace(coalesce(r->>''version'', r->>''VERSION''), ''[[:cntrl:]]'', '''', ''g'') || chr(9) || count(*)
    FROM (SELECT to_jsonb(t) FROM %I.%I t) AS row(r) GROUP BY coalesce(r->>''version'', r->>''VERSION'')', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE lower(c.relname) = 'server_migration_sql_logs' AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND has_table_privilege(c.oid, 'SELECT')
\gexec

-- Which release of the server built each search index last (OpenMetadata keeps that from 1.8.7 on): how many rows, and
-- each without the mapping itself, which is large.
SELECT format('SELECT ''indexed'' || chr(9) || count(*) FROM %1$I.%2$I UNION ALL
    SELECT ''indexed '' || regexp_replace(entitytype::text, ''[[:cntrl:]]'', '''', ''g'') || chr(9) || regexp_replace(version::text, ''[[:cntrl:]]'', '''', ''g'') FROM %1$I.%2$I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE lower(c.relname) = 'index_mapping_versions' AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND has_table_privilege(c.oid, 'SELECT')
    AND (SELECT count(*) = 2 FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped AND a.attname IN ('entitytype', 'version'))
\gexec

-- Tables of an extension are none of the database's own: a dump does not hold them.
SELECT 'bytes ' || CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname || chr(9) || pg_total_relation_size(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') ORDER BY c.relname COLLATE "C";

SELECT 'about ' || CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname || chr(9) || c.reltuples::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.reltuples >= 0 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') ORDER BY c.relname COLLATE "C";

SELECT format('SELECT %L || chr(9) || count(*) FROM %I.%I', 'rows ' || CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname, n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND has_table_privilege(c.oid, 'SELECT')
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
AND (:'count' = 'all' OR lower(c.relname) LIKE '%\_entity' OR lower(c.relname) IN ('entity_relationship', 'field_relationship', 'tag_usage', 'tag',
    'classification', 'test_case', 'test_suite', 'test_definition', 'openmetadata_settings'))
ORDER BY c.relname COLLATE "C"
\gexec
COMMIT;
