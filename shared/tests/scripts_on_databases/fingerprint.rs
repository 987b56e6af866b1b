use std::collections::BTreeMap;

use crate::servers::{BOTH, Database, Engine, restore};

/// What `OpenMetadata`'s schema has, and what is known to come back from a restore in other words.
fn openmetadata(database: &Database) {
    database.with_tables().ran(&["0.0.15", "1.9.9", "1.12.3"]).logged("1.12.3");
    database.sql(match database.engine {
        Engine::Postgres => {
            "CREATE TABLE act_ge_property(name_ VARCHAR(64) PRIMARY KEY, value_ VARCHAR(300), rev_ INT);
             INSERT INTO act_ge_property VALUES ('schema.version', '7.0.1.1', 1), ('next.dbid', '1', 1);
             CREATE TABLE entity(id VARCHAR(36) GENERATED ALWAYS AS (json ->> 'id') STORED NOT NULL, json JSONB NOT NULL,
                 kind VARCHAR(20) DEFAULT 'table' CHECK (kind IN ('table', 'topic')), updatedAt BIGINT, at TIMESTAMPTZ DEFAULT '2026-01-01 00:00:00+02',
                 PRIMARY KEY (id), CONSTRAINT json_is_object CHECK (jsonb_typeof(json) = 'object'));
             CREATE INDEX entity_name ON entity ((json ->> 'name')) WHERE kind IN ('table', 'topic');
             CREATE TABLE child(id SERIAL PRIMARY KEY, entity VARCHAR(36) REFERENCES entity(id) ON DELETE CASCADE, name TEXT COLLATE \"C\" UNIQUE);
             CREATE VIEW names AS SELECT name FROM child;
             CREATE TABLE part(id INT, at INT) PARTITION BY RANGE (at);
             CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10);
             INSERT INTO entity(json) VALUES ('{\"id\": \"1\", \"name\": \"é\"}');"
        }
        Engine::Mysql | Engine::Strict => {
            "SET NAMES latin1;
             CREATE TABLE ACT_GE_PROPERTY(NAME_ VARCHAR(64) PRIMARY KEY, VALUE_ VARCHAR(300), REV_ INT);
             INSERT INTO ACT_GE_PROPERTY VALUES ('schema.version', '7.0.1.1', 1), ('next.dbid', '1', 1);
             CREATE TABLE entity(id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL, json JSON NOT NULL,
                 kind VARCHAR(20) DEFAULT 'table' CHECK (kind IN ('table', 'topic')), updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt'),
                 at TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, odd TIMESTAMP DEFAULT '2026-01-01 00:00:00', PRIMARY KEY (id));
             CREATE INDEX entity_name ON entity ((CAST(json ->> '$.name' AS CHAR(64))), kind(5) DESC);
             CREATE TABLE child(id INT AUTO_INCREMENT PRIMARY KEY, entity VARCHAR(36), name VARCHAR(64) COLLATE utf8mb4_bin UNIQUE,
                 FOREIGN KEY (entity) REFERENCES entity(id) ON DELETE CASCADE);
             CREATE VIEW names AS SELECT name FROM child;
             CREATE TRIGGER before_child BEFORE INSERT ON child FOR EACH ROW SET NEW.name = UPPER(NEW.name);
             SET NAMES utf8mb4;
             INSERT INTO entity(json) VALUES ('{\"id\": \"1\", \"name\": \"é\", \"updatedAt\": 7}');"
        }
    });
}

fn keys(text: &str) -> BTreeMap<&str, &str> {
    text.lines().map(|line| line.split_once('\t').expect("key<TAB>value")).collect()
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn the_same_after_dump_and_restore_under_another_name() {
    for engine in BOTH {
        let database = engine.database();
        openmetadata(&database);
        let pod = database.pod();
        pod.run("backup.sh").assert(0, &["complete"]);
        let names = crate::support::listing(&pod.backups());
        let directory = pod.backups().join(&names[0]);
        let file = match engine {
            Engine::Postgres => "database.dump",
            Engine::Mysql | Engine::Strict => "database.sql",
        };
        let copy = engine.database();
        restore(&directory.join(file), &copy);
        let before = database.fingerprint("");
        assert_eq!(before, copy.fingerprint(""));
        assert_eq!(keys(&before)["head"], "1.12.3");
        assert_eq!(keys(&before)["flowable"], "7.0.1.1");
        // Rows too, not only their shape.
        for table in ["entity", "SERVER_CHANGE_LOG", "SERVER_MIGRATION_SQL_LOGS"] {
            let question = format!("SELECT * FROM {table} ORDER BY 1;");
            assert_eq!(database.sql(&question), copy.sql(&question));
        }
        // And once more around: the restored definitions are stable themselves.
        let pod = copy.pod();
        pod.run("backup.sh").assert(0, &["complete"]);
        let again = engine.database();
        restore(&pod.backups().join(&crate::support::listing(&pod.backups())[0]).join(file), &again);
        assert_eq!(before, again.fingerprint(""));
        // The catalogue's record is the same text.
        let catalog: serde_json::Value =
            serde_json::from_slice(&std::fs::read(directory.join("catalog.json")).unwrap()).unwrap();
        for key in ["change_log", "sql_logs", "schema", "flowable"] {
            assert_eq!(catalog["fingerprint"][key], keys(&before)[key]);
        }
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn the_same_in_every_session() {
    for engine in BOTH {
        let database = engine.database();
        openmetadata(&database);
        let settings: &[&str] = match engine {
            Engine::Postgres => &[
                "SET timezone TO 'Asia/Kolkata';",
                "SET datestyle TO 'German'; SET search_path TO pg_catalog;",
                "SET client_encoding TO 'LATIN1'; SET quote_all_identifiers TO on; SET extra_float_digits TO -3;",
            ],
            Engine::Mysql | Engine::Strict => &[
                "SET time_zone = '+05:30';",
                "SET SESSION group_concat_max_len = 4;",
                "SET NAMES latin1; SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT';",
            ],
        };
        let plain = database.fingerprint("");
        for setting in settings {
            assert_eq!(plain, database.fingerprint(setting), "{setting}");
        }
        // The server's own user sees what an administrator sees.
        let mut pod = database.pod();
        let ran = pod.set("OMUPGRADE_ACTION", "fingerprint").run("backup.sh");
        assert_eq!(ran.assert(0, &[]).stdout, plain);
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn different_after_whatever_a_migration_does() {
    for engine in BOTH {
        let database = engine.database();
        openmetadata(&database);
        let by_engine: &[(&str, &str)] = match engine {
            Engine::Postgres => &[
                ("schema", "ALTER TABLE child ALTER COLUMN name TYPE VARCHAR(70)"),
                ("schema", "ALTER TABLE child ALTER COLUMN name SET NOT NULL"),
                ("schema", "ALTER TABLE child ALTER COLUMN name SET DEFAULT 'x'"),
                ("schema", "ALTER TABLE child RENAME CONSTRAINT child_entity_fkey TO other"),
                ("schema", "ALTER TABLE child DROP CONSTRAINT other"),
                (
                    "schema",
                    "ALTER TABLE entity DROP CONSTRAINT json_is_object, ADD CONSTRAINT json_is_object CHECK (json IS NOT NULL)",
                ),
                ("schema", "ALTER TABLE entity DROP CONSTRAINT json_is_object"),
                ("schema", "DROP INDEX entity_name"),
            ],
            Engine::Mysql | Engine::Strict => &[
                ("schema", "ALTER TABLE child MODIFY name VARCHAR(70) COLLATE utf8mb4_bin"),
                ("schema", "ALTER TABLE child MODIFY name VARCHAR(70) COLLATE utf8mb4_bin NOT NULL"),
                ("schema", "ALTER TABLE child MODIFY name VARCHAR(70) COLLATE utf8mb4_bin NOT NULL DEFAULT 'x'"),
                ("schema", "ALTER TABLE child MODIFY name VARCHAR(70) COLLATE utf8mb4_general_ci NOT NULL DEFAULT 'x'"),
                ("schema", "ALTER TABLE child DROP FOREIGN KEY child_ibfk_1"),
                (
                    "schema",
                    "ALTER TABLE entity DROP CHECK entity_chk_1, ADD CONSTRAINT entity_chk_1 CHECK (kind <> 'x')",
                ),
                ("schema", "ALTER TABLE entity DROP CHECK entity_chk_1"),
                ("schema", "DROP INDEX entity_name ON entity"),
            ],
        };
        let alike = [
            ("schema", "ALTER TABLE child ADD COLUMN more INT"),
            ("schema", "ALTER TABLE child DROP COLUMN more"),
            ("schema", "CREATE INDEX by_entity_name ON child (name, entity)"),
            ("schema", "CREATE TABLE one(id INT)"),
            ("schema", "DROP TABLE one"),
            (
                "change_log",
                "INSERT INTO SERVER_CHANGE_LOG(version, migrationFileName, checksum) VALUES ('1.12.4', 'f', 'u')",
            ),
            (
                "change_log",
                "UPDATE SERVER_CHANGE_LOG SET installed_on = '2026-11-22 11:00:01' WHERE version = '1.12.4'",
            ),
            (
                "change_log",
                "UPDATE SERVER_CHANGE_LOG SET installed_on = '2026-11-22 11:00:02' WHERE version = '1.12.4'",
            ),
            (
                "sql_logs",
                "INSERT INTO SERVER_MIGRATION_SQL_LOGS(version, sqlStatement, checksum) VALUES ('1.12.4', 's', 'c')",
            ),
            (
                "head",
                "INSERT INTO SERVER_MIGRATION_SQL_LOGS(version, sqlStatement, checksum) VALUES ('v1.13.0.2-collate', 's', 'd')",
            ),
            ("flowable", "UPDATE ACT_GE_PROPERTY SET VALUE_ = '7.2.0.2' WHERE NAME_ = 'schema.version'"),
        ];
        // PostgreSQL refuses to change a column that a view shows.
        database.sql("DROP VIEW names;");
        let mut before = database.fingerprint("");
        for (key, statement) in by_engine.iter().chain(&alike) {
            database.sql(&format!("{statement};"));
            let after = database.fingerprint("");
            assert_ne!(keys(&before)[key], keys(&after)[key], "{engine:?}: {statement}");
            before = after;
        }
        assert_eq!(keys(&before)["head"], "1.13.0");
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn the_same_after_what_is_no_migration() {
    for engine in BOTH {
        let database = engine.database();
        openmetadata(&database);
        database.sql("ALTER TABLE child ADD COLUMN a INT; ALTER TABLE child ADD COLUMN b INT;");
        let before = database.fingerprint("");
        // Another order of columns, other checksums (random on every run), rows, statistics, other Flowable properties.
        database.sql("ALTER TABLE child DROP COLUMN a; ALTER TABLE child ADD COLUMN a INT;");
        database.sql("UPDATE SERVER_CHANGE_LOG SET checksum = 'another', installed_on = installed_on;");
        database.sql("INSERT INTO child(name) VALUES ('x'), ('y'); UPDATE ACT_GE_PROPERTY SET VALUE_ = '99' WHERE NAME_ = 'next.dbid';");
        database.sql(if engine == Engine::Postgres { "ANALYZE;" } else { "ANALYZE TABLE child;" });
        assert_eq!(before, database.fingerprint(""));
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn tables_that_are_missing() {
    for engine in BOTH {
        let database = engine.database();
        let empty = database.fingerprint("");
        for key in ["change_log", "sql_logs", "flowable", "head"] {
            assert_eq!(keys(&empty)[key], "absent");
        }
        assert!(keys(&empty)["schema"].starts_with("0:"));
        database.with_change_log();
        assert_eq!(keys(&database.fingerprint(""))["head"], "none");
        assert_eq!(keys(&database.fingerprint(""))["sql_logs"], "absent");
        database.ran(&["1.9.9", "1.13.0", "nightly", "0.0.15"]);
        let one = database.fingerprint("");
        assert_eq!(keys(&one)["head"], "1.13.0");
        assert!(keys(&one)["change_log"].starts_with("4:"));
    }
}
