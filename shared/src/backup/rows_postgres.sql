-- The rows of every table that a dump holds, `table<TAB>rows` a line, for psql (\gexec) inside a transaction that is
-- open already: the snapshot is that one's. Tables outside the schema public carry their schema's name.
SELECT format('SELECT %L || chr(9) || count(*) FROM %I.%I', CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname, n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname COLLATE "C"
\gexec
