-- The state of an OpenMetadata database as a few lines `key<TAB>value`, for psql (\gexec). Equal before and after a
-- dump and restore into a database of another name; different after a migration. Reads only.
-- change_log: versions and when they last ran ; sql_logs: checksums of migration statements · schema: columns, indexes,
-- constraints by definition, no ordinals, OIDs or times ; flowable: its own schema version · head: highest version.
\set ON_ERROR_STOP on
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
-- Definitions are printed by these settings; an empty search path makes every name come with its schema.
SET LOCAL search_path TO '';
SET LOCAL timezone TO 'UTC';
SET LOCAL datestyle TO 'ISO, YMD';
SET LOCAL intervalstyle TO 'postgres';
SET LOCAL bytea_output TO 'hex';
SET LOCAL extra_float_digits TO 1;
SET LOCAL quote_all_identifiers TO off;

-- Each of the tables may be missing, or stand there twice (another schema, quoted upper case): the text that reads
-- what is there is made from the catalogue.
SELECT CASE count(*) WHEN 0 THEN 'SELECT ''change_log'' || chr(9) || ''absent''' ELSE
       'SELECT ''change_log'' || chr(9) || count(*) || '':'' || encode(sha256(convert_to(coalesce(string_agg(line, chr(10) ORDER BY line COLLATE "C"), ''''), ''UTF8'')), ''hex'') FROM ('
       || string_agg(format('SELECT jsonb_build_array(%L, coalesce(r->''version'', r->''VERSION''), coalesce(r->''installed_on'', r->''INSTALLED_ON''), coalesce(r->''status'', r->''STATUS''))::text FROM (SELECT to_jsonb(t) FROM %I.%I t) AS row(r)',
                     n.nspname, n.nspname, c.relname), ' UNION ALL ') || ') AS rows(line)' END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE lower(c.relname) = 'server_change_log' AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_'
\gexec

SELECT CASE count(*) WHEN 0 THEN 'SELECT ''sql_logs'' || chr(9) || ''absent''' ELSE
       'SELECT ''sql_logs'' || chr(9) || count(*) || '':'' || encode(sha256(convert_to(coalesce(string_agg(line, chr(10) ORDER BY line COLLATE "C"), ''''), ''UTF8'')), ''hex'') FROM ('
       || string_agg(format('SELECT jsonb_build_array(%L, coalesce(r->''checksum'', r->''CHECKSUM''))::text FROM (SELECT to_jsonb(t) FROM %I.%I t) AS row(r)',
                     n.nspname, n.nspname, c.relname), ' UNION ALL ') || ') AS rows(line)' END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE lower(c.relname) = 'server_migration_sql_logs' AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_'
\gexec

-- A restored expression may come back with other parentheses and text casts, `x IN ('a', 'b')` on a varchar does:
-- they, and white space, are left out of expressions.
WITH relation AS (
    SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
), line(line) AS (
    SELECT jsonb_build_array('column', r.nspname, r.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           a.attidentity::text, a.attgenerated::text,
           regexp_replace(pg_get_expr(d.adbin, d.adrelid), '::(text|character varying)(\[\])?|[()\s]', '', 'g'))::text
    FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    UNION ALL
    SELECT jsonb_build_array('index', r.nspname, r.relname,
           regexp_replace(pg_get_indexdef(i.indexrelid), '::(text|character varying)(\[\])?|[()\s]', '', 'g'))::text
    FROM relation r JOIN pg_index i ON i.indrelid = r.oid
    UNION ALL
    SELECT jsonb_build_array('constraint', r.nspname, r.relname, k.conname,
           regexp_replace(pg_get_constraintdef(k.oid), '::(text|character varying)(\[\])?|[()\s]', '', 'g'))::text
    FROM relation r JOIN pg_constraint k ON k.conrelid = r.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x')
)
SELECT 'schema' || chr(9) || count(*) || ':'
       || encode(sha256(convert_to(coalesce(string_agg(line, chr(10) ORDER BY line COLLATE "C"), ''), 'UTF8')), 'hex')
FROM line;

SELECT CASE count(*) WHEN 0 THEN 'SELECT ''flowable'' || chr(9) || ''absent''' ELSE
       'SELECT ''flowable'' || chr(9) || coalesce(string_agg(value, '','' ORDER BY value COLLATE "C"), ''absent'') FROM ('
       || string_agg(format('SELECT coalesce(r->>''value_'', r->>''VALUE_'') FROM (SELECT to_jsonb(t) FROM %I.%I t) AS row(r) WHERE coalesce(r->>''name_'', r->>''NAME_'') = ''schema.version''',
                     n.nspname, c.relname), ' UNION ALL ') || ') AS rows(value)' END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE lower(c.relname) = 'act_ge_property' AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_'
\gexec

-- Three numbers; suffixes and a fourth number are dropped, 0.0.N is imported history.
SELECT CASE count(*) WHEN 0 THEN 'SELECT ''head'' || chr(9) || ''absent''' ELSE
       'SELECT ''head'' || chr(9) || coalesce((array_agg(v ORDER BY split_part(v, ''.'', 1)::numeric DESC, split_part(v, ''.'', 2)::numeric DESC, split_part(v, ''.'', 3)::numeric DESC))[1], ''none'') FROM ('
       || string_agg(format('SELECT substring(coalesce(r->>''version'', r->>''VERSION'') FROM ''^v?([0-9]+[.][0-9]+[.][0-9]+)([.][0-9]+)?([-+].*)?$'') FROM (SELECT to_jsonb(t) FROM %I.%I t) AS row(r)',
                     n.nspname, c.relname), ' UNION ALL ') || ') AS rows(v) WHERE v NOT LIKE ''0.0.%''' END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE lower(c.relname) IN ('server_change_log', 'server_migration_sql_logs') AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_'
\gexec
COMMIT;
