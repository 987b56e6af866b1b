use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::servers::{BOTH, Database, Engine, Pod};
use crate::support::{Ran, listing};

/// A database as a server leaves it, backed up; then migrated half-way and written to.
pub struct Case {
    pub database: Database,
    pub pod: Pod,
    /// Rows and fingerprint from before.
    before: String,
    pub backup: PathBuf,
}

const SINCE: &str = "INSERT INTO entity(json) VALUES ('{\"id\": \"9\", \"updatedAt\": 99999999999999}');";

impl Case {
    pub fn new(engine: Engine) -> Self {
        Self::of(engine, "", false)
    }

    /// With this SQL done before the backup, and large enough to be killed in the middle.
    pub fn of(engine: Engine, more: &str, large: bool) -> Self {
        let database = engine.database();
        database.with_tables().ran(&["0.0.15", "1.12.3"]).logged("1.12.3");
        if large {
            database.with_large_table();
        }
        database.sql(match engine {
            Engine::Postgres => {
                "CREATE TABLE entity(id VARCHAR(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY, json JSONB NOT NULL,
                     updatedAt BIGINT GENERATED ALWAYS AS ((json ->> 'updatedAt')::bigint) STORED);
                 CREATE TABLE child(id SERIAL PRIMARY KEY, entity VARCHAR(36) REFERENCES entity(id) ON DELETE CASCADE, name TEXT UNIQUE);
                 CREATE SCHEMA other; CREATE TABLE other.part(id INT, at INT) PARTITION BY RANGE (at);
                 CREATE TABLE other.part_1 PARTITION OF other.part FOR VALUES FROM (0) TO (10);
                 CREATE VIEW names AS SELECT name FROM child; COMMENT ON TABLE child IS 'children';
                 CREATE TYPE kind AS ENUM ('table', 'topic'); CREATE FUNCTION one() RETURNS INT LANGUAGE SQL AS 'SELECT 1';"
            }
            Engine::Mysql | Engine::Strict => {
                "CREATE TABLE entity(id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED PRIMARY KEY, json JSON NOT NULL,
                     updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt'));
                 CREATE TABLE child(id INT AUTO_INCREMENT PRIMARY KEY, entity VARCHAR(36), name VARCHAR(64) UNIQUE,
                     FOREIGN KEY (entity) REFERENCES entity(id) ON DELETE CASCADE, CONSTRAINT named CHECK (name <> ''));
                 CREATE DEFINER=om@'%' PROCEDURE one() SELECT 1; CREATE DEFINER=om@'%' EVENT never ON SCHEDULE EVERY 1 YEAR DISABLE DO SELECT 1;"
            }
        });
        database.sql(
            "INSERT INTO entity(json) VALUES ('{\"id\": \"1\", \"name\": \"é\", \"updatedAt\": 7}'), ('{\"id\": \"2\", \"updatedAt\": 8}');
             INSERT INTO child(entity, name) VALUES ('1', 'a'), ('2', 'b');",
        );
        database.sql(more);
        let mut pod = database.pod();
        pod.run("backup.sh").assert(0, &["complete"]);
        let name = listing(&pod.backups())[0].clone();
        let before = state(&database);
        pod.set("OMUPGRADE_BACKUP", &name).set("OMUPGRADE_RESTORE_ID", "20261122t1");
        pod.set("OMUPGRADE_COME_BACK_SECONDS", "0.2");
        let backup = pod.backups().join(&name);
        // A migration that fails in the middle: statements without a version, and the next server's rows.
        database.logged("1.13.0");
        database.sql("CREATE TABLE brand_new(id INT PRIMARY KEY); ALTER TABLE child ADD COLUMN more VARCHAR(36);");
        database.sql(match engine {
            Engine::Postgres => "ALTER TABLE brand_new ADD FOREIGN KEY (id) REFERENCES child(id); DROP FUNCTION one; CREATE FUNCTION two() RETURNS INT LANGUAGE SQL AS 'SELECT 2';",
            Engine::Mysql | Engine::Strict => "ALTER TABLE brand_new ADD FOREIGN KEY (id) REFERENCES child(id); DROP PROCEDURE one; CREATE DEFINER=om@'%' PROCEDURE two() SELECT 2;",
        });
        database.sql(SINCE);
        assert_ne!(before, state(&database));
        Self { database, pod, before, backup }
    }

    /// The server's user may make and rename databases.
    pub fn privileged(mut self) -> Self {
        let engine = self.database.engine;
        match engine {
            Engine::Postgres => {
                let user = engine.user("om-password");
                engine.sql("", &format!("ALTER ROLE {user} CREATEDB"));
                self.pod.set("DB_USER", &user);
            }
            Engine::Mysql | Engine::Strict => {
                let pattern = self.database.name.replace('_', "\\_");
                engine.sql("", &format!("GRANT ALL ON `{pattern}\\_omupgrade\\_%`.* TO om@'%'"));
            }
        }
        self
    }

    pub fn act(&mut self, action: &str) -> Ran {
        self.pod.set("OMUPGRADE_ACTION", action).run("restore.sh")
    }

    /// The databases of this one's name.
    pub fn family(&self) -> Vec<String> {
        let (engine, name) = (self.database.engine, &self.database.name);
        let question = match engine {
            Engine::Postgres => "SELECT datname FROM pg_database ORDER BY 1".to_owned(),
            Engine::Mysql | Engine::Strict => {
                "SELECT schema_name FROM information_schema.schemata ORDER BY 1".to_owned()
            }
        };
        let own = |n: &&str| *n == name || n.starts_with(&format!("{name}_omupgrade"));
        engine.sql("", &question).lines().filter(own).map(|n| n.strip_prefix(name).unwrap().to_owned()).collect()
    }

    #[track_caller]
    pub fn assert_restored(&self, case: &str) {
        assert_eq!(state(&self.database), self.before, "{case}");
    }

    /// Starts an action and kills all of it after a while, as a node's death does. Whether it had ended before.
    fn killed(&mut self, action: &str, after: Duration) -> bool {
        self.pod.set("OMUPGRADE_ACTION", action);
        let mut command = self.pod.command(&["dash"], "restore.sh");
        let mut child = command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while begun.elapsed() < after {
            if child.try_wait().unwrap().is_some() {
                return true;
            }
            thread::sleep(Duration::from_millis(2));
        }
        Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status().unwrap();
        child.wait().unwrap();
        for left in listing(&self.pod.outside.join("tmp")) {
            fs::remove_dir_all(self.pod.outside.join("tmp").join(left)).unwrap();
        }
        false
    }
}

/// All rows of all tables, routines, and the fingerprint.
pub fn state(database: &Database) -> String {
    let (tables, routines) = match database.engine {
        Engine::Postgres => (
            "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind = 'r' AND n.nspname IN ('public', 'other') ORDER BY 1;",
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace; SELECT obj_description('child'::regclass);",
        ),
        Engine::Mysql | Engine::Strict => (
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' ORDER BY 1;",
            "SELECT routine_name FROM information_schema.routines WHERE routine_schema = DATABASE(); SELECT event_name FROM information_schema.events WHERE event_schema = DATABASE();
             SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE();",
        ),
    };
    let mut all = database.fingerprint("");
    for table in database.sql(tables).lines() {
        let text = match database.engine {
            Engine::Postgres => {
                format!("SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) || count(*) FROM {table} t;")
            }
            Engine::Mysql | Engine::Strict => format!("CHECKSUM TABLE {table}; SELECT COUNT(*) FROM {table};"),
        };
        // The checksum's line names the database.
        let rows = database.sql(&text).replace(&database.name, "");
        all = all + table + " " + &rows;
    }
    all + &database.sql(routines)
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn migrated_and_restored_beside() {
    for engine in [Engine::Postgres, Engine::Mysql, Engine::Strict] {
        let mut case = Case::new(engine).privileged();
        let broken = state(&case.database);
        case.act("check").assert(0, &["way\tbeside", "written\tentity\t1\n", "claim_free_bytes\t"]);
        assert_eq!((state(&case.database), case.family()), (broken.clone(), vec![String::new()]), "check only reads");
        case.act("swap").assert(1, &["run the action beside first"]);
        case.act("beside").assert(0, &["beside done"]);
        case.act("beside").assert(0, &["loaded and proven already"]);
        assert_eq!(state(&case.database), broken, "the database is as it was until the swap");
        case.act("swap").assert(0, &["swap done old="]);
        case.assert_restored("swapped");
        case.act("swap").assert(0, &["swap done old="]).assert_silent_about("swapped:");
        case.act("beside").assert(0, &["has the database's name already"]);
        case.assert_restored("again");
        let old = Database { engine, name: format!("{}_omupgrade_old_20261122t1", case.database.name) };
        assert!(old.fingerprint("").contains("sql_logs\t2:"), "the old one is kept whole");
        assert_eq!(old.sql("SELECT COUNT(*) FROM entity;"), "3\n");
        case.act("clean-up").assert(0, &["swapped=yes"]);
        case.act("clean-up").assert(0, &["clean-up done"]);
        assert_eq!(case.family(), [""]);
        case.assert_restored("cleaned up");
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn given_up_before_the_swap() {
    for engine in BOTH {
        let mut case = Case::new(engine).privileged();
        let broken = state(&case.database);
        case.act("beside").assert(0, &["beside done"]);
        case.act("clean-up").assert(0, &["swapped=no"]);
        assert_eq!((state(&case.database), case.family()), (broken, vec![String::new()]));
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_user_without_the_right_to_make_databases_restores_in_place() {
    for engine in BOTH {
        let mut case = Case::new(engine);
        let (why, refused) = match engine {
            Engine::Postgres => ("'om' has no CREATEDB", "permission denied to create database"),
            Engine::Mysql | Engine::Strict => ("'om' has no grants on", "Access denied"),
        };
        case.act("check").assert(0, &["way\tin-place", why]);
        case.act("beside").assert(1, &[refused]);
        case.act("in-place").assert(0, &["in-place done"]);
        case.assert_restored("in place");
        case.act("in-place").assert(0, &["in-place done"]);
        case.assert_restored("in place, again");
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn what_belongs_to_the_database_itself_comes_along() {
    let mut case = Case::new(Engine::Postgres).privileged();
    let (engine, name) = (Engine::Postgres, case.database.name.clone());
    let reader = engine.user("om-password");
    engine.sql(
        "",
        &format!(
            "ALTER DATABASE {name} SET work_mem TO '20MB'; ALTER DATABASE {name} SET search_path TO \"$user\", public, other;
             ALTER ROLE {reader} IN DATABASE {name} SET statement_timeout TO '5min'; COMMENT ON DATABASE {name} IS 'ours: it''s';
             REVOKE CONNECT, TEMPORARY ON DATABASE {name} FROM PUBLIC; GRANT CONNECT ON DATABASE {name} TO {reader}; ALTER DATABASE {name} CONNECTION LIMIT 77;"
        ),
    );
    // Settings of another role need a superuser; a server's own user has none of them.
    let admin = engine.user("om-password");
    engine.sql("", &format!("ALTER ROLE {admin} SUPERUSER"));
    case.pod.set("OMUPGRADE_ADMIN_USER", &admin).set("OMUPGRADE_ADMIN_PASSWORD", "om-password");
    let question = format!(
        "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype, datconnlimit, datacl::text, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{name}';
         SELECT coalesce(pg_get_userbyid(nullif(setrole, 0)), '-'), setconfig FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase WHERE datname = '{name}' ORDER BY 1;"
    );
    let before = engine.sql("", &question);
    assert!(before.contains("20MB") && before.contains("ours: it's") && before.contains(&reader), "{before}");
    case.act("beside").assert(0, &["beside done"]);
    case.act("swap").assert(0, &["swap done"]);
    assert_eq!(engine.sql("", &question), before);
    case.assert_restored("by an administrator");
    assert_eq!(case.database.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'child';"), "om\n");
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn sessions_are_ended_for_the_swap() {
    for engine in BOTH {
        let mut case = Case::new(engine).privileged();
        case.act("beside").assert(0, &["beside done"]);
        // A server that never noticed that its client is gone: in a transaction, with a lock on a table.
        let database = case.database.clone();
        let held = match engine {
            Engine::Postgres => "BEGIN; SELECT count(*) FROM child; SELECT pg_sleep(120);",
            Engine::Mysql | Engine::Strict => "BEGIN; SELECT COUNT(*) FROM child; DO SLEEP(120);",
        };
        let session = thread::spawn(move || database.held(held));
        thread::sleep(Duration::from_secs(1));
        let begun = Instant::now();
        case.act("swap").assert(0, &["swap done"]);
        assert!(begun.elapsed() < Duration::from_secs(90), "{engine:?}: it waited for a session");
        case.assert_restored("swapped");
        assert!(!session.join().unwrap(), "{engine:?}: the session was ended");
    }
}

/// A database that was just loaded is what autovacuum begins with, and nobody but a superuser may end its workers.
#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn the_servers_own_workers_are_not_in_the_way() {
    let slow = "CREATE TABLE slow(id INT) WITH (autovacuum_vacuum_insert_threshold = 0, autovacuum_vacuum_insert_scale_factor = 0,
                    autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1);
                INSERT INTO slow SELECT generate_series(1, 100000);";
    let mut case = Case::of(Engine::Postgres, slow, false).privileged();
    let name = case.database.name.clone();
    let at_work = |database: &str| {
        let question = format!(
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND datname = '{database}'"
        );
        let begun = Instant::now();
        while Engine::Postgres.sql("", &question).trim() != "t" {
            assert!(begun.elapsed() < Duration::from_mins(1), "autovacuum does not come to {database}");
            thread::sleep(Duration::from_millis(100));
        }
    };
    case.act("beside").assert(0, &["beside done"]);
    at_work(&format!("{name}_omupgrade_new_20261122t1"));
    let begun = Instant::now();
    case.act("swap").assert(0, &["swap done"]);
    assert!(begun.elapsed() < Duration::from_secs(40), "it waited for a worker");
    at_work(&format!("{name}_omupgrade_old_20261122t1"));
    case.act("clean-up").assert(0, &["clean-up done"]);
    case.assert_restored("swapped");
    assert_eq!(case.family(), [""]);
    // It would hold one of the server's few workers for a minute.
    Engine::Postgres.sql("", &format!("DROP DATABASE \"{name}\""));
}

/// Kills the action at moments spread over the time that an undisturbed one takes, and runs the rest.
fn killed_at_every_moment(engine: Engine, action: &str) {
    const MOMENTS: u32 = 6;
    let ready = || {
        let case = Case::of(engine, "", action != "swap");
        let mut case = if action == "in-place" { case } else { case.privileged() };
        if action == "swap" {
            case.act("beside").assert(0, &["done"]);
        }
        case
    };
    let mut undisturbed = ready();
    let begun = Instant::now();
    undisturbed.act(action).assert(0, &["done"]);
    let whole = begun.elapsed();
    let mut in_the_middle = 0;
    for moment in 1..=MOMENTS {
        let after = whole * moment / (MOMENTS + 1);
        let mut case = ready();
        in_the_middle += u32::from(!case.killed(action, after));
        let rest: &[&str] = if action == "in-place" { &["in-place"] } else { &["beside", "swap"] };
        for next in rest {
            case.act(next).assert(0, &["done"]);
        }
        case.assert_restored(&format!("{engine:?} killed in {action} after {after:?}"));
        case.act("clean-up").assert(0, &["done"]);
        assert_eq!(case.family(), [""], "{engine:?} {action} {after:?}");
        case.assert_restored(&format!("{engine:?} {action} {after:?}, cleaned up"));
    }
    assert!(in_the_middle > 0, "{engine:?} {action}: it was never killed in the middle of {whole:?}");
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn killed_while_it_loads_beside() {
    killed_at_every_moment(Engine::Postgres, "beside");
    killed_at_every_moment(Engine::Mysql, "beside");
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn killed_while_it_swaps() {
    killed_at_every_moment(Engine::Postgres, "swap");
    killed_at_every_moment(Engine::Mysql, "swap");
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn killed_while_it_loads_in_place() {
    killed_at_every_moment(Engine::Postgres, "in-place");
    killed_at_every_moment(Engine::Mysql, "in-place");
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn two_swaps_at_once() {
    for engine in BOTH {
        let mut case = Case::new(engine).privileged();
        case.act("beside").assert(0, &["done"]);
        case.pod.set("OMUPGRADE_ACTION", "swap");
        let start = || {
            let mut command = case.pod.command(&["dash"], "restore.sh");
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let both = [start(), start()].map(|child| Ran::from(child.wait_with_output().unwrap()));
        for ran in &both {
            ran.assert(0, &["swap done"]);
        }
        case.assert_restored("two at once");
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn triggers_and_views_of_mysql_leave_only_in_place() {
    let more = "CREATE DEFINER=om@'%' VIEW names AS SELECT name FROM child; CREATE DEFINER=om@'%' TRIGGER before_child BEFORE INSERT ON child FOR EACH ROW SET NEW.name = UPPER(NEW.name);";
    let mut case = Case::of(Engine::Mysql, more, false).privileged();
    case.act("check").assert(0, &["way\tin-place", "1 triggers and 1 views"]);
    case.act("beside").assert(1, &["only in-place is left"]);
    assert_eq!(case.family(), [""]);
    case.act("in-place").assert(0, &["in-place done"]);
    case.assert_restored("in place");
}
