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

/// The database itself answers every write with an error, whoever writes; the trial on its server succeeds all the same.
#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn on_the_same_server_the_database_is_only_read() {
    for engine in BOTH {
        let database = database(engine);
        let (before, name) = (database.fingerprint(""), database.name.clone());
        let mut pod = database.pod();
        pod.run("backup.sh").assert(0, &["complete"]);
        let backup = listing(&pod.backups())[0].clone();
        let administrator = engine.user("admin-password");
        let (lock, unlock, try_it) = if engine == Engine::Postgres {
            engine.sql("", &format!("ALTER ROLE {administrator} CREATEDB"));
            let set = format!("ALTER DATABASE {name} SET default_transaction_read_only");
            (format!("{set} = on"), format!("{set} = off"), "read-only transaction")
        } else {
            let scratch = format!("{}\\_omupgrade\\_drill\\_%", name.replace('_', "\\_"));
            engine.sql(
                "",
                &format!("GRANT ALL ON `{name}`.* TO {administrator}; GRANT ALL ON `{scratch}`.* TO {administrator}; GRANT SET_ANY_DEFINER, SYSTEM_USER ON *.* TO {administrator}"),
            );
            (
                format!("ALTER DATABASE {name} READ ONLY = 1"),
                format!("ALTER DATABASE {name} READ ONLY = 0"),
                "read only mode",
            )
        };
        pod.set("OMUPGRADE_BACKUP", &backup).set("OMUPGRADE_RESTORE_ID", "t1").set("OMUPGRADE_ACTION", "drill");
        // The server's own user may not make databases: it is said, and nothing is left.
        let refused = pod.run("restore.sh");
        refused.assert(1, &["cannot create", "Nothing was read"]).assert_silent_about("may not read");
        refused.assert_silent_about("omupgrade-drill: restored");
        pod.set("OMUPGRADE_ADMIN_USER", &administrator).set("OMUPGRADE_ADMIN_PASSWORD", "admin-password");
        engine.sql("", &lock);
        let refused = pod.set("OMUPGRADE_ACTION", "in-place").run("restore.sh");
        refused.assert(1, &[try_it]);
        let ran = pod.set("OMUPGRADE_ACTION", "drill").run("restore.sh");
        engine.sql("", &unlock);
        ran.assert(0, &["rows large\t8000", "rows part\t2", "omupgrade-drill: restored om-1.13.1-"]);
        assert!(ran.stdout.contains(&before), "{engine:?}: {}", ran.stdout);
        assert_eq!(database.fingerprint(""), before);
        // One that cannot be loaded leaves no database behind.
        let (mut other, file) =
            (database.pod(), if engine == Engine::Postgres { "database.dump" } else { "database.sql" });
        other.run("backup.sh").assert(0, &["complete"]);
        let found = other.backups().join(&listing(&other.backups())[0]);
        let mut bytes = fs::read(found.join(file)).unwrap();
        let half = bytes.len() / 2;
        bytes[half] ^= 1;
        fs::write(found.join(file), bytes).unwrap();
        other.set("OMUPGRADE_BACKUP", &listing(&other.backups())[0]).set("OMUPGRADE_RESTORE_ID", "t1");
        other.set("OMUPGRADE_ADMIN_USER", &administrator).set("OMUPGRADE_ADMIN_PASSWORD", "admin-password");
        other.set("OMUPGRADE_ACTION", "drill").run("restore.sh").assert(1, &["its sha256 differs"]);
        let list = if engine == Engine::Postgres { "SELECT datname FROM pg_database" } else { "SHOW DATABASES" };
        let left = engine.sql("", list);
        assert!(!left.lines().any(|l| l.starts_with(&format!("{name}_omupgrade"))), "{left}");
    }
}

/// The dump then changes the database that it was made of, by its name.
#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_routine_of_another_collation_does_not_stop_it() {
    let database = database(Engine::Mysql);
    database.sql(
        "ALTER DATABASE COLLATE utf8mb4_bin; CREATE DEFINER=om@'%' PROCEDURE other() SELECT 1;
         ALTER DATABASE COLLATE utf8mb4_0900_ai_ci;",
    );
    let pod = backed_up(&database);
    pod.run("drill.sh").assert(0, &["rows part\t2", "omupgrade-drill: restored om-1.13.1-"]);
}
