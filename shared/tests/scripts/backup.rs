use std::fs;

use crate::support::{BACKUP, FakeImage, Ran, fake_images, listing};

const PSQL: &str = r#"case "$*" in
*--version*) echo "psql (PostgreSQL) 17.1" ;;
*pg_database_size*) echo "${SERVER_NUMBER:-170001} 1000 17.1 (Debian 17.1-1)" ;;
*) # -o FILE -f SQL
    while [ "$1" != -o ]; do shift; done
    [ -z "${MOVING:-}" ] || echo again >>"$FAKE/moved"
    printf 'change_log\t1:a\nsql_logs\t1:b%s\nschema\t3:c\nflowable\tabsent\nhead\t1.12.3\n' "$(cat "$FAKE/moved" 2>/dev/null)" >"$2" ;;
esac"#;
pub const PG_DUMP: &str = r#"case "$*" in
*--version*) echo "pg_dump (PostgreSQL) ${CLIENT:-17.1} (Debian)" ;;
*) for option; do case $option in
    --file=*/database) mkdir "${option#*=}" && printf toc >"${option#*=}/toc.dat" && printf 'a table' >"${option#*=}/12.dat.gz" ;;
    --file=*) printf 'a dump' >"${option#*=}" ;;
    esac; done
    [ -z "${BROKEN:-}" ] || { echo "pg_dump: error: $BROKEN" >&2; exit 1; } ;;
esac"#;
const PG_RESTORE: &str = r#"case "$*" in
*--list*) for option; do case $option in --file=*) printf ';\n; Archive\n%s' "${LISTED-1; 1259 TABLE public t om
}" >"${option#*=}" ;; esac; done ;;
*) exit ${DAMAGED:-0} ;;
esac"#;
const MYSQL: &str = r#"case "$*" in
*--version*) echo "mysql  Ver 9.7.4 for Linux on x86_64" ;;
*CONCAT_WS*) echo "0 1000 ${SERVER:-8.4.2}" ;;
*) printf 'change_log\t1:a\nsql_logs\t1:b\nschema\t3:c\nflowable\tabsent\nhead\t1.12.3\n' ;;
esac"#;
const MYSQLDUMP: &str = r#"case "$*" in
*--version*) echo "${CLIENT:-mysqldump  Ver 9.7.4 for Linux on x86_64 (MySQL Community Server - GPL)}" ;;
*) for option; do case $option in --result-file=*) [ -z "${SKIPPED:-}" ] || echo "mysqldump: Error: '$SKIPPED' when trying to dump" >&2
printf '%b' "${TEXT--- MySQL dump\n-- Dump completed on 2026-11-22\n}" >"${option#*=}" ;; esac; done; exit ${ENDED:-0} ;;
esac"#;

const ENVIRONMENT: [(&str, &str); 11] = [
    ("DB_SCHEME", "postgresql"),
    ("DB_HOST", "database"),
    ("DB_USER", "om"),
    ("OM_DATABASE", "openmetadata_db"),
    ("DB_USER_PASSWORD", "s3cret"),
    ("OMUPGRADE_BACKUP_NAME", "om-1.13.1"),
    ("OMUPGRADE_TARGET", "1.13.1"),
    ("OMUPGRADE_ORIGIN", "hook"),
    ("OMUPGRADE_FINGERPRINT_POSTGRESQL", "SELECT 1"),
    ("OMUPGRADE_FINGERPRINT_MYSQL", "SELECT 1"),
    ("OMUPGRADE_PASSWORD_SECRET", "mysql-secrets"),
];

pub fn images() -> Vec<FakeImage> {
    let images = fake_images();
    for image in &images {
        image.fake("psql", PSQL).fake("pg_dump", PG_DUMP).fake("pg_restore", PG_RESTORE);
    }
    images
}

fn mysql_images() -> Vec<FakeImage> {
    let images = fake_images();
    for image in &images {
        image.fake("mysql", MYSQL).fake("mysqldump", MYSQLDUMP);
    }
    images
}

pub fn run(image: &FakeImage, more: &[(&str, &str)]) -> Ran {
    let ran = image.run(BACKUP, &[&ENVIRONMENT, more].concat());
    ran.assert_silent_about("s3cret");
    ran
}

/// It fails with the words, they also stand where Kubernetes looks, and nothing is left on the claim.
#[track_caller]
fn fails(image: &FakeImage, more: &[(&str, &str)], words: &[&str]) {
    fs::write(image.path("termination-log"), "").unwrap();
    run(image, more).assert(1, words).assert_silent_about("omupgrade-backup: complete");
    let log = fs::read_to_string(image.path("termination-log")).unwrap();
    assert!(log.contains(words[0]), "{log}");
    assert_eq!(listing(&image.path("backup")), Vec::<String>::new());
}

/// A psql whose first question is answered by these words.
fn refusing(words: &str) -> String {
    let answer = format!("*pg_database_size*) printf '%b\\n' '{words}' >&2; exit 2 ;;\n*nothing*)");
    PSQL.replace("*pg_database_size*)", &answer)
}

/// It fails with this meaning of a client's words.
#[track_caller]
fn fails_to_answer(image: &FakeImage, words: &str, meaning: &str) {
    image.fake("psql", &refusing(words));
    fails(image, &[], &[meaning]);
}

#[test]
fn a_good_dump_is_recorded_and_named_at_the_end() {
    for image in images() {
        let odd = "a \"b\"\\c\t\u{1}é";
        let ran = run(&image, &[("OM_DATABASE", odd), ("OMUPGRADE_RELEASE", "om"), ("OMUPGRADE_NAMESPACE", "data")]);
        ran.assert(0, &[]);
        let names = listing(&image.path("backup"));
        assert_eq!(names.len(), 1, "{names:?}");
        let catalog = fs::read_to_string(image.path("backup").join(&names[0]).join("catalog.json")).unwrap();
        let catalog: serde_json::Value = serde_json::from_str(&catalog).unwrap();
        assert_eq!(catalog["v"], 1);
        assert_eq!(catalog["database"], odd);
        for (key, value) in [
            ("origin", "hook"),
            ("release", "om"),
            ("namespace", "data"),
            ("target", "1.13.1"),
            ("engine", "postgresql"),
            ("server_version", "17.1"),
            ("client_version", "17.1"),
            ("host", "database"),
            ("schema_head", "1.12.3"),
        ] {
            assert_eq!(catalog[key], value, "{key}");
        }
        assert_eq!(
            catalog["fingerprint"],
            serde_json::json!({"change_log": "1:a", "sql_logs": "1:b", "schema": "3:c", "flowable": "absent"})
        );
        let file = &catalog["files"][0];
        assert_eq!(file["bytes"], 6);
        let sum = "b5ccca72b5846cff165f18a9a0fbfde2a1c8a3c4a3de70a6e5ec4ad2a1a1e6b3".len();
        assert_eq!(file["sha256"].as_str().unwrap().len(), sum);
        let last =
            format!("omupgrade-backup: complete {} bytes=6 sha256={}", names[0], file["sha256"].as_str().unwrap());
        assert_eq!(ran.stdout.lines().last().unwrap(), last);
    }
}

#[test]
fn missing_secrets_fail_at_once_and_are_named() {
    for image in images() {
        fails(&image, &[("DB_USER_PASSWORD", "")], &["DB_USER_PASSWORD is empty", "Secret mysql-secrets"]);
        let secret = ("OMUPGRADE_DB_SECRET", "openmetadata-db-secret");
        for variable in ["DB_SCHEME", "DB_HOST", "DB_USER", "OM_DATABASE"] {
            fails(
                &image,
                &[(variable, ""), secret],
                &[&format!("{variable} is empty"), "Secret openmetadata-db-secret"],
            );
        }
        fails(&image, &[("OMUPGRADE_FINGERPRINT_POSTGRESQL", "")], &["no fingerprint text"]);
        fails(&image, &[("OMUPGRADE_BACKUP_NAME", "../x")], &["cannot name a backup"]);
    }
}

/// What is not a word of how TLS is asked for may be a password.
#[test]
fn of_the_parameters_no_value_is_shown_that_may_be_secret() {
    for image in images() {
        image.fake("psql", &refusing("SSL error"));
        let params = "ssl&sslmode=verify-full;password=hunter2&useSSL=true%20hunter2&password=hunter2";
        let shown = "look at DB_PARAMS ('ssl&sslmode=verify-full&useSSL=true&password')";
        fails(&image, &[("DB_PARAMS", params)], &[shown]);
    }
}

/// A server speaks the language of its `lc_messages`, whatever the client's is.
#[test]
fn what_a_server_says_in_its_own_language_is_understood() {
    let said = [
        (
            "port 5432 failed: FATAL:  Passwort-Authentifizierung für Benutzer »om« fehlgeschlagen",
            "answers and lets nobody in",
        ),
        ("port 5432 failed: FATAL:  kein pg_hba.conf-Eintrag für Host »10.0.0.1«", "look at its pg_hba.conf"),
        ("port 5432 failed: FATAL:  the database system is starting up", "does not answer"),
        ("port 5432 failed: Connection refused\n\tIs the server running on that host?", "does not answer"),
        ("port 5432 failed: timeout expired", "does not answer"),
    ];
    for image in images() {
        for (words, meaning) in said {
            fails_to_answer(
                &image,
                &format!("psql: error: connection to server at \"database\" (10.0.0.2), {words}"),
                meaning,
            );
        }
    }
    // What was said by a server that let somebody in is about no login.
    let said = [
        (
            "pg_dump: error: query failed: ERROR:  canceling statement due to lock timeout",
            "another session holds a lock",
        ),
        (
            "pg_dump: error: Dumping the contents of table t failed: PQgetResult() failed.\\nError message from server: ERROR:  missing chunk number 0",
            "it cannot be read",
        ),
    ];
    for image in images() {
        for (words, meaning) in said {
            fails_to_answer(&image, words, meaning);
        }
    }
    let said = [
        (
            "ERROR 1045 (28000): Benutzer 'om'@'h' hat keine Zugriffsberechtigung (verwendetes Passwort: JA)",
            "the password is wrong",
        ),
        ("ERROR 1049 (42000): Unbekannte Datenbank 'openmetadata_db'", "there is no such database"),
        ("ERROR 1044 (42000): Benutzer 'om'@'h' hat keine Zugriffsberechtigung", "may not use it"),
        ("ERROR 1142 (42000) at line 1: SELECT Befehl nicht erlaubt", "the user may not read it"),
        ("ERROR 1040 (08004): Zu viele Verbindungen", "no connection left"),
    ];
    for image in mysql_images() {
        for (words, meaning) in said {
            let words = words.replace('\'', "\"");
            image.fake(
                "mysql",
                &MYSQL.replace("*CONCAT_WS*)", &format!("*CONCAT_WS*) echo '{words}' >&2; exit 1 ;;\n*nothing*)")),
            );
            fails(&image, &[("DB_SCHEME", "mysql")], &[meaning]);
        }
    }
}

#[test]
fn a_client_older_than_the_server_is_refused() {
    for image in images() {
        fails(&image, &[("CLIENT", "15.18")], &["pg_dump 15.18 is older than the server (17.1)"]);
        fails(&image, &[("CLIENT", "9.6.24"), ("SERVER_NUMBER", "130003")], &["is older than the server"]);
        run(&image, &[("CLIENT", "18beta1")]).assert(0, &["complete"]);
    }
    for image in mysql_images() {
        let mysql = ("DB_SCHEME", "mysql");
        fails(
            &image,
            &[mysql, ("CLIENT", "mysqldump  Ver 8.0.40 for Linux")],
            &["mysqldump 8.0.40 is older than the server (8.4.2)"],
        );
        fails(
            &image,
            &[mysql, ("CLIENT", "mysqldump  Ver 10.13 Distrib 5.7.44, for Linux")],
            &["mysqldump 5.7.44 is older"],
        );
        run(&image, &[mysql, ("CLIENT", "mysqldump  Ver 8.4.0 for Linux")]).assert(0, &["complete"]);
    }
}

#[test]
fn mariadb_is_refused_on_either_end() {
    for image in mysql_images() {
        let mysql = ("DB_SCHEME", "mysql");
        fails(
            &image,
            &[mysql, ("CLIENT", "mysqldump from 11.4.2-MariaDB, client 10.19")],
            &["mysqldump is MariaDB's", "Oracle's"],
        );
        fails(&image, &[mysql, ("SERVER", "10.11.6-MariaDB-log")], &["the server is MariaDB"]);
        fails(&image, &[("DB_SCHEME", "postgresql")], &["DB_SCHEME is postgresql", "only mysql"]);
    }
}

#[test]
fn a_dump_that_is_not_whole_is_no_backup() {
    for image in images() {
        fails(
            &image,
            &[("BROKEN", "query failed: server closed the connection unexpectedly")],
            &["pg_dump failed with 1", "went away"],
        );
        let full = ("BROKEN", "could not write to output file: No space left on device");
        fails(&image, &[full], &["pg_dump failed", "the claim is full", "bytes were free", "or prune backups. a disk"]);
        fails(&image, &[full, ("OMUPGRADE_ACTION", "dump")], &["the claim is full", "enlarge it. a disk is full"]);
        fails(&image, &[("LISTED", "")], &["the dump holds nothing"]);
        fails(&image, &[("DAMAGED", "1")], &["cannot be read back to its end"]);
        fails(&image, &[("MOVING", "1")], &["the schema moved while it was dumped"]);
    }
    for image in mysql_images() {
        let mysql = ("DB_SCHEME", "mysql");
        fails(&image, &[mysql, ("TEXT", "-- MySQL dump\nINSERT INTO")], &["the dump has no end"]);
        fails(&image, &[mysql, ("TEXT", "")], &["the dump has no end"]);
        fails(&image, &[mysql, ("ENDED", "2")], &["mysqldump failed with 2", "went away", "without a word"]);
        fails(&image, &[mysql, ("ENDED", "137")], &["mysqldump failed with 137", "does not answer"]);
        fails(&image, &[mysql, ("SKIPPED", "Got errno 0 on write")], &["the claim is full", "bytes were free"]);
        fails(
            &image,
            &[mysql, ("SKIPPED", "SELECT command denied")],
            &["mysqldump left something out", "may not read it"],
        );
    }
}

#[test]
fn an_existing_backup_is_never_overwritten() {
    for image in images() {
        let existing = image.path("backup").join("om-1.13.1-20261122T120000Z");
        fs::create_dir(&existing).unwrap();
        fs::write(existing.join("catalog.json"), "mine").unwrap();
        // A clock that stands still: the name stays taken.
        image.fake(
            "date",
            "case $* in *%s*) echo 1 ;; *-%m-*) echo 2026-11-22T12:00:00Z ;; *) echo 20261122T120000Z ;; esac",
        );
        image.fake("sleep", "");
        run(&image, &[]).assert(1, &["om-1.13.1-20261122T120000Z exists already and is never overwritten"]);
        assert_eq!(listing(&image.path("backup")).len(), 1);
        // One that goes on: the next second is free.
        image.fake("sleep", ": >$FAKE/later");
        image.fake(
            "date",
            "second=0; [ ! -e $FAKE/later ] || second=1
case $* in *-%m-*) echo 2026-11-22T12:00:0${second}Z ;; *) echo 20261122T12000${second}Z ;; esac",
        );
        run(&image, &[]).assert(0, &["complete om-1.13.1-20261122T120001Z"]);
        assert_eq!(fs::read_to_string(existing.join("catalog.json")).unwrap(), "mine");
    }
}

#[test]
fn little_room_is_said() {
    for image in images() {
        image.fake(
            "df",
            "printf 'Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/x 1 1 0 100%% /backup\n'",
        );
        run(&image, &[])
            .assert(0, &["little room: 0 bytes are free on the claim, the database holds about 1000", "complete"]);
    }
}

#[test]
fn a_claim_that_is_not_there_or_not_writable() {
    for image in images() {
        run(&image, &[("OMUPGRADE_BACKUP_DIR", "/nowhere")]).assert(1, &["there is no directory /nowhere"]);
        image.fake("mkdir", "echo 'mkdir: Read-only file system' >&2; exit 1");
        fails(&image, &[], &["cannot write to", "Read-only file system"]);
    }
}

#[test]
fn the_fingerprint_alone() {
    for image in images() {
        let ran = run(&image, &[("OMUPGRADE_ACTION", "fingerprint"), ("OMUPGRADE_BACKUP_DIR", "/nowhere")]);
        ran.assert(0, &[]);
        assert_eq!(ran.stdout.lines().next().unwrap(), "change_log\t1:a");
        assert_eq!(ran.stdout.lines().count(), 5);
    }
}

/// The reader has the end of the archive, and the writer still brings it to the disk.
#[test]
fn a_dump_that_takes_its_time_to_end_is_read_back_once() {
    for image in images() {
        image.fake(
            "pg_dump",
            &PG_DUMP.replace("printf 'a dump' >\"${option#*=}\"", "printf 'a dump' >\"${option#*=}\"; sleep 1.5"),
        );
        image.fake("pg_restore", &PG_RESTORE.replace("*) exit", "*) echo read >>\"$FAKE/reads\"; exit"));
        run(&image, &[]).assert(0, &["bytes=6"]);
        assert_eq!(fs::read_to_string(image.path("reads")).unwrap(), "read\n");
    }
}

#[test]
fn a_large_database_is_dumped_by_several_jobs_into_a_directory() {
    let parallel = [("OMUPGRADE_JOBS", "4"), ("OMUPGRADE_PARALLEL_FROM", "1000")];
    let list = ("LISTED", "1; 1259 TABLE public t om\n2; 0 12 TABLE DATA public t om\n");
    for image in images() {
        fails(&image, &[&parallel[..], &[list, ("DAMAGED", "1")]].concat(), &["cannot be read back to its end"]);
        fails(&image, &parallel, &["names 0 tables with rows, and 1 files"]);
        fails(&image, &[("OMUPGRADE_JOBS", "many")], &["are numbers"]);
        let ran = run(&image, &[&parallel[..], &[list]].concat());
        ran.assert(0, &["dumping with 4 jobs", "bytes=10"]);
        let at = image.path("backup").join(&listing(&image.path("backup"))[0]);
        let catalog: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(at.join("catalog.json")).unwrap()).unwrap();
        let files: Vec<&str> =
            catalog["files"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
        assert_eq!(files, ["database/12.dat.gz", "database/toc.dat"]);
        let small = run(&image, &[("OMUPGRADE_JOBS", "4"), ("OMUPGRADE_PARALLEL_FROM", "1001")]);
        small.assert(0, &["bytes=6"]).assert_silent_about("jobs");
    }
}
