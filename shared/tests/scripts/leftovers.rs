//! What killed dumps leave on the claim, and what dumps that are at work have there: the first goes, the others stay.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::backup::{PG_DUMP, images, run};
use crate::support::{FakeImage, listing};

const OWN: &str = ".partial-om-1.13.1-20261101T000000Z";

/// A half-written backup with a file, to which nobody has written for so long.
fn half(image: &FakeImage, name: &str, seconds: u64) -> PathBuf {
    let at = image.path("backup").join(name);
    fs::create_dir(&at).unwrap();
    fs::write(at.join("database.dump"), "half").unwrap();
    let then = SystemTime::now() - Duration::from_secs(seconds);
    for path in [at.join("database.dump"), at.clone()] {
        fs::File::open(path).unwrap().set_modified(then).unwrap();
    }
    at
}

#[test]
fn only_its_own_leftovers_are_removed() {
    for image in images() {
        for name in [OWN, ".partial-om-1.13.1-extra-20261101T000000Z", ".partial-other-20261101T000000Z"] {
            half(&image, name, 1000);
        }
        run(&image, &[]).assert(0, &[&format!("removing {OWN}")]);
        let names = listing(&image.path("backup"));
        assert_eq!(names[..2], [".partial-om-1.13.1-extra-20261101T000000Z", ".partial-other-20261101T000000Z"]);
        assert_eq!(names.len(), 3);
    }
}

/// The hook and the plugin give one name to what they make, and neither knows of the other.
#[test]
fn a_dump_of_the_same_name_that_is_at_work_is_left_alone() {
    for image in images() {
        let at = half(&image, OWN, 1000);
        fs::write(at.join("database.dump"), "it grows").unwrap();
        let ran = run(&image, &[]);
        ran.assert(0, &[&format!("leaving {OWN}: it was written to "), "complete"]).assert_silent_about("removing");
        assert_eq!(listing(&at), ["database.dump"]);
    }
}

/// Its files may stay as they are for long while they are read back.
#[test]
fn a_dump_that_writes_nothing_touches_its_directory() {
    for image in images() {
        image.fake("sleep", "exec /bin/sleep 0.1");
        let waits = r#"at=${option#*=}; at=${at%/*}; printf 'a dump' >"${option#*=}"; /usr/bin/touch -d @1 "$at"; /bin/sleep 1; /usr/bin/date -r "$at" +%s >"$FAKE/seen""#;
        image.fake("pg_dump", &PG_DUMP.replace("printf 'a dump' >\"${option#*=}\"", waits));
        run(&image, &[]).assert(0, &["complete"]);
        let seen: u64 = fs::read_to_string(image.path("seen")).unwrap().trim().parse().unwrap();
        assert!(seen > 1, "nobody touched it");
    }
}
