-- The state of an OpenMetadata database as a few lines `key<TAB>value`, for Oracle's mysql (8.0.13 or newer) connected to
-- that database. Equal before and after a dump and restore into a database of another name; different after a migration.
-- change_log: versions and when they last ran ; sql_logs: checksums of migration statements · schema: columns, indexes,
-- constraints by definition, no ordinals, ids or times ; flowable: its own schema version · head: highest version.
SET NAMES utf8mb4;
SET SESSION time_zone = '+00:00', sql_mode = '', group_concat_max_len = 16777216, information_schema_stats_expiry = 0;
START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY;

-- A digest is the exclusive or over the SHA-256 of every line: no order, no collation and no length limit can touch it;
-- two equal lines would cancel out, so every line names what makes it unique, and lines are counted.
-- Each of the tables may be missing: the text that reads it is made from the catalogue, in the spelling that is there.
SET @line = (SELECT IF(COUNT(*) = 0, 'NULL', 'status') FROM information_schema.columns
    WHERE table_schema = DATABASE() AND UPPER(table_name) = 'SERVER_CHANGE_LOG' AND LOWER(column_name) = 'status');
SET @text = COALESCE((SELECT CONCAT('SELECT CONCAT(''change_log'', CHAR(9), COUNT(*), '':'', ',
    'LOWER(HEX(BIT_XOR(UNHEX(SHA2(JSON_ARRAY(version, installed_on, ', @line, '), 256)))))) FROM ', CHAR(96), MIN(table_name), CHAR(96))
    FROM information_schema.tables WHERE table_schema = DATABASE() AND UPPER(table_name) = 'SERVER_CHANGE_LOG'),
    'SELECT CONCAT(''change_log'', CHAR(9), ''absent'')');
PREPARE reading FROM @text;
EXECUTE reading;

SET @text = COALESCE((SELECT CONCAT('SELECT CONCAT(''sql_logs'', CHAR(9), COUNT(*), '':'', ',
    'LOWER(HEX(BIT_XOR(UNHEX(SHA2(JSON_ARRAY(checksum), 256)))))) FROM ', CHAR(96), MIN(table_name), CHAR(96))
    FROM information_schema.tables WHERE table_schema = DATABASE() AND UPPER(table_name) = 'SERVER_MIGRATION_SQL_LOGS'),
    'SELECT CONCAT(''sql_logs'', CHAR(9), ''absent'')');
PREPARE reading FROM @text;
EXECUTE reading;

SELECT CONCAT('schema', CHAR(9), COUNT(*), ':', LOWER(HEX(BIT_XOR(UNHEX(SHA2(line, 256)))))) FROM (
    SELECT JSON_ARRAY('column', table_name, column_name, column_type, collation_name, is_nullable, column_default, extra,
           generation_expression) AS line
    FROM information_schema.columns WHERE table_schema = DATABASE()
    UNION ALL
    SELECT JSON_ARRAY('index', table_name, index_name, non_unique, index_type, is_visible,
           GROUP_CONCAT(JSON_ARRAY(column_name, collation, sub_part, expression) ORDER BY seq_in_index))
    FROM information_schema.statistics WHERE table_schema = DATABASE()
    GROUP BY table_name, index_name, non_unique, index_type, is_visible
    UNION ALL
    SELECT JSON_ARRAY('constraint', t.table_name, t.constraint_name, t.constraint_type, t.enforced, r.update_rule, r.delete_rule,
           c.check_clause, (SELECT GROUP_CONCAT(JSON_ARRAY(k.column_name, k.referenced_table_name, k.referenced_column_name,
               NULLIF(k.referenced_table_schema, DATABASE())) ORDER BY k.ordinal_position)
               FROM information_schema.key_column_usage k WHERE k.constraint_schema = t.constraint_schema
               AND k.table_name = t.table_name AND k.constraint_name = t.constraint_name))
    FROM information_schema.table_constraints t
    LEFT JOIN information_schema.referential_constraints r ON r.constraint_schema = t.constraint_schema
        AND r.table_name = t.table_name AND r.constraint_name = t.constraint_name
    LEFT JOIN information_schema.check_constraints c ON c.constraint_schema = t.constraint_schema
        AND c.constraint_name = t.constraint_name AND t.constraint_type = 'CHECK'
    WHERE t.table_schema = DATABASE()
) AS schema_lines;

SET @text = COALESCE((SELECT CONCAT('SELECT CONCAT(''flowable'', CHAR(9), COALESCE(MAX(value_), ''absent'')) FROM ',
    CHAR(96), MIN(table_name), CHAR(96), ' WHERE name_ = ''schema.version''')
    FROM information_schema.tables WHERE table_schema = DATABASE() AND UPPER(table_name) = 'ACT_GE_PROPERTY'),
    'SELECT CONCAT(''flowable'', CHAR(9), ''absent'')');
PREPARE reading FROM @text;
EXECUTE reading;

-- Three numbers; suffixes and a fourth number are dropped, 0.0.N is imported history.
SET @text = COALESCE((SELECT CONCAT('SELECT CONCAT(''head'', CHAR(9), COALESCE((SELECT v FROM (SELECT REGEXP_SUBSTR(version, ''[0-9]+[.][0-9]+[.][0-9]+'') AS v FROM (',
    GROUP_CONCAT(CONCAT('SELECT version FROM ', CHAR(96), table_name, CHAR(96)) SEPARATOR ' UNION ALL '),
    ') AS versions WHERE version REGEXP ''^v?[0-9]+[.][0-9]+[.][0-9]+([.][0-9]+)?([-+].*)?$'') AS numbers WHERE v NOT LIKE ''0.0.%'' ',
    'ORDER BY CAST(SUBSTRING_INDEX(v, ''.'', 1) AS DECIMAL(65)) DESC, CAST(SUBSTRING_INDEX(SUBSTRING_INDEX(v, ''.'', 2), ''.'', -1) AS DECIMAL(65)) DESC, ',
    'CAST(SUBSTRING_INDEX(v, ''.'', -1) AS DECIMAL(65)) DESC LIMIT 1), ''none''))')
    FROM information_schema.tables WHERE table_schema = DATABASE() AND UPPER(table_name) IN ('SERVER_CHANGE_LOG', 'SERVER_MIGRATION_SQL_LOGS')),
    'SELECT CONCAT(''head'', CHAR(9), ''absent'')');
PREPARE reading FROM @text;
EXECUTE reading;
COMMIT;
