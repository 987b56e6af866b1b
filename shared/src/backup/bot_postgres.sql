-- The ingestion bot's token as the database keeps it, for psql (\gexec): `token<TAB>fernet:…`. One that is kept in clear,
-- or elsewhere (a secrets manager), is said to be and not shown. Reads only.
\set ON_ERROR_STOP on
BEGIN READ ONLY;
SET LOCAL search_path TO '';
SELECT format('SELECT ''token'' || chr(9) || CASE WHEN t LIKE ''fernet:%%'' THEN t WHEN t LIKE ''secret:%%'' THEN ''elsewhere'' ELSE ''plain'' END
    FROM (SELECT to_jsonb(u.json)#>>''{authenticationMechanism,config,JWTToken}'' AS t FROM %I.%I u WHERE to_jsonb(u.json)->>''name'' = ''ingestion-bot'') AS bot
    WHERE t IS NOT NULL', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE lower(c.relname) = 'user_entity' AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND has_table_privilege(c.oid, 'SELECT')
\gexec
COMMIT;
