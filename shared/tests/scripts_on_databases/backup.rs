use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::proxy::{self, After};
use crate::servers::{BOTH, Database, Engine, Pod, restore};
use crate::support::listing;

fn large(engine: Engine) -> Database {
    let database = engine.database();
    database.with_tables().ran(&["1.12.3"]).with_large_table();
    database
}

/// A dump stands in its hidden directory; one that hangs does so from then on.
fn wait_until_begun(pod: &Pod) {
    let begun = Instant::now();
    while listing(&pod.backups()).first().is_none_or(|name| listing(&pod.backups().join(name)).is_empty()) {
        assert!(begun.elapsed() < Duration::from_secs(30));
        thread::sleep(Duration::from_millis(100));
    }
}

/// Nothing is left on the claim, not even a hidden directory.
#[track_caller]
fn fails(pod: &Pod, words: &[&str]) {
    pod.run("backup.sh").assert(1, words).assert_silent_about("complete");
    assert_eq!(listing(&pod.backups()), Vec::<String>::new());
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_good_dump_in_the_name_of_an_unknown_user() {
    for engine in BOTH {
        let database = large(engine);
        let pod = database.pod();
        let ran = pod.run("backup.sh");
        ran.assert(0, &["verified: ", "schema head 1.12.3"]);
        let names = listing(&pod.backups());
        assert!(names.len() == 1 && names[0].starts_with("om-1.13.1-2"), "{names:?}");
        let directory = pod.backups().join(&names[0]);
        assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
        let catalog: serde_json::Value =
            serde_json::from_slice(&fs::read(directory.join("catalog.json")).unwrap()).unwrap();
        let file = &catalog["files"][0];
        let path = directory.join(file["name"].as_str().unwrap());
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        assert_eq!(file["bytes"], metadata.len());
        let sum = Command::new("sha256sum").arg(&path).output().unwrap();
        assert!(String::from_utf8(sum.stdout).unwrap().starts_with(file["sha256"].as_str().unwrap()));
        let last = ran.stdout.lines().last().unwrap();
        assert!(last.starts_with(&format!("omupgrade-backup: complete {} bytes={} sha256=", names[0], metadata.len())));
        // A second one stands beside the first.
        pod.run("backup.sh").assert(0, &["complete"]);
        assert_eq!(listing(&pod.backups()).len(), 2);
    }
}

fn rows(directory: &std::path::Path) -> serde_json::Value {
    let catalog: serde_json::Value =
        serde_json::from_slice(&fs::read(directory.join("catalog.json")).unwrap()).unwrap();
    serde_json::from_value::<shared::backup::Record>(catalog.clone()).unwrap();
    catalog["rows"].clone()
}

/// Values that look like the ends of rows, in tables that begin with a string, a number, nothing.
#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn the_rows_of_every_table_are_counted() {
    for engine in BOTH {
        let database = engine.database();
        let generated =
            if engine == Engine::Postgres { "json->>'id'" } else { "json_unquote(json_extract(json, '$.id'))" };
        let json = if engine == Engine::Postgres { "JSONB" } else { "JSON" };
        database.sql(&format!(
            "CREATE TABLE plain(id VARCHAR(36) PRIMARY KEY, t TEXT);
             CREATE TABLE number(id INT PRIMARY KEY, t TEXT, n INT);
             CREATE TABLE nothing(id VARCHAR(36));
             CREATE TABLE entity(json {json} NOT NULL, id VARCHAR(36) GENERATED ALWAYS AS ({generated}) STORED);
             CREATE TABLE nulls(a VARCHAR(9), b VARCHAR(9));"
        ));
        let odd = [
            "),(",
            "),('",
            "'),('",
            "x\\'),(''",
            "a\nINSERT INTO `plain` VALUES (1),(2)",
            "`) VALUES (1),(2",
            "",
            "),(''),",
        ];
        for (i, text) in odd.iter().enumerate() {
            let text = text.replace('\'', "''");
            let text = if engine == Engine::Mysql { text.replace('\\', "\\\\") } else { text };
            database.sql(&format!(
                "INSERT INTO plain VALUES ('{i}', '{text}'); INSERT INTO number VALUES ({i}, '{text}', NULL);
                 INSERT INTO nulls VALUES (NULL, '{i}'), ('{i}', NULL);
                 INSERT INTO entity(json) VALUES ('{{\"id\": \"{i}\"}}');"
            ));
        }
        database.sql("INSERT INTO plain VALUES ('),(', '),('); INSERT INTO nulls VALUES ('),(', '');");
        let pod = database.pod();
        pod.run("backup.sh").assert(0, &["complete"]).assert_silent_about("not recorded");
        let found = rows(&pod.backups().join(&listing(&pod.backups())[0]));
        let expected = serde_json::json!({"entity": 8, "nothing": 0, "nulls": 17, "number": 8, "plain": 9});
        assert_eq!(found, expected, "{engine:?}");
    }
}

/// What a dump says around each table's rows, in a row: the quick way to count is not to be trusted then.
#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn the_rows_of_a_table_that_holds_a_dump_are_counted() {
    let database = Engine::Mysql.database();
    database.sql(
        "CREATE TABLE a(id VARCHAR(36) PRIMARY KEY, t TEXT); CREATE TABLE b(id INT); CREATE TABLE nothing(id INT);
         INSERT INTO a VALUES ('1', '/*!40000 ALTER TABLE `a` DISABLE KEYS */;'), ('2', '),('), ('3', 'x');
         INSERT INTO b VALUES (1), (2);",
    );
    let pod = database.pod();
    pod.run("backup.sh").assert(0, &["complete"]).assert_silent_about("not recorded");
    let found = rows(&pod.backups().join(&listing(&pod.backups())[0]));
    assert_eq!(found, serde_json::json!({"a": 3, "b": 2, "nothing": 0}));
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_database_without_a_table() {
    for engine in BOTH {
        let pod = engine.database().pod();
        pod.run("backup.sh").assert(0, &["schema head none"]);
        let catalog = pod.backups().join(&listing(&pod.backups())[0]).join("catalog.json");
        assert!(fs::read_to_string(catalog).unwrap().contains(r#""schema_head":"""#));
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_server_as_managed_services_run_it() {
    let database = Engine::Strict.database();
    database.with_tables().ran(&["1.12.3"]);
    let pod = database.pod();
    pod.run("backup.sh").assert(0, &["complete"]).assert_silent_about("GTID");
    let dump = fs::read_to_string(pod.backups().join(&listing(&pod.backups())[0]).join("database.sql")).unwrap();
    assert!(!dump.contains("GTID_PURGED"));
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn what_cannot_be_reached_fails_in_seconds() {
    for engine in BOTH {
        let database = engine.database();
        let fails = |variable: &str, value: &str, words: &[&str]| {
            let begun = Instant::now();
            let mut pod = database.pod();
            pod.set("OMUPGRADE_PASSWORD_SECRET", "mysql-secrets").set("OMUPGRADE_DB_SECRET", "openmetadata-db-secret");
            fails(pod.set(variable, value), words);
            assert!(begun.elapsed() < Duration::from_secs(20), "{variable}");
        };
        fails("DB_USER_PASSWORD", "wrong", &["the user or the password is wrong", "Secret mysql-secrets"]);
        fails("DB_USER_PASSWORD", "", &["DB_USER_PASSWORD is empty", "Secret mysql-secrets"]);
        fails("DB_HOST", "", &["DB_HOST is empty", "Secret openmetadata-db-secret"]);
        fails("OM_DATABASE", "not_there", &["there is no such database"]);
        fails("DB_PORT", &proxy::free_port().to_string(), &["the server does not answer"]);
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_connection_cut_in_the_middle() {
    for engine in BOTH {
        let database = large(engine);
        let mut pod = database.pod();
        let port = proxy::after_bytes(engine.port(), 1_000_000, || After::Cut);
        pod.set("DB_PORT", &port.to_string());
        fails(&pod, &["dump failed with", "went away, or the connection broke"]);
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_server_that_ends_the_session_in_the_middle() {
    for engine in BOTH {
        let database = large(engine);
        let name = database.name.clone();
        let kill = move || {
            match engine {
                Engine::Postgres => {
                    engine.sql(
                        "",
                        &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
                    );
                }
                Engine::Mysql | Engine::Strict => {
                    let id =
                        engine.sql("", &format!("SELECT id FROM information_schema.processlist WHERE db = '{name}'"));
                    engine.sql("", &format!("KILL {id};"));
                }
            }
            After::GoOn
        };
        let mut pod = database.pod();
        pod.set("DB_PORT", &proxy::after_bytes(engine.port(), 1_000_000, kill).to_string());
        fails(&pod, &["dump failed with", "the connection broke"]);
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn the_dump_is_of_one_moment() {
    for engine in BOTH {
        let database = large(engine);
        database.sql("CREATE TABLE zz_last(id INT PRIMARY KEY); INSERT INTO zz_last VALUES (1);");
        let other = database.clone();
        let write = move || {
            other.sql("INSERT INTO zz_last VALUES (2);");
            After::GoOn
        };
        let mut pod = database.pod();
        pod.set("DB_PORT", &proxy::after_bytes(engine.port(), 1_000_000, write).to_string());
        pod.run("backup.sh").assert(0, &["complete"]);
        let directory = pod.backups().join(&listing(&pod.backups())[0]);
        assert_eq!(rows(&directory)["zz_last"], 1, "counted in the dump's own moment");
        let file = if engine == Engine::Postgres { "database.dump" } else { "database.sql" };
        let copy = engine.database();
        restore(&directory.join(file), &copy);
        assert_eq!(database.sql("SELECT id FROM zz_last ORDER BY id;"), "1\n2\n");
        assert_eq!(copy.sql("SELECT id FROM zz_last ORDER BY id;"), "1\n");
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_migration_during_the_dump() {
    for engine in BOTH {
        let database = large(engine);
        let other = database.clone();
        let migrate = move || {
            other.ran(&["1.13.1"]);
            After::GoOn
        };
        let mut pod = database.pod();
        pod.set("DB_PORT", &proxy::after_bytes(engine.port(), 1_000_000, migrate).to_string());
        fails(&pod, &["the schema moved while it was dumped"]);
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn told_to_end_in_the_middle() {
    for engine in BOTH {
        let database = large(engine);
        let mut pod = database.pod();
        pod.set("DB_PORT", &proxy::after_bytes(engine.port(), 1_000_000, || After::Stall).to_string());
        // Into a file: a dump that nobody ended would hold a pipe open, and this test with it.
        let said = pod.outside.join("said");
        let file = fs::File::create(&said).unwrap();
        let mut child = pod.command(&["dash"], "backup.sh").stdout(Stdio::null()).stderr(file).spawn().unwrap();
        wait_until_begun(&pod);
        thread::sleep(Duration::from_secs(1));
        assert!(listing(&pod.backups())[0].starts_with(".partial-om-1.13.1-"));
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
        let told = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if told.elapsed() > Duration::from_secs(20) {
                child.kill().unwrap();
            }
            thread::sleep(Duration::from_millis(50));
        };
        let said = fs::read_to_string(said).unwrap();
        assert!(status.code() == Some(1) && said.contains("told to end"), "{status}: {said}");
        assert_eq!(listing(&pod.backups()), Vec::<String>::new());
    }
}

/// Nobody is left to clear away: a later run does, and each dumps anew.
#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn killed_in_the_middle() {
    for engine in BOTH {
        let database = large(engine);
        let mut pod = database.pod();
        pod.set("DB_PORT", &proxy::after_bytes(engine.port(), 1_000_000, || After::Stall).to_string());
        let mut command = pod.command(&["dash"], "backup.sh");
        let mut child = command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_until_begun(&pod);
        let group = format!("-{}", child.id());
        assert!(Command::new("kill").args(["-KILL", "--", &group]).status().unwrap().success());
        child.wait().unwrap();
        // As with the Pod's own disk, which goes with it.
        let tmp = pod.outside.join("tmp");
        for name in listing(&tmp) {
            fs::remove_dir_all(tmp.join(name)).unwrap();
        }
        assert!(listing(&pod.backups())[0].starts_with(".partial-om-1.13.1-"), "killed before it could clear away");
        pod.set("DB_PORT", &engine.port().to_string());
        // Nobody knows yet that nobody writes to it.
        pod.run("backup.sh").assert(0, &["leaving .partial-om-1.13.1-", "complete"]);
        let half = pod.backups().join(&listing(&pod.backups())[0]);
        for path in listing(&half).iter().map(|name| half.join(name)).chain([half.clone()]) {
            fs::File::open(path).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        }
        pod.run("backup.sh").assert(0, &["left by a backup that did not finish", "complete"]);
        let left = listing(&pod.backups());
        assert!(left.len() == 2 && left.iter().all(|name| name.starts_with("om-1.13.1-")), "{left:?}");
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_full_claim() {
    for engine in BOTH {
        let database = large(engine);
        let pod = database.pod();
        let call = |arguments: &[&str]| {
            Command::new(arguments[0]).args(&arguments[1..]).arg(pod.backups()).status().unwrap().success()
        };
        assert!(call(&["mount", "-t", "tmpfs", "-o", "size=1m,mode=777", "claim"]));
        let ran = pod.run("backup.sh");
        let left = listing(&pod.backups());
        // Another test's process, on its way to its own program, holds what this one has open for
        // a moment; a process that the script left behind holds it for longer.
        let ended = Instant::now();
        while !call(&["umount"]) {
            assert!(ended.elapsed() < Duration::from_secs(10), "something still holds the claim");
            thread::sleep(Duration::from_millis(100));
        }
        ran.assert(1, &["little room", "dump failed with", "the claim is full", "bytes were free at the start"]);
        assert_eq!(left, Vec::<String>::new());
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_claim_that_the_user_may_not_write_to() {
    for engine in BOTH {
        let pod = engine.database().pod();
        fs::set_permissions(pod.backups(), fs::Permissions::from_mode(0o755)).unwrap();
        fails(&pod, &["cannot write to", "does fsGroup let user 12345 write?"]);
    }
}
