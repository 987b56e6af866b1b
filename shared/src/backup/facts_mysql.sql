-- What is to know of an OpenMetadata database before it is backed up, migrated or put back: `key<TAB>value` lines, for
-- Oracle's mysql (8.0.13 or newer) connected to that database. Reads only. Variable @count: `entities` counts the rows
-- of the tables that hold entities, `all` those of every table; the others are estimated.
-- yes/no is what the server says; `unknown` where a role may hold the right; a line that could not be answered is missing.
SET NAMES utf8mb4;
SET SESSION time_zone = '+00:00', sql_mode = '', group_concat_max_len = 16777216, information_schema_stats_expiry = 0;
START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY;

SET @grantee = CONCAT(QUOTE(SUBSTRING(CURRENT_USER(), 1, CHAR_LENGTH(CURRENT_USER()) - CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)) - 1)),
    '@', QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)));
SET @everywhere = (SELECT GROUP_CONCAT(privilege_type) FROM information_schema.user_privileges WHERE grantee = @grantee);
SET @here = CONCAT_WS(',', @everywhere, (SELECT GROUP_CONCAT(privilege_type) FROM information_schema.schema_privileges
    WHERE grantee = @grantee AND DATABASE() LIKE table_schema));
-- What an active role grants does not stand in those tables.
SET @no = IF(CURRENT_ROLE() = 'NONE', 'no', 'unknown');

SELECT CONCAT('engine', CHAR(9), 'mysql')
UNION ALL SELECT CONCAT('version', CHAR(9), VERSION())
UNION ALL SELECT CONCAT('database', CHAR(9), DATABASE())
UNION ALL SELECT CONCAT('user', CHAR(9), CURRENT_USER())
UNION ALL SELECT CONCAT('bytes', CHAR(9), COALESCE(SUM(data_length + index_length), 0)) FROM information_schema.tables WHERE table_schema = DATABASE()
UNION ALL SELECT CONCAT('charset', CHAR(9), @@character_set_database)
UNION ALL SELECT CONCAT('collation', CHAR(9), @@collation_database)
UNION ALL SELECT CONCAT('sort_buffer', CHAR(9), @@global.sort_buffer_size)
UNION ALL SELECT CONCAT('read_only', CHAR(9), IF(@@global.read_only OR @@global.super_read_only, 'yes', 'no'))
UNION ALL SELECT CONCAT('max_connections', CHAR(9), @@max_connections)
-- Without PROCESS only the user's own sessions are seen.
UNION ALL SELECT CONCAT('sessions', CHAR(9), COUNT(*)) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()
UNION ALL SELECT CONCAT('may create_database', CHAR(9), IF(FIND_IN_SET('CREATE', @everywhere), 'yes', @no))
-- MySQL renames no database: its tables move into a new one.
UNION ALL SELECT CONCAT('may rename_database', CHAR(9), IF(FIND_IN_SET('CREATE', @everywhere) AND FIND_IN_SET('ALTER', @everywhere)
    AND FIND_IN_SET('DROP', @everywhere) AND FIND_IN_SET('INSERT', @everywhere), 'yes', @no))
UNION ALL SELECT CONCAT('may migrate', CHAR(9), IF(FIND_IN_SET('CREATE', @here) AND FIND_IN_SET('ALTER', @here) AND FIND_IN_SET('DROP', @here)
    AND FIND_IN_SET('INDEX', @here) AND FIND_IN_SET('REFERENCES', @here) AND FIND_IN_SET('INSERT', @here)
    AND FIND_IN_SET('UPDATE', @here) AND FIND_IN_SET('DELETE', @here), 'yes', @no))
UNION ALL SELECT CONCAT('may read_all', CHAR(9), IF(FIND_IN_SET('SELECT', @here), 'yes', @no))
-- Triggers and functions of a dump: a server that writes a binary log lets only SUPER make them, unless it is told to trust.
UNION ALL SELECT CONCAT('may create_triggers', CHAR(9), IF(FIND_IN_SET('TRIGGER', @here) AND
    (NOT @@log_bin OR @@global.log_bin_trust_function_creators OR FIND_IN_SET('SUPER', @everywhere)), 'yes', @no))
UNION ALL SELECT CONCAT('may set_variables', CHAR(9), IF(FIND_IN_SET('SUPER', @everywhere) OR FIND_IN_SET('SYSTEM_VARIABLES_ADMIN', @everywhere)
    OR FIND_IN_SET('SESSION_VARIABLES_ADMIN', @everywhere), 'yes', @no))
UNION ALL SELECT CONCAT('setting roles', CHAR(9), CURRENT_ROLE())
UNION ALL SELECT CONCAT('setting log_bin', CHAR(9), @@log_bin)
UNION ALL SELECT CONCAT('setting gtid_mode', CHAR(9), @@global.gtid_mode)
UNION ALL SELECT CONCAT('setting log_bin_trust_function_creators', CHAR(9), @@global.log_bin_trust_function_creators)
UNION ALL SELECT CONCAT('setting lower_case_table_names', CHAR(9), @@lower_case_table_names)
UNION ALL SELECT CONCAT('setting max_allowed_packet', CHAR(9), @@global.max_allowed_packet)
UNION ALL SELECT CONCAT('setting sql_mode', CHAR(9), @@global.sql_mode)
UNION ALL SELECT CONCAT('setting innodb_buffer_pool_size', CHAR(9), @@innodb_buffer_pool_size)
UNION ALL SELECT CONCAT('setting lock_wait_timeout', CHAR(9), @@global.lock_wait_timeout)
-- Tables of another character set or collation than the database's: a new table could not refer to them.
UNION ALL SELECT CONCAT('setting other_collations', CHAR(9), COALESCE(GROUP_CONCAT(DISTINCT table_collation), '')) FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND table_collation <> @@collation_database;

-- A transaction that is open for long holds locks that a migration waits for. Only PROCESS may see them.
SET @text = IF(FIND_IN_SET('PROCESS', @everywhere), 'SELECT CONCAT(''oldest_transaction_seconds'', CHAR(9), COALESCE(MAX(TIMESTAMPDIFF(SECOND, trx_started, UTC_TIMESTAMP())), 0)) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> CONNECTION_ID()', 'DO 0');
PREPARE reading FROM @text;
EXECUTE reading;
-- How many are open in all everybody may ask.
SELECT CONCAT('connections', CHAR(9), variable_value) FROM performance_schema.global_status WHERE variable_name = 'Threads_connected';

-- Versions as they stand in the tables; control characters would break the lines. The tables may be missing.
SET @line = (SELECT IF(COUNT(*) = 0, '''''', 'COALESCE(status, '''')') FROM information_schema.columns
    WHERE table_schema = DATABASE() AND UPPER(table_name) = 'SERVER_CHANGE_LOG' AND LOWER(column_name) = 'status');
SET @text = COALESCE((SELECT CONCAT('SELECT CONCAT(''migration '', REGEXP_REPLACE(version, ''[[:cntrl:]]'', ''''), CHAR(9), ',
    'COALESCE(DATE_FORMAT(installed_on, ''%Y-%m-%dT%H:%i:%s''), ''''), '' '', ', @line, ') FROM ', CHAR(96), MIN(table_name), CHAR(96))
    FROM information_schema.tables WHERE table_schema = DATABASE() AND UPPER(table_name) = 'SERVER_CHANGE_LOG'), 'DO 0');
PREPARE reading FROM @text;
EXECUTE reading;

SET @text = COALESCE((SELECT CONCAT('SELECT CONCAT(''statements '', REGEXP_REPLACE(version, ''[[:cntrl:]]'', ''''), CHAR(9), COUNT(*)) FROM ',
    CHAR(96), MIN(table_name), CHAR(96), ' GROUP BY version')
    FROM information_schema.tables WHERE table_schema = DATABASE() AND UPPER(table_name) = 'SERVER_MIGRATION_SQL_LOGS'), 'DO 0');
PREPARE reading FROM @text;
EXECUTE reading;

-- Which release of the server built each search index last (OpenMetadata keeps that from 1.8.7 on): how many rows, and
-- each without the mapping itself, which is large.
SET @table = (SELECT IF(COUNT(*) = 2, CONCAT(CHAR(96), MIN(table_name), CHAR(96)), NULL) FROM information_schema.columns
    WHERE table_schema = DATABASE() AND LOWER(table_name) = 'index_mapping_versions' AND LOWER(column_name) IN ('entitytype', 'version')
    AND FIND_IN_SET('SELECT', @here));
SET @text = COALESCE(CONCAT('SELECT CONCAT(''indexed'', CHAR(9), COUNT(*)) FROM ', @table, ' UNION ALL SELECT CONCAT(''indexed '', ',
    'REGEXP_REPLACE(entityType, ''[[:cntrl:]]'', ''''), CHAR(9), REGEXP_REPLACE(version, ''[[:cntrl:]]'', '''')) FROM ', @table), 'DO 0');
PREPARE reading FROM @text;
EXECUTE reading;

SELECT CONCAT('bytes ', table_name, CHAR(9), COALESCE(data_length + index_length, 0)) FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' ORDER BY table_name;

SELECT CONCAT('about ', table_name, CHAR(9), table_rows) FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND table_rows IS NOT NULL ORDER BY table_name;

SET @text = COALESCE((SELECT GROUP_CONCAT(CONCAT('SELECT CONCAT(', QUOTE(CONCAT('rows ', table_name)), ', CHAR(9), COUNT(*)) FROM ',
    CHAR(96), REPLACE(table_name, CHAR(96), CONCAT(CHAR(96), CHAR(96))), CHAR(96)) ORDER BY table_name SEPARATOR ' UNION ALL ')
    FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND FIND_IN_SET('SELECT', @here)
    AND (@count = 'all' OR LOWER(table_name) LIKE '%\_entity' OR LOWER(table_name) IN ('entity_relationship', 'field_relationship', 'tag_usage', 'tag',
        'classification', 'test_case', 'test_suite', 'test_definition', 'openmetadata_settings'))), 'DO 0');
PREPARE reading FROM @text;
EXECUTE reading;
COMMIT;
