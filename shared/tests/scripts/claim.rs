use std::fs;
use std::path::PathBuf;

use crate::support::{CLAIM, FakeImage, Ran, fake_images, listing};

const PG_RESTORE: &str = "case $* in *database.dump*) exit ${DAMAGED:-0} ;; esac; exit 9";

fn digest(text: &str) -> String {
    use sha2::{Digest, Sha256};
    use std::fmt::Write;
    let mut hex = String::new();
    for byte in Sha256::digest(text) {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

fn images() -> Vec<FakeImage> {
    let images = fake_images();
    for image in &images {
        image.fake("pg_restore", PG_RESTORE);
        backup(image, "om-1");
    }
    images
}

/// A backup as backup.sh leaves it.
fn backup(image: &FakeImage, name: &str) -> PathBuf {
    let at = image.path("backup").join(name);
    fs::create_dir(&at).unwrap();
    let (dump, release) = ("a dump\n", "the release");
    fs::write(at.join("database.dump"), dump).unwrap();
    fs::write(at.join("release.json.gz"), release).unwrap();
    let catalog = format!(
        "{{\"v\":1,\"origin\":\"omupgrade\",\"files\":[{{\"name\":\"database.dump\",\"bytes\":{},\"sha256\":\"{}\"}},{{\"name\":\"release.json.gz\",\"bytes\":{},\"sha256\":\"{}\"}}],\"fingerprint\":{{}}}}\n",
        dump.len(),
        digest(dump),
        release.len(),
        digest(release)
    );
    fs::write(at.join("catalog.json"), &catalog).unwrap();
    fs::write(at.join("catalog.sha256"), digest(&catalog)).unwrap();
    at
}

fn run(image: &FakeImage, action: &str, more: &[(&str, &str)]) -> Ran {
    image.run(CLAIM, &[&[("OMUPGRADE_ACTION", action)], more].concat())
}

const ONE: (&str, &str) = ("OMUPGRADE_BACKUP", "om-1");

#[test]
fn only_what_has_a_record_is_listed() {
    for image in images() {
        for name in [".partial-om-2", "om-3", "a b"] {
            fs::create_dir(image.path("backup").join(name)).unwrap();
        }
        fs::write(image.path("backup").join("a b/catalog.json"), "{}").unwrap();
        fs::write(image.path("backup").join(".partial-om-2/catalog.json"), "{}").unwrap();
        let ran = run(&image, "list", &[]);
        ran.assert(0, &["backup\tom-1\t{\"v\":1,", "half\t.partial-om-2\t"]).assert_silent_about("om-3");
        assert_eq!(ran.stdout.lines().filter(|l| l.starts_with("backup\t")).count(), 1);
        assert_eq!(ran.stdout.lines().last(), Some("end"));
        run(&image, "verify", &[ONE]).assert(0, &["omupgrade-backup: verified om-1"]);
        run(&image, "list", &[]).assert(0, &["verified\tom-1\t{\"at\":\"20"]);
    }
}

#[test]
fn whatever_was_changed_since_is_named() {
    type Change = fn(&FakeImage, &PathBuf);
    let cases: &[(Change, &str)] = &[
        (
            |_, at| fs::write(at.join("database.dump"), "b dump\n").unwrap(),
            "database.dump is not the one that was proven",
        ),
        (|_, at| fs::write(at.join("database.dump"), "a dum").unwrap(), "has 5 bytes, its record says 7"),
        (|_, at| fs::remove_file(at.join("release.json.gz")).unwrap(), "its file release.json.gz is missing"),
        (|_, at| fs::remove_file(at.join("catalog.json")).unwrap(), "om-1 has no record"),
        (
            |_, at| {
                let text = fs::read_to_string(at.join("catalog.json")).unwrap();
                fs::write(at.join("catalog.json"), text.replace("omupgrade", "hook")).unwrap();
            },
            "its record (catalog.json) is not the one that was written",
        ),
        (
            |_, at| {
                fs::remove_file(at.join("catalog.sha256")).unwrap();
                fs::write(
                    at.join("catalog.json"),
                    "{\"v\":1,\"files\":[{\"name\":\"../x\",\"bytes\":1,\"sha256\":\"a\"}]}",
                )
                .unwrap();
            },
            "its record names the file '../x'",
        ),
    ];
    for (change, words) in cases {
        for image in images() {
            let marks = ["backup/om-1/verified.json", "backup/om-1/drilled.json"].map(|mark| image.path(mark));
            for mark in &marks {
                fs::write(mark, "{}").unwrap();
            }
            change(&image, &image.path("backup").join("om-1"));
            run(&image, "verify", &[ONE]).assert(1, &[words]);
            // What was proven of it before is not true any more. Without a record it is no backup, and not listed.
            let listed = image.path("backup/om-1/catalog.json").exists();
            assert!(marks.iter().all(|mark| !listed || !mark.exists()), "{words}");
        }
    }
}

/// An image with an older client, or a reader that was killed: the bytes are those that were proven all the same.
#[test]
fn a_reader_that_fails_takes_nothing_back_of_what_was_proven() {
    let cases = [
        (
            "case $* in *--version*) echo 'pg_restore (PostgreSQL) 15.1' ;; *) echo 'unsupported version (1.16) in file header' >&2; exit 1 ;; esac",
            "its files are as recorded, and this image's pg_restore (PostgreSQL) 15.1 cannot read the dump to its end (exit 1): unsupported version",
        ),
        ("case $* in *--version*) ;; *) kill -KILL $$ ;; esac", "to its end (exit 137)"),
    ];
    for (reader, words) in cases {
        for image in images() {
            let marks = ["backup/om-1/verified.json", "backup/om-1/drilled.json"].map(|mark| image.path(mark));
            for mark in &marks {
                fs::write(mark, "proven").unwrap();
            }
            image.fake("pg_restore", reader);
            run(&image, "verify", &[ONE]).assert(1, &[words]).assert_silent_about("omupgrade-backup: verified");
            assert!(marks.iter().all(|mark| fs::read_to_string(mark).unwrap() == "proven"), "{words}");
        }
    }
}

#[test]
fn a_name_is_never_a_path() {
    for image in images() {
        for name in ["", "../backup", ".partial-x", "om-1/..", "om 1"] {
            run(&image, "verify", &[("OMUPGRADE_BACKUP", name)]).assert(1, &["names no backup"]);
        }
        run(&image, "verify", &[("OMUPGRADE_BACKUP", "om-2")]).assert(1, &["there is no backup om-2"]);
        run(&image, "remove", &[("OMUPGRADE_BACKUPS", "../tmp")]).assert(1, &["names no backup"]);
    }
}

#[test]
fn what_is_removed_goes_whole_also_after_a_kill() {
    for image in images() {
        backup(&image, "om-2");
        fs::create_dir(image.path("backup/.removed-om-0")).unwrap(); // a killed run's
        run(&image, "remove", &[("OMUPGRADE_BACKUPS", "om-2")]).assert(0, &["removed\tom-2"]);
        assert_eq!(listing(&image.path("backup")), ["om-1"]);
    }
}

#[test]
fn what_is_half_written_goes_once_nobody_writes_to_it() {
    for image in images() {
        let at = |name: &str| image.path("backup").join(name);
        for name in [".partial-old", ".partial-slow/database", ".partial-new", ".import/old", ".import/new"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        fs::write(at(".partial-slow/database/1.dat.gz"), "it grows").unwrap();
        // The directory of a dump that takes long is as old as its beginning.
        for name in [".partial-old", ".import/old", ".partial-slow/database", ".partial-slow"] {
            let old = std::time::SystemTime::now() - std::time::Duration::from_secs(100_000);
            fs::File::open(at(name)).unwrap().set_modified(old).unwrap();
        }
        run(&image, "list", &[])
            .assert(0, &["half\t.partial-old\t1000", "half\t.import/new\t", "half\t.partial-slow\t"]);
        run(&image, "remove", &[("OMUPGRADE_HALF_OLDER_THAN", "86400")])
            .assert(0, &["removed\t.partial-old", "removed\t.import/old"]);
        assert_eq!(listing(&image.path("backup")), [".import", ".partial-new", ".partial-slow", "om-1"]);
        assert_eq!(listing(&at(".import")), ["new"]);
    }
}

#[test]
fn what_was_copied_in_takes_its_place_whole_or_goes() {
    for image in images() {
        let import = image.path("backup/.import");
        fs::create_dir(&import).unwrap();
        let copied = || {
            fs::rename(backup(&image, "om-2"), import.join("om-2")).unwrap();
            import.join("om-2")
        };
        let take_in = || run(&image, "take-in", &[("OMUPGRADE_BACKUP", "om-2")]);
        fs::write(copied().join("database.dump"), "a dum").unwrap();
        take_in().assert(1, &["has 5 bytes, its record says 7"]);
        assert!(listing(&import).is_empty(), "{:?}", listing(&import));
        copied();
        take_in().assert(0, &["omupgrade-backup: imported om-2"]);
        assert_eq!(listing(&image.path("backup")), [".import", "om-1", "om-2"]);
    }
}
