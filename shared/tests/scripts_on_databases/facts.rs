use std::collections::BTreeMap;

use crate::servers::{BOTH, Database, Engine};

/// The facts as the probe's Pod prints them, by key.
fn facts(database: &Database, settings: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut pod = database.pod();
    pod.set("OMUPGRADE_ACTION", "facts").set("OMUPGRADE_BACKUP_DIR", "/nowhere");
    for (name, value) in settings {
        pod.set(name, value);
    }
    let ran = pod.run("backup.sh");
    ran.assert(0, &["\nfacts:\n"]);
    let (fingerprint, facts) = ran.stdout.split_once("facts:\n").unwrap();
    assert_eq!(fingerprint.lines().count(), 5, "{fingerprint}");
    let mut all = BTreeMap::new();
    for line in facts.lines() {
        let (key, value) = line.split_once('\t').unwrap_or_else(|| panic!("no tab in `{line}`"));
        assert!(all.insert(key.to_owned(), value.to_owned()).is_none(), "`{key}` stands there twice");
    }
    all
}

fn number(facts: &BTreeMap<String, String>, key: &str) -> u64 {
    facts.get(key).unwrap_or_else(|| panic!("no `{key}` in {facts:#?}")).parse().unwrap()
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn what_is_to_know_of_a_database() {
    for engine in BOTH {
        let database = engine.database();
        database.with_tables().ran(&["0.0.15", "1.12.3"]).logged("1.12.3").logged("1.13.0");
        database.sql("CREATE TABLE table_entity(id INT); INSERT INTO table_entity VALUES (1), (2), (3);");
        database.sql("CREATE TABLE change_event(id INT); INSERT INTO change_event VALUES (1), (2);");
        let found = facts(&database, &[]);
        let (name, major) = match engine {
            Engine::Postgres => ("postgresql", 10),
            Engine::Mysql | Engine::Strict => ("mysql", 8),
        };
        assert_eq!(found["engine"], name);
        assert_eq!(found["database"], database.name);
        assert!(found["version"].split('.').next().unwrap().parse::<u32>().unwrap() >= major, "{}", found["version"]);
        assert!(number(&found, "bytes") > 0);
        assert!(number(&found, "sort_buffer") > 1000);
        assert!(number(&found, "max_connections") > 1);
        // Those of others, too: the servers' own administrator is there as well.
        assert!(number(&found, "connections") >= 1, "{found:#?}");
        assert_eq!(found["read_only"], "no");
        assert_eq!(found["charset"].to_lowercase().trim_end_matches("mb4"), "utf8");
        assert_eq!(found["may migrate"], "yes", "{found:#?}");
        assert_eq!(found["may read_all"], "yes");
        assert_eq!(found["may create_database"], "no");
        assert_eq!(found["may rename_database"], "no");
        assert!(found["migration 1.12.3"].starts_with("20"), "{}", found["migration 1.12.3"]);
        assert!(found.contains_key("migration 0.0.15"));
        assert_eq!((number(&found, "statements 1.12.3"), number(&found, "statements 1.13.0")), (1, 1));
        // Entities are counted, the rest is estimated.
        assert_eq!(number(&found, "rows table_entity"), 3);
        assert!(!found.contains_key("rows change_event"));
        assert!(number(&found, "bytes change_event") > 0);
        let all = facts(&database, &[("OMUPGRADE_COUNT", "all")]);
        assert_eq!((number(&all, "rows change_event"), number(&all, "rows table_entity")), (2, 3));
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn what_built_the_indexes_is_told_where_its_table_is_the_servers() {
    for engine in BOTH {
        let database = engine.database();
        let json = if engine == Engine::Postgres { "JSONB" } else { "JSON" };
        assert!(!facts(&database, &[]).contains_key("indexed"));
        // As OpenMetadata's migration 1.8.7 makes it, without its indexes.
        database.sql(&format!(
            "CREATE TABLE index_mapping_versions(entityType VARCHAR(256) NOT NULL PRIMARY KEY, mappingHash VARCHAR(32) NOT NULL, \
             mappingJson {json} NOT NULL, version VARCHAR(36) NOT NULL, updatedAt BIGINT NOT NULL, updatedBy VARCHAR(256) NOT NULL)"
        ));
        assert_eq!(facts(&database, &[])["indexed"], "0");
        database.sql("INSERT INTO index_mapping_versions VALUES ('table', 'aa', '{\"en\": 1}', '2.0.7', 1, 'system')");
        let found = facts(&database, &[]);
        assert_eq!((found["indexed"].as_str(), found["indexed table"].as_str()), ("1", "2.0.7"));
        assert!(!found.values().any(|value| value.contains("en\"")), "{found:#?}");
        // A table of somebody else's with that name.
        database.sql("ALTER TABLE index_mapping_versions DROP COLUMN version");
        assert!(!facts(&database, &[]).contains_key("indexed"));
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn an_empty_database_has_facts_too() {
    for engine in BOTH {
        let found = facts(&engine.database(), &[("OMUPGRADE_COUNT", "all")]);
        assert!(!found.keys().any(|k| k.starts_with("rows ") || k.starts_with("migration ")), "{found:#?}");
        assert_eq!(found["may migrate"], "yes");
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn odd_names_and_a_status_column_break_no_line() {
    for engine in BOTH {
        let database = engine.database_named("it's \"odd\"");
        database.with_change_log().ran(&["1.2.3"]);
        database.sql("ALTER TABLE SERVER_CHANGE_LOG ADD COLUMN status VARCHAR(20) NOT NULL DEFAULT 'COMPLETED'");
        database.sql("UPDATE SERVER_CHANGE_LOG SET status = 'FAILED', version = '1.2.4\nx\ty'");
        let quote = if engine == Engine::Postgres { '"' } else { '`' };
        database.sql(&format!("CREATE TABLE {quote}an odd'name_entity{quote}(id INT)"));
        let found = facts(&database, &[]);
        assert_eq!(found["database"], "it's \"odd\"");
        assert!(found["migration 1.2.4xy"].ends_with(" FAILED"), "{found:#?}");
        assert_eq!(number(&found, "rows an odd'name_entity"), 0);
        database.sql(&format!("DROP TABLE {quote}an odd'name_entity{quote}"));
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn the_bots_token_is_read_as_it_is_kept_and_never_in_clear() {
    for engine in BOTH {
        let database = engine.database();
        let json = if engine == Engine::Postgres { "JSONB" } else { "JSON" };
        database.sql(&format!("CREATE TABLE user_entity(json {json} NOT NULL)"));
        let texts = [
            ("OMUPGRADE_FACTS_POSTGRESQL", shared::backup::BOT_POSTGRESQL),
            ("OMUPGRADE_FACTS_MYSQL", shared::backup::BOT_MYSQL),
        ];
        assert!(!facts(&database, &texts).contains_key("token"));
        for (kept, said) in
            [("fernet:gAAA%_x==", "fernet:gAAA%_x=="), ("eyJ-in-clear", "plain"), ("secret:/om/bot", "elsewhere")]
        {
            database.sql("DELETE FROM user_entity");
            for (name, token) in [("ingestion-bot", kept), ("admin", "fernet:other")] {
                let user = format!(
                    r#"{{"name": "{name}", "authenticationMechanism": {{"config": {{"JWTToken": "{token}"}}}}}}"#
                );
                database.sql(&format!("INSERT INTO user_entity VALUES ('{user}')"));
            }
            let found = facts(&database, &texts);
            assert_eq!(found.get("token").map(String::as_str), Some(said), "{found:#?}");
            assert_eq!(found.len(), 1);
        }
    }
}
