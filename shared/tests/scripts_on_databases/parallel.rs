//! A dump of several jobs into a directory: it is as whole, as of one moment and as restorable as one of one file.

use std::fs;

use crate::proxy::{self, After};
use crate::servers::{Database, Engine, Pod};
use crate::support::listing;

fn backed_up(database: &Database, more: impl FnOnce(&mut Pod)) -> Pod {
    let mut pod = database.pod();
    pod.set("OMUPGRADE_JOBS", "3").set("OMUPGRADE_PARALLEL_FROM", "1");
    more(&mut pod);
    pod.run("backup.sh").assert(0, &["dumping with 3 jobs", "complete"]).assert_silent_about("not recorded");
    let name = listing(&pod.backups())[0].clone();
    pod.set("OMUPGRADE_BACKUP", &name);
    pod
}

fn database() -> Database {
    let database = Engine::Postgres.database();
    database.with_tables().ran(&["1.12.3"]).logged("1.12.3").with_large_table();
    database.sql("CREATE TABLE empty(id INT); CREATE MATERIALIZED VIEW m AS SELECT 1; CREATE TABLE zz_last(id INT PRIMARY KEY); INSERT INTO zz_last VALUES (1);");
    database
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn it_is_of_one_moment_and_restores_on_every_road() {
    let database = database();
    let before = database.fingerprint("");
    let other = database.clone();
    let write = move || {
        other.sql("INSERT INTO zz_last VALUES (2);");
        After::GoOn
    };
    let port = proxy::after_bytes(Engine::Postgres.port(), 1_000_000, write);
    let mut pod = backed_up(&database, |pod| {
        pod.as_known_user().set("DB_PORT", &port.to_string());
    });
    let directory = pod.backups().join(&listing(&pod.backups())[0]);
    let record: shared::backup::Record =
        serde_json::from_slice(&fs::read(directory.join("catalog.json")).unwrap()).unwrap();
    let rows = record.rows.unwrap();
    assert_eq!((rows["zz_last"], rows["large"], rows["empty"]), (1, 8000, 0), "counted in the dump's own moment");
    assert_eq!(record.files.len(), fs::read_dir(directory.join("database")).unwrap().count());
    assert!(record.files.iter().all(|f| f.name.starts_with("database/") && f.sha256.len() == 64));
    assert!(record.files.iter().any(|f| f.name == "database/toc.dat"));
    pod.set("DB_PORT", &Engine::Postgres.port().to_string());
    pod.set("OMUPGRADE_ACTION", "verify")
        .run("claim.sh")
        .assert(0, &["database/toc.dat: ", "omupgrade-backup: verified"]);
    let drilled = pod.set("OMUPGRADE_ENGINE", "postgresql").run("drill.sh");
    drilled.assert(0, &["rows zz_last\t1", "rows large\t8000", "omupgrade-drill: restored"]);
    assert!(drilled.stdout.starts_with(&before));
    let user = Engine::Postgres.user("om-password");
    Engine::Postgres.sql("", &format!("ALTER ROLE {user} CREATEDB"));
    pod.set("DB_USER", &user).set("OMUPGRADE_RESTORE_ID", "parallel");
    pod.set("OMUPGRADE_ACTION", "beside")
        .run("restore.sh")
        .assert(0, &["are as the record", "omupgrade-restore: beside done"]);
    pod.set("OMUPGRADE_ACTION", "beside").run("restore.sh").assert(0, &["loaded and proven already"]);
    pod.set("OMUPGRADE_ACTION", "clean-up").run("restore.sh").assert(0, &["clean-up done"]);
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_file_of_it_that_is_missing_short_or_changed_is_seen_before_anything_is_loaded() {
    let mut pod = backed_up(&database(), |_| ());
    let directory = pod.backups().join(&listing(&pod.backups())[0]).join("database");
    let largest = || fs::read_dir(&directory).unwrap().max_by_key(|e| e.as_ref().unwrap().metadata().unwrap().len());
    let path = largest().unwrap().unwrap().path();
    let whole = fs::read(&path).unwrap();
    pod.set("OMUPGRADE_RESTORE_ID", "parallel");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for (content, claim, restore) in [
        (Some(flipped), "its sha256 differs", "its sha256 differs"),
        (Some(whole[..whole.len() - 1].to_vec()), "was cut off or changed", "is truncated or was changed"),
        (None, "is missing", "may not read"),
    ] {
        match &content {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        pod.set("OMUPGRADE_ACTION", "verify").run("claim.sh").assert(1, &[claim]).assert_silent_about("verified");
        pod.set("OMUPGRADE_ACTION", "check").run("restore.sh").assert(1, &[restore]);
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_connection_of_it_that_is_cut_leaves_nothing() {
    let mut pod = database().pod();
    let port = proxy::after_bytes(Engine::Postgres.port(), 1_000_000, || After::Cut);
    pod.set("OMUPGRADE_JOBS", "3").set("OMUPGRADE_PARALLEL_FROM", "1").set("DB_PORT", &port.to_string());
    pod.run("backup.sh").assert(1, &["pg_dump failed with"]).assert_silent_about("complete");
    assert_eq!(listing(&pod.backups()), Vec::<String>::new());
    // Below the threshold it is one file.
    pod.set("OMUPGRADE_PARALLEL_FROM", "99999999999").set("DB_PORT", &Engine::Postgres.port().to_string());
    pod.run("backup.sh").assert(0, &["complete"]).assert_silent_about("jobs");
}
