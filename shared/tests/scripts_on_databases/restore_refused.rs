//! What would fail in the middle of a restore is found before its first write: grants, definers, sessions that come back,
//! a Pod that starts too late.

use crate::restore::{Case, state};
use crate::servers::{BOTH, Engine};
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_pod_that_starts_too_late_writes_nothing() {
    for engine in BOTH {
        let mut case = Case::new(engine).privileged();
        let before = (state(&case.database), case.family());
        case.pod.set("OMUPGRADE_NOT_AFTER", "1000000000");
        for action in ["beside", "swap", "in-place", "clean-up"] {
            case.act(action).assert(1, &["s too late", "nothing was changed"]);
        }
        assert_eq!((state(&case.database), case.family()), before);
        case.pod.set("OMUPGRADE_NOT_AFTER", "9000000000");
        case.act("beside").assert(0, &["beside done"]);
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn where_a_server_comes_back_nothing_is_swapped_or_emptied() {
    for engine in BOTH {
        let mut case = Case::new(engine).privileged();
        case.act("beside").assert(0, &["beside done"]);
        // In the tests' PostgreSQL the one who may make databases is another user than the server's.
        case.pod.set("DB_USER", "om").set("OMUPGRADE_ADMIN_USER", "").set("OMUPGRADE_COME_BACK_SECONDS", "1");
        if engine == Engine::Postgres {
            engine.sql("", "ALTER ROLE om CREATEDB");
        }
        let before = state(&case.database);
        let stop = Arc::new(AtomicBool::new(false));
        let (database, stopped) = (case.database.clone(), stop.clone());
        let server = thread::spawn(move || {
            let text = if engine == Engine::Postgres { "SELECT pg_sleep(60);" } else { "DO SLEEP(60);" };
            while !stopped.load(Ordering::Acquire) {
                database.held(text);
            }
        });
        thread::sleep(Duration::from_millis(500));
        for action in ["swap", "in-place"] {
            case.act(action).assert(1, &["come back to", "a server still runs"]);
        }
        assert_eq!(state(&case.database), before, "{engine:?}");
        stop.store(true, Ordering::Release);
        // It ends its last session, and so the server.
        case.act("swap").assert(0, &["swap done"]);
        server.join().unwrap();
        case.assert_restored("the server is gone");
        if engine == Engine::Postgres {
            engine.sql("", "ALTER ROLE om NOCREATEDB");
        }
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn what_a_user_of_postgresql_may_not_do_is_found_by_the_check() {
    let engine = Engine::Postgres;
    let mut case = Case::new(engine).privileged();
    let name = case.database.name.clone();
    case.act("check").assert(0, &["way\tbeside"]);
    case.pod.set("OMUPGRADE_IN_PLACE", "1");
    case.act("check").assert(0, &["way\tin-place", "it was asked for"]);
    // Its schema `other` has to be made again.
    engine.sql("", &format!("REVOKE CREATE ON DATABASE {name} FROM om"));
    case.act("check").assert(1, &["may create no schema there (other)"]);
    engine.sql("", &format!("GRANT CREATE ON DATABASE {name} TO om"));
    engine.sql(&name, "CREATE SCHEMA foreigner");
    case.act("check").assert(1, &["1 of its schemas belong to others"]);
    engine.sql(&name, "DROP SCHEMA foreigner");
    case.pod.set("OMUPGRADE_IN_PLACE", "");
    case.act("check").assert(0, &["way\tbeside"]);

    let reader = engine.user("om-password");
    engine.sql("", &format!("ALTER ROLE {reader} IN DATABASE {name} SET statement_timeout TO '5min'"));
    case.act("check").assert(0, &["way\tin-place", "1 settings of other roles"]);
    engine.sql("", &format!("ALTER ROLE {reader} IN DATABASE {name} RESET ALL"));

    engine.sql(&name, "SELECT pg_create_logical_replication_slot('omupgrade_refused', 'pgoutput')");
    case.act("check").assert(0, &["way\tin-place", "1 replication slots"]);
    engine.sql(&name, "SELECT pg_drop_replication_slot('omupgrade_refused')");

    engine.sql(&name, "BEGIN; CREATE TABLE half(id INT); PREPARE TRANSACTION 'omupgrade_refused'");
    case.act("check").assert(1, &["1 prepared transactions"]);
    engine.sql(&name, "ROLLBACK PREPARED 'omupgrade_refused'");
    case.act("check").assert(0, &["way\tbeside"]);
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn what_a_user_of_mysql_may_not_do_is_found_by_the_check() {
    let engine = Engine::Mysql;
    let pattern = |case: &Case| case.database.name.replace('_', "\\_");
    let mut case = Case::new(engine);
    case.act("check").assert(0, &["way\tin-place", "'om' has no grants on"]);
    // It may make the one beside, and nothing under the old name.
    let beside = format!("{}\\_omupgrade\\_new\\_%", pattern(&case));
    engine.sql("", &format!("GRANT ALL ON `{beside}`.* TO om@'%'"));
    case.act("check").assert(0, &["way\tin-place", "_omupgrade_old_20261122t1' (CREATE, INSERT, DROP"]);
    for privilege in ["LOCK TABLES", "CREATE ROUTINE", "EVENT"] {
        engine.sql("", &format!("REVOKE {privilege} ON `{}`.* FROM om@'%'", pattern(&case)));
        case.act("check").assert(1, &["there is no way to restore", privilege]);
        engine.sql("", &format!("GRANT {privilege} ON `{}`.* TO om@'%'", pattern(&case)));
    }

    for (more, privilege) in [
        ("CREATE DEFINER=om@'%' VIEW names AS SELECT name FROM child;", "CREATE VIEW"),
        ("CREATE DEFINER=om@'%' TRIGGER t BEFORE INSERT ON child FOR EACH ROW SET NEW.name = 'x';", "TRIGGER"),
    ] {
        let mut case = Case::of(engine, more, false);
        engine.sql("", &format!("REVOKE {privilege} ON `{}`.* FROM om@'%'", pattern(&case)));
        case.act("check").assert(1, &["there is no way to restore", privilege]);
    }

    let mut case = Case::of(engine, "CREATE DEFINER=root@localhost VIEW names AS SELECT name FROM child;", false);
    let before = state(&case.database);
    case.act("check").assert(1, &["`root`@`localhost` defines", "SET_ANY_DEFINER"]);
    assert_eq!(state(&case.database), before);

    // The backup has them, the database of now has not.
    let mut case = Case::of(engine, "CREATE DEFINER=om@'%' VIEW names AS SELECT name FROM child;", false).privileged();
    case.database.sql("DROP VIEW names;");
    case.act("check").assert(0, &["way\tin-place", "the backup holds triggers or views"]);
}

/// The strict one writes a binary log.
#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn functions_beside_a_binary_log_are_found_by_the_check() {
    let more = "CREATE DEFINER=om@'%' FUNCTION three() RETURNS INT DETERMINISTIC RETURN 3;";
    let mut case = Case::of(Engine::Strict, more, false).privileged();
    case.act("check").assert(1, &["log_bin_trust_function_creators"]);
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn the_routines_of_before_are_kept_with_the_database_of_before() {
    let mut case = Case::new(Engine::Mysql).privileged();
    case.act("beside").assert(0, &["beside done"]);
    for _ in 0..2 {
        case.act("swap").assert(0, &["swap done"]);
    }
    let old = case.family().into_iter().find(|n| n.contains("_old_")).unwrap();
    let old = format!("{}{old}", case.database.name);
    let kept = Engine::Mysql.sql(&old, "SELECT text FROM omupgrade_programs;");
    assert!(kept.contains("PROCEDURE `two`") && kept.contains("EVENT `never`") && !kept.contains("`one`"), "{kept}");
    assert!(Engine::Mysql.sql(&old, "SHOW EVENTS;").is_empty(), "none of them runs there");
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn of_the_settings_of_the_driver_only_names_are_shown() {
    let mut pod = Engine::Postgres.database().pod();
    pod.set("DB_PARAMS", "?sslmode=verify-full&sslpassword=hunter2&trustCertificateKeyStorePassword=hunter2");
    for script in ["backup.sh", "restore.sh", "guard.sh"] {
        pod.set("OMUPGRADE_ACTION", if script == "backup.sh" { "fingerprint" } else { "clean-up" });
        let ran = pod.set("OMUPGRADE_RESTORE_ID", "r1").run(script);
        ran.assert(1, &["TLS: ", "sslmode=verify-full&sslpassword&trustCertificateKeyStorePassword"]);
        ran.assert_silent_about("hunter2");
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn an_administrator_who_is_not_there_is_named() {
    for engine in BOTH {
        let mut case = Case::new(engine);
        case.pod.set("OMUPGRADE_ADMIN_SECRET", "db-admin").set("OMUPGRADE_ADMIN_USER", "");
        case.act("check").assert(1, &["the Secret db-admin with an administrator is not there, or has no username"]);
    }
}

/// The archive of somebody else, its record as it should be.
fn smuggled(case: &Case, line: &str) {
    let path = case.backup.join("database.sql");
    let text = fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once('\n').unwrap();
    fs::write(&path, format!("{head}\n{line}\n{rest}")).unwrap();
    let sum = Command::new("sha256sum").arg(&path).output().unwrap().stdout;
    let sum = String::from_utf8(sum).unwrap().split(' ').next().unwrap().to_owned();
    let record = case.backup.join("catalog.json");
    let mut told: serde_json::Value = serde_json::from_str(&fs::read_to_string(&record).unwrap()).unwrap();
    let before = fs::read_to_string(&record).unwrap();
    let file = told["files"].as_array_mut().unwrap().iter_mut().find(|f| f["name"] == "database.sql").unwrap();
    let (old_bytes, old_sum) = (file["bytes"].to_string(), file["sha256"].as_str().unwrap().to_owned());
    let bytes = fs::metadata(&path).unwrap().len().to_string();
    let after =
        before.replace(&old_sum, &sum).replacen(&format!("\"bytes\":{old_bytes}"), &format!("\"bytes\":{bytes}"), 1);
    fs::write(&record, after).unwrap();
    let _ = fs::remove_file(case.backup.join("catalog.sha256"));
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_dump_that_goes_elsewhere_is_not_loaded() {
    for line in [
        "USE `mysql`;",
        "  drop table if exists `mysql`.`x`;",
        "/*!40000 DROP DATABASE IF EXISTS `x`*/;",
        "INSERT INTO `mysql`.`x` VALUES (1);",
        "use mysql",
        "/*!40000 USE `mysql` */;",
        "USE `a``b`;",
        "DELIMITER ;;\nUSE `mysql` ;;\nDELIMITER ;",
    ] {
        let mut case = Case::new(Engine::Mysql).privileged();
        smuggled(&case, line);
        let before = (state(&case.database), case.family());
        for action in ["check", "beside", "in-place", "drill"] {
            case.act(action).assert(1, &["names a database of its own", "nothing of it was loaded"]);
        }
        assert_eq!((state(&case.database), case.family()), before, "{line}");
    }
}

/// What a routine's body says is done when somebody calls it.
#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn what_a_routine_says_goes_nowhere() {
    let more = "DELIMITER //
CREATE DEFINER=om@'%' PROCEDURE hinted()
BEGIN
/*
use the index
  use it
*/
DROP TABLE IF EXISTS `elsewhere`.`scratch`;
SELECT name FROM child
USE INDEX (name)
WHERE name = 'a';
SELECT name FROM child
use key for join (name)
WHERE name = 'b';
END//
DELIMITER ;";
    let mut case = Case::of(Engine::Mysql, more, false).privileged();
    for action in ["check", "beside", "swap"] {
        case.act(action).assert(0, &[&format!("{action} done")]);
    }
    case.assert_restored("with hints");
}

/// For a routine of another collation mysqldump writes ALTER DATABASE with the name of the one that is dumped: loaded
/// beside, it would change the database that serves.
#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn routines_of_another_collation_leave_only_in_place() {
    let more = "SET @name = DATABASE(); ALTER DATABASE COLLATE utf8mb4_bin;
        CREATE DEFINER=om@'%' PROCEDURE other() SELECT 1; ALTER DATABASE COLLATE utf8mb4_0900_ai_ci;";
    let mut case = Case::of(Engine::Mysql, more, false).privileged();
    let before = (state(&case.database), case.family());
    case.act("check").assert(0, &["way\tin-place", "routines of another collation"]);
    for action in ["beside", "drill"] {
        case.act(action).assert(1, &["only in-place is left"]);
    }
    assert_eq!((state(&case.database), case.family()), before);
    case.act("in-place").assert(0, &["in-place done"]);
    case.assert_restored("in place");
}
