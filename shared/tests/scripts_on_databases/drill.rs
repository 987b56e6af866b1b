use std::fs;

use crate::servers::{BOTH, Database, Engine, Pod};
use crate::support::listing;

fn backed_up(database: &Database) -> Pod {
    let mut pod = database.pod();
    if database.engine == Engine::Postgres {
        pod.as_known_user();
    }
    pod.run("backup.sh").assert(0, &["complete"]);
    let name = listing(&pod.backups())[0].clone();
    let engine = if database.engine == Engine::Postgres { "postgresql" } else { "mysql" };
    pod.set("OMUPGRADE_BACKUP", &name).set("OMUPGRADE_ENGINE", engine);
    // It knows no other server.
    for setting in ["DB_SCHEME", "DB_HOST", "DB_PORT", "DB_USER", "DB_USER_PASSWORD", "OM_DATABASE", "DB_PARAMS"] {
        pod.set(setting, "");
    }
    pod
}

fn database(engine: Engine) -> Database {
    let database = engine.database();
    database.with_tables().ran(&["1.12.3"]).logged("1.12.3").with_large_table();
    database.sql("CREATE TABLE part(id INT PRIMARY KEY, big INT REFERENCES large(id)); CREATE VIEW v AS SELECT id FROM part; INSERT INTO part VALUES (1, 1), (2, 2);");
    database
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn what_is_restored_has_the_rows_and_the_state_of_the_record() {
    for engine in BOTH {
        let database = database(engine);
        let before = database.fingerprint("");
        let pod = backed_up(&database);
        let ran = pod.run("drill.sh");
        ran.assert(0, &["rows large\t8000", "rows part\t2", "omupgrade-drill: restored om-1.13.1-"]);
        assert_eq!(ran.stdout.split("facts:\n").next().unwrap(), before, "{engine:?}");
        assert_eq!(database.fingerprint(""), before, "the database itself is not touched");
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_dump_that_lost_something_is_seen() {
    for engine in BOTH {
        let pod = backed_up(&database(engine));
        let file = if engine == Engine::Postgres { "database.dump" } else { "database.sql" };
        let path = pod.backups().join(&listing(&pod.backups())[0]).join(file);
        let mut bytes = fs::read(&path).unwrap();
        let half = bytes.len() / 2;
        if engine == Engine::Postgres {
            bytes.truncate(half);
        } else {
            bytes.splice(half..half + 40, b"'; oops".iter().copied());
        }
        fs::write(&path, bytes).unwrap();
        pod.run("drill.sh").assert(1, &["the dump cannot be re"]).assert_silent_about("omupgrade-drill: restored");
    }
}
