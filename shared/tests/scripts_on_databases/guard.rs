use std::fs;
use std::time::{Duration, Instant};

use crate::proxy;
use crate::servers::{BOTH, Engine, authority, fresh_name};

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn fresh_older_equal_newer() {
    for engine in BOTH {
        let database = engine.database();
        let mut pod = database.pod();
        pod.guard("1.12.3").assert(0, &["is fresh"]);
        database.with_tables();
        pod.guard("1.12.3").assert(0, &["holds no version yet"]);
        database.ran(&["0.0.14", "0.0.15"]);
        pod.guard("1.12.3").assert(0, &["2 rows of imported history"]);
        database.ran(&["1.9.9", "1.12.2"]).logged("1.12.2");
        pod.guard("1.12.3").assert(0, &["the database is at 1.12.2, this image is 1.12.3"]);
        // `1.9.9` is the greater string; one number more hides nothing.
        database.ran(&["1.12.3-collate"]);
        pod.guard("1.12.3").assert(0, &["the database is at 1.12.3"]);
        database.ran(&["1.13.0", "1.13.1"]);
        let words =
            ["the database is at 1.13.1, newer than this image (1.12.3)", "kubectl omupgrade rollback om -n data"];
        pod.guard("1.12.3").assert(1, &words).assert_silent_about("waiting");
        pod.guard("1.9.9").assert(1, &["newer than this image (1.9.9)"]);
        pod.guard("\"1.13.1-SNAPSHOT\"").assert(0, &["pass"]);
        pod.guard("latest").assert(0, &["NOT CHECKED", "cannot tell this image's version"]);
        database.ran(&["2.0.0-baseline"]);
        pod.guard("1.13.1").assert(1, &["at 2.0.0, newer"]);
        pod.set("OMUPGRADE_MODE", "off").set("OMUPGRADE_TAG", "1.13.1");
        pod.run("guard.sh").assert(0, &["NOT CHECKED"]);
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn folders_ahead_of_and_behind_the_tag() {
    for engine in BOTH {
        let database = engine.database();
        database.with_tables().ran(&["1.13.1"]);
        let mut pod = database.pod();
        let folders = pod.outside.join("folders");
        fs::write(&folders, "1.12.3\n1.13.1\nREADME\n").unwrap();
        let path = format!("{}/folders", pod.inside);
        pod.set("OMUPGRADE_FOLDERS", &path);
        pod.guard("latest").assert(0, &["this image is 1.13.1"]);
        pod.guard("1.12.9").assert(0, &["this image is 1.13.1"]);
        fs::write(&folders, "1.12.3\n").unwrap();
        pod.guard("latest").assert(1, &["newer than this image (1.12.3)"]);
        pod.guard("1.13.2").assert(0, &["this image is 1.13.2"]);
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_half_run_migration_shows_in_the_statements() {
    for engine in BOTH {
        let database = engine.database();
        database.with_tables().ran(&["1.12.3"]).logged("1.13.1");
        let mut pod = database.pod();
        pod.guard("1.12.3").assert(1, &["at 1.13.1, newer", "began and did not finish; finished: 1.12.3"]);
        pod.guard("1.13.1").assert(0, &["began and did not finish"]);
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn one_table_without_the_other() {
    for engine in BOTH {
        let database = engine.database();
        database.with_change_log().ran(&["1.13.1"]);
        database.pod().guard("1.12.3").assert(1, &["at 1.13.1, newer"]);
        let database = engine.database();
        database.with_sql_logs().logged("1.13.1");
        database.pod().guard("1.12.3").assert(1, &["at 1.13.1, newer", "finished: none"]);
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_status_column_tells_what_did_not_end() {
    for engine in BOTH {
        let database = engine.database();
        database.with_change_log().ran(&["1.12.3", "1.13.1"]);
        database.sql("ALTER TABLE SERVER_CHANGE_LOG ADD COLUMN status VARCHAR(20) NOT NULL DEFAULT 'COMPLETED';");
        let mut pod = database.pod();
        pod.guard("1.13.1").assert(0, &["at 1.13.1, this"]);
        for status in ["STARTED", "FAILED"] {
            database.sql(&format!("UPDATE SERVER_CHANGE_LOG SET status = '{status}' WHERE version = '1.13.1';"));
            pod.guard("1.12.3").assert(1, &["at 1.13.1, newer", "finished: 1.12.3"]);
        }
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn names_in_another_case() {
    let database = Engine::Postgres.database();
    database.sql(
        "CREATE TABLE \"SERVER_CHANGE_LOG\"(\"VERSION\" TEXT); INSERT INTO \"SERVER_CHANGE_LOG\" VALUES ('1.13.1');",
    );
    database.pod().guard("1.12.3").assert(1, &["at 1.13.1, newer"]);
    // Both spellings: the newer of the two.
    database.with_change_log().ran(&["1.12.3"]);
    database.pod().guard("1.12.3").assert(1, &["at 1.13.1, newer"]);
    database.ran(&["1.13.2"]);
    database.pod().guard("1.12.3").assert(1, &["at 1.13.2, newer"]);
    let database = Engine::Mysql.database();
    database
        .sql("CREATE TABLE server_change_log(version VARCHAR(9)); INSERT INTO server_change_log VALUES ('1.13.1');");
    database.pod().guard("1.12.3").assert(1, &["at 1.13.1, newer"]);
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn another_schema_by_the_drivers_parameter() {
    let database = Engine::Postgres.database();
    database.sql("CREATE SCHEMA other; CREATE TABLE other.server_change_log(version TEXT); INSERT INTO other.server_change_log VALUES ('1.13.1');");
    let mut pod = database.pod();
    pod.guard("1.12.3").assert(0, &["fresh"]);
    pod.set("DB_PARAMS", "currentSchema=other").guard("1.12.3").assert(1, &["at 1.13.1, newer"]);
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn what_cannot_be_read_is_never_fresh() {
    for engine in BOTH {
        let database = engine.database();
        let fails = |variable: &str, value: &str, words: &[&str]| {
            let mut pod = database.pod();
            let ran = pod.set(variable, value).guard("1.12.3");
            ran.assert(1, words).assert(1, &["could not read the", "configmap om-omupgrade-guard"]);
            ran.assert_silent_about("pass:").assert_silent_about("is fresh (");
        };
        fails("DB_USER_PASSWORD", "wrong", &["the user or the password is wrong"]);
        fails("DB_USER_PASSWORD", "", &["the user or the password is wrong"]);
        fails(
            "DB_USER",
            "nobody_here",
            &[match engine {
                Engine::Postgres => "the server lets this user, database or address not in",
                Engine::Mysql | Engine::Strict => "the user or the password is wrong",
            }],
        );
        fails("OM_DATABASE", "not_there", &["there is no such database"]);
        fails("DB_PORT", &proxy::free_port().to_string(), &["the server does not answer"]);
        fails("DB_HOST", "database.invalid", &["the server does not answer at database.invalid"]);
        fails("DB_PORT", &proxy::silent().to_string(), &["the server does not answer"]);
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_table_without_the_right_to_read_it() {
    let database = Engine::Postgres.database();
    Engine::Postgres.sql(&database.name, "CREATE TABLE server_change_log(version TEXT)");
    database.pod().guard("1.12.3").assert(1, &["the user may not read it"]);
    let (database, user) = (Engine::Mysql.database(), fresh_name());
    database.with_change_log();
    database.sql(&format!(
        "CREATE USER {user} IDENTIFIED BY 'om-password'; GRANT INSERT ON {}.SERVER_CHANGE_LOG TO {user};",
        database.name
    ));
    database.pod().set("DB_USER", &user).guard("1.12.3").assert(1, &["the user may not read it"]);
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_server_that_wants_tls() {
    let database = Engine::Postgres.database();
    let mut pod = database.pod();
    pod.set("DB_USER", "tls_only").guard("1.12.3").assert(0, &["fresh"]);
    pod.set("DB_PARAMS", "sslmode=disable").guard("1.12.3").assert(1, &["TLS: ", "DB_PARAMS ('sslmode=disable')"]);
    // A wrong password is called so, although the second try, without TLS, fails for TLS.
    let mut pod = database.pod();
    pod.set("DB_USER", "tls_only").set("DB_USER_PASSWORD", "x").guard("1.12.3").assert(1, &["password is wrong"]);
    let certificate = format!("{}/ca.pem", pod.outside.display());
    fs::copy(std::env::var("OMUPGRADE_TEST_POSTGRES_CERTIFICATE").unwrap(), &certificate).unwrap();
    let mut pod = database.pod();
    pod.set("DB_PARAMS", &format!("sslmode=verify-full&sslrootcert={certificate}"))
        .guard("1.12.3")
        .assert(0, &["fresh"]);
    pod.set("DB_PARAMS", "sslmode=verify-full&sslrootcert=/nowhere.pem")
        .guard("1.12.3")
        .assert(1, &["TLS: ", "/nowhere.pem"]);

    let database = Engine::Strict.database();
    let mut pod = database.pod();
    pod.guard("1.12.3").assert(0, &["fresh"]);
    pod.set("DB_PARAMS", "sslMode=DISABLED").guard("1.12.3").assert(1, &["TLS: ", "insecure transport"]);
    let mut pod = database.pod();
    pod.set("DB_PARAMS", "verifyServerCertificate=true&useSSL=true");
    pod.guard("1.12.3").assert(1, &["TLS: ", "CA certificate is required"]);
    pod.place("ca.pem", &authority()).guard("1.12.3").assert(0, &["fresh"]);
    // Another authority than the one that signed the server's certificate.
    let wrong = fs::read_to_string(std::env::var("OMUPGRADE_TEST_POSTGRES_CERTIFICATE").unwrap()).unwrap();
    pod.place("ca.pem", &wrong).guard("1.12.3").assert(1, &["TLS: "]);
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn caching_sha2_without_tls_and_without_a_cached_password() {
    let (database, user) = (Engine::Mysql.database(), fresh_name());
    database.sql(&format!(
        "CREATE USER {user} IDENTIFIED WITH caching_sha2_password BY 'om-password'; GRANT ALL ON {}.* TO {user};",
        database.name
    ));
    let mut pod = database.pod();
    pod.set("DB_USER", &user).set("DB_PARAMS", "sslMode=DISABLED").set("OMUPGRADE_TAG", "1.12.3");
    // The control: without the server's public key the same connection is refused.
    let script = fs::read_to_string(pod.outside.join("guard.sh")).unwrap();
    fs::write(pod.outside.join("control.sh"), script.replace(" get-server-public-key", "")).unwrap();
    pod.run("control.sh").assert(1, &["Authentication requires secure connection"]);
    pod.run("guard.sh").assert(0, &["fresh"]);
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn names_and_passwords_with_every_odd_character() {
    for engine in BOTH {
        let password = r#"a"b#c\d 'e;é%20$HOME"#;
        let database = engine.database_named(&format!("o d'd\"b={}", fresh_name()));
        database.with_tables().ran(&["1.13.1"]);
        let user = engine.user(password);
        let mut pod = database.pod();
        pod.set("DB_USER", &user).set("DB_USER_PASSWORD", password);
        pod.guard("1.12.3").assert(1, &["at 1.13.1, newer"]);
        pod.run("backup.sh").assert(0, &["complete"]);
        pod.set("DB_USER_PASSWORD", &password.replace('#', "x"));
        pod.guard("1.12.3").assert(1, &["the user or the password is wrong"]);
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn a_database_that_comes_up_after_ten_seconds() {
    for engine in BOTH {
        let database = engine.database();
        database.with_tables().ran(&["1.12.3"]);
        let port = proxy::free_port();
        proxy::late(port, engine.port(), Duration::from_secs(10));
        let begun = Instant::now();
        let mut pod = database.pod();
        pod.set("DB_PORT", &port.to_string()).set("OMUPGRADE_WAIT_SECONDS", "30");
        pod.guard("1.12.3").assert(0, &["waiting up to 30 s", "the database is at 1.12.3"]);
        assert!(begun.elapsed() > Duration::from_secs(9) && begun.elapsed() < Duration::from_secs(29));
    }
}

#[test]
#[ignore = "needs real databases: testdata/databases/run.sh"]
fn in_every_shell() {
    let database = Engine::Postgres.database();
    database.with_tables().ran(&["1.13.1"]);
    let mut pod = database.pod();
    pod.set("OMUPGRADE_TAG", "1.12.3");
    for shell in [&["dash"][..], &["bash", "--posix"], &["busybox", "sh"]] {
        if let Ok(output) = pod.command(shell, "guard.sh").output() {
            crate::support::Ran::from(output).assert(1, &["at 1.13.1, newer"]);
        }
    }
}
