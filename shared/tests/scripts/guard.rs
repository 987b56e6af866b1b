use std::fs;

use crate::support::{FakeImage, GUARD, Ran, fake_images};

/// A psql that says which tables there are, then what rows they hold.
const PSQL: &str = r#"case "$*" in
*--version*) echo "psql (PostgreSQL) 17.1" ;;
*pg_class*) cat "$FAKE/tables" ;;
*) cat "$FAKE/rows" ;;
esac"#;

const ENVIRONMENT: [(&str, &str); 8] = [
    ("DB_SCHEME", "postgresql"),
    ("DB_HOST", "database"),
    ("DB_USER", "om"),
    ("OM_DATABASE", "openmetadata_db"),
    ("DB_USER_PASSWORD", "s3cret"),
    ("OMUPGRADE_RELEASE", "om"),
    ("OMUPGRADE_NAMESPACE", "data"),
    ("OMUPGRADE_WAIT_SECONDS", "0"),
];

fn run(image: &FakeImage, more: &[(&str, &str)]) -> Ran {
    let ran = image.run(GUARD, &[&ENVIRONMENT, more].concat());
    ran.assert_silent_about("s3cret");
    ran
}

/// Rows of the database, the image's tag and folders, the exit code, a word of the sentence.
fn judge(rows: &str, tag: &str, folders: &str, code: i32, word: &str) {
    for image in fake_images() {
        image.fake("psql", PSQL);
        fs::write(image.path("tables"), "SELECT 1\n").unwrap();
        fs::write(image.path("rows"), rows).unwrap();
        fs::write(image.path("folders"), folders).unwrap();
        let path = image.path("folders").to_string_lossy().into_owned();
        run(&image, &[("OMUPGRADE_TAG", tag), ("OMUPGRADE_FOLDERS", &path)]).assert(code, &[word]);
    }
}

#[test]
fn older_equal_and_newer() {
    judge("done 1.12.3\n", "1.13.1", "", 0, "the database is at 1.12.3, this image is 1.13.1");
    judge("done 1.13.1\n", "1.13.1", "", 0, "pass");
    judge("done 1.13.1\n", "1.12.3", "", 1, "the database is at 1.13.1, newer than this image (1.12.3)");
    judge("done 2.0.0\n", "1.13.1", "", 1, "newer than this image");
}

#[test]
fn versions_are_numbers_not_strings() {
    judge("done 1.9.9\n", "1.13.0", "", 0, "pass");
    judge("done 1.13.0\ndone 1.9.9\n", "1.9.9", "", 1, "at 1.13.0, newer");
    judge("done 1.12.10\n", "1.12.9", "", 1, "at 1.12.10, newer");
    judge("done 10.0.0\n", "9.9.9", "", 1, "newer");
}

#[test]
fn suffixes_a_leading_v_and_a_fourth_number_do_not_count() {
    judge("done 1.13.1-collate\ndone 2.0.0-baseline\n", "v2.0.0", "", 0, "at 2.0.0, this image is 2.0.0");
    judge("done 1.13.1\n", "1.13.1-SNAPSHOT+build.7", "", 0, "this image is 1.13.1");
    judge("done 1.13.1\n", "1.13.1.4", "", 0, "this image is 1.13.1");
    judge("done v1.13.1.9\n", "1.13.1", "", 0, "pass");
    judge("done 1.13.1\n", "\"1.12.3\"", "", 1, "newer than this image (1.12.3)");
}

#[test]
fn the_highest_of_folders_and_tag_is_the_image() {
    judge("done 1.13.1\n", "latest", "1.12.3\n1.13.1\n1.9.9\n", 0, "this image is 1.13.1");
    judge("done 1.13.1\n", "latest", "1.12.3\n", 1, "newer than this image (1.12.3)");
    judge("done 1.13.1\n", "1.12.9", "1.12.3\n1.13.1\n", 0, "this image is 1.13.1");
    judge("done 1.12.9\n", "1.12.9", "1.12.3\n", 0, "this image is 1.12.9");
    judge("done 1.13.1\n", "sha256:0a1b", "README.md\n1.13.1/\nlost+found\n", 0, "this image is 1.13.1");
}

#[test]
fn the_guard_and_the_tools_agree_on_what_a_version_is() {
    for text in [
        "1.13.1",
        "v1.13.1",
        "1.13.1.4",
        "1.13.1-rc1",
        "1.13.1+build.7",
        "1.13",
        "1",
        "1.13.1.4.5",
        "latest",
        "2026.04.01",
        "20260401",
        "1.13.x",
        "1..3",
        ".1.2",
        "1.2.",
        "99.0.0",
        "100.0.0",
        "sha256",
        "",
    ] {
        let words = shared::versions::Version::parse(text)
            .map_or("NOT CHECKED: cannot tell".to_owned(), |version| format!("this image is {version}"));
        judge("done 0.9.0\n", text, "", 0, &words);
    }
}

#[test]
fn a_tag_of_another_major_than_the_folders_does_not_count() {
    judge("done 1.13.1\n", "20.1.0", "1.5.0\n1.5.4\n", 1, "newer than this image (1.5.4)");
    judge("done 1.13.1\n", "20.1.0", "1.13.0\n1.13.1\n", 0, "the tag 20.1.0 does not count");
    judge("done 1.13.1\n", "1.13.6", "1.13.0\n1.13.1\n", 0, "this image is 1.13.6");
}

#[test]
fn an_image_without_any_version_is_not_judged_and_that_is_said() {
    judge("done 1.13.1\n", "latest", "", 0, "NOT CHECKED: cannot tell this image's version");
    judge("done 1.13.1\n", "", "README.md\n", 0, "NOT CHECKED: cannot tell this image's version");
    // A build number or a date is no version: read as one it would let everything pass.
    judge("done 1.13.1\n", "20260401", "", 0, "NOT CHECKED: cannot tell this image's version");
    judge("done 1.13.1\n", "2026.04.01", "", 0, "NOT CHECKED: cannot tell this image's version");
}

#[test]
fn a_half_run_migration_counts() {
    judge(
        "done 1.12.3\nhalf 1.13.1\n",
        "1.12.3",
        "",
        1,
        "a migration to 1.13.1 began and did not finish; finished: 1.12.3",
    );
    judge("done 1.12.3\nhalf 1.13.1\n", "1.13.1", "", 0, "began and did not finish");
    judge("half 1.13.1\n", "1.12.3", "", 1, "finished: none");
}

#[test]
fn imported_history_and_strange_rows() {
    judge("done 0.0.15\ndone 0.0.9\n", "1.11.0", "", 0, "no version yet (2 rows of imported history)");
    judge("done 0.0.15\ndone 1.11.0\n", "1.11.0", "", 0, "at 1.11.0");
    judge("", "1.11.0", "", 0, "no version yet");
    judge("done 1.11.0\ndone nightly\ndone \n", "1.11.0", "", 0, "1 rows of the database hold no version");
    judge("done nightly\n", "1.11.0", "", 1, "cannot tell the database's version");
}

#[test]
fn the_refusal_says_the_way_on_also_where_kubernetes_looks() {
    for image in fake_images() {
        image.fake("psql", PSQL);
        fs::write(image.path("tables"), "SELECT 1\n").unwrap();
        fs::write(image.path("rows"), "done 1.13.1\n").unwrap();
        fs::write(image.path("termination-log"), "").unwrap();
        let words = [
            "omupgrade schema guard: the database is at 1.13.1, newer than this image (1.12.3)",
            "kubectl omupgrade status om -n data",
            "kubectl omupgrade rollback om -n data",
            "kubectl -n data create configmap om-omupgrade-guard --from-literal=mode=off",
        ];
        run(&image, &[("OMUPGRADE_TAG", "1.12.3")]).assert(1, &words);
        let log = fs::read_to_string(image.path("termination-log")).unwrap();
        assert!(words.iter().all(|word| log.contains(word)), "{log}");
    }
}

#[test]
fn break_glass_passes_and_is_logged() {
    for image in fake_images() {
        run(&image, &[("OMUPGRADE_MODE", "off")]).assert(0, &["NOT CHECKED", "om-omupgrade-guard"]);
        run(&image, &[("OMUPGRADE_MODE", "on")]).assert(1, &["no database client"]);
    }
}

#[test]
fn fresh_only_after_an_answer() {
    for image in fake_images() {
        image.fake("psql", "case $* in *--version*) exit 0 ;; esac; exit 0");
        run(&image, &[("OMUPGRADE_TAG", "1.12.3")]).assert(0, &["fresh"]);
        // The same empty answer, but the client failed: whatever its exit status is, that is no fresh database.
        for status in ["1", "2", "3", "124", "137"] {
            image.fake("psql", &format!("case $* in *--version*) exit 0 ;; esac; exit {status}"));
            run(&image, &[("OMUPGRADE_TAG", "1.12.3")])
                .assert(1, &["could not read the postgresql database"])
                .assert_silent_about("fresh");
        }
        // Tables are there, and reading them fails half way through.
        image.fake(
            "psql",
            "case $* in *--version*) exit 0 ;; *pg_class*) echo SELECT ;; *) echo done 1.0.0; exit 1 ;; esac",
        );
        run(&image, &[("OMUPGRADE_TAG", "1.12.3")]).assert(1, &["could not read"]).assert_silent_about("pass");
    }
}

#[test]
fn a_database_that_comes_up_late() {
    for image in fake_images() {
        image.fake(
            "psql",
            &format!(
                r#"case "$*" in *--version*) exit 0 ;; esac
if [ ! -e "$FAKE/up" ]; then : >"$FAKE/up"; echo "Connection refused" >&2; exit 2; fi
{PSQL}"#
            ),
        );
        fs::write(image.path("tables"), "SELECT 1\n").unwrap();
        fs::write(image.path("rows"), "done 1.13.1\n").unwrap();
        run(&image, &[("OMUPGRADE_TAG", "1.13.1"), ("OMUPGRADE_WAIT_SECONDS", "20")])
            .assert(0, &["waiting up to 20 s: the server does not answer", "pass: the database is at 1.13.1"]);
    }
}

#[test]
fn the_wrong_client_is_named() {
    for image in fake_images() {
        run(&image, &[]).assert(1, &["DB_SCHEME is postgresql", "no database client"]);
        image.fake("mysql", "echo 'mysql  Ver 15.1 Distrib 10.11.6-MariaDB, for debian-linux-gnu'");
        run(&image, &[]).assert(1, &["DB_SCHEME is postgresql", "only mysql, not psql"]);
        run(&image, &[("DB_SCHEME", "\"mysql\"")]).assert(1, &["MariaDB's client", "Oracle's (mysql:N)"]);
        run(&image, &[("DB_SCHEME", "oracle")]).assert(1, &["neither postgresql nor mysql"]);
        run(&image, &[("DB_SCHEME", "")]).assert(1, &["DB_SCHEME is empty", "Secret"]);
        image.fake("psql", PSQL);
        run(&image, &[("DB_HOST", "\"\"")]).assert(1, &["DB_HOST is empty"]);
        run(&image, &[("TMPDIR", "/nowhere")]).assert(1, &["mount an emptyDir"]);
    }
}

/// What the client is told, as a line of variables and options; never the password on the command line.
fn told(scheme: &str, params: &str, image: &FakeImage) -> String {
    image.fake(
        "psql",
        r#"case "$*" in *--version*) exit 0 ;; *s3cret*) exit 9 ;; esac
echo "mode=$PGSSLMODE root=${PGSSLROOTCERT:-} key=${PGSSLKEY:-} password=${PGPASSWORD:+given} sql=$*" >"$FAKE/told""#,
    );
    image.fake("mysql", r#"case "$*" in *--version*) exit 0 ;; *s3cret*) exit 9 ;; esac
for option; do case $option in --defaults-file=*) while read -r line; do echo "$line" | tr '\n' ' '; done <"${option#*=}" >"$FAKE/told" ;; esac; done"#);
    run(image, &[("DB_SCHEME", scheme), ("DB_PARAMS", params), ("OMUPGRADE_TAG", "1.0.0")]).assert(0, &["fresh"]);
    fs::read_to_string(image.path("told")).unwrap()
}

#[test]
fn jdbc_parameters_by_a_table() {
    for image in fake_images() {
        let postgres = |params: &str, word: &str| {
            let told = told("postgresql", params, &image);
            assert!(told.contains(word) && told.contains("password=given"), "{params}: {told}");
        };
        postgres("allowPublicKeyRetrieval=true&useSSL=false&serverTimezone=UTC", "mode=prefer root= key=");
        postgres("", "mode=prefer");
        postgres("\"sslmode=verify-full&sslrootcert=%2Fetc%2Fdb%20ca.pem\"", "mode=verify-full root=/etc/db ca.pem");
        postgres("?ssl=true&sslkey=/k", "mode=require root= key=/k");
        postgres("sslmode=disable&ssl=true", "mode=disable");
        postgres("currentSchema=om", "SET LOCAL search_path TO \"om\"");
        let mysql = |params: &str, word: &str| {
            let told = told("mysql", params, &image);
            assert!(told.contains(word) && told.contains("get-server-public-key"), "{params}: {told}");
        };
        mysql("allowPublicKeyRetrieval=true&useSSL=false&serverTimezone=UTC", "ssl-mode=PREFERRED");
        mysql("useSSL=true&requireSSL=true", "ssl-mode=REQUIRED");
        mysql("requireSSL=true&verifyServerCertificate=true", "ssl-mode=VERIFY_CA");
        mysql("sslMode=verify_identity&requireSSL=true", "ssl-mode=VERIFY_IDENTITY");
    }
}
