//! The frame of checks, on a list of its own: outcomes, ends, waivers, and what every view makes of them. The verbs'
//! own lists are tested with their verbs.
#![allow(clippy::unwrap_used)]

use kubectl_omupgrade::checks::{
    Answer, Check, Counts, Decision, Names, Outcome, Report, Row, SCHEMA, Step, Strictness, Waivers, fail, faults,
    pass, run, skip, unknown, warn,
};
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::view::{self, Shape};

const fn row(id: &'static str, group: &'static str, fact: &'static str) -> Row {
    let (hint, docs) = ("kubectl get pods -n {namespace}", "https://docs.open-metadata.org/deployment/upgrade");
    Row { id, group, fact, guide: "check the requirements", hint, docs, needed: false }
}

struct Facts {
    newest: Answer,
}

fn list() -> Vec<Check<Facts>> {
    let needed = |row: Row| Row { needed: true, ..row };
    vec![
        Check { row: row("engine-version", "database", "the database is new enough"), ask: |f| f.newest.clone() },
        Check { row: row("charset", "database", "the character set is utf8mb4"), ask: |_| pass("utf8mb4") },
        Check {
            row: needed(row("pending", "path", "no migration is half done")),
            ask: |_| unknown("the probe Pod was forbidden: pods is forbidden"),
        },
        Check { row: row("airflow", "path", "Airflow is new enough"), ask: |_| skip("pipelines run on Kubernetes") },
        Check {
            row: row("replicas", "pods", "two pods serve"),
            ask: |_| {
                warn("replicas: 1 <b>& \"more\" | `x`</b>")
                    .next("kubectl scale deployment/openmetadata -n {namespace} --replicas=2")
            },
        },
    ]
}

fn report(newest: Answer) -> Report {
    let names = Names {
        verb: "precheck".to_owned(),
        release: "om".to_owned(),
        namespace: "data".to_owned(),
        to: "1.13.1".to_owned(),
        ..Names::default()
    };
    let mut report = Report {
        schema: SCHEMA.to_owned(),
        verb: "precheck".to_owned(),
        release: "om".to_owned(),
        namespace: "data".to_owned(),
        from: Some("1.12.3".to_owned()),
        to: Some("1.13.1".to_owned()),
        made: "2026-11-22T10:00:00Z".parse().unwrap(),
        counts: Counts::default(),
        checks: run(&list(), &Facts { newest }, &names),
        verdict: Some(Decision {
            word: "quiesce".to_owned(),
            code: 21,
            sentence: "1.13.1 migrates the database, so no pod of the old version may serve meanwhile".to_owned(),
            because: vec!["1.13.0 and 1.13.1 have migrations (tables of omupgrade)".to_owned()],
            downtime: vec!["nothing is served for about 9 minutes".to_owned(), "start of a pod: 2 min".to_owned()],
        }),
        steps: vec![Step {
            what: "stop the server".to_owned(),
            command: "kubectl scale deployment/openmetadata -n data --replicas=0".to_owned(),
        }],
        notes: Vec::new(),
    };
    report.count();
    report
}

fn failing() -> Report {
    report(fail("MySQL 8.0.37; 1.13 needs 8.0.42"))
}

#[test]
fn ends() {
    assert_eq!(failing().exit(Strictness::Failures), Exit::No);
    let sound = || report(pass("MySQL 8.4.0"));
    // A needed answer is missing.
    assert_eq!(sound().exit(Strictness::Failures), Exit::Unknown);
    let mut known = sound();
    known.checks.retain(|f| f.outcome != Outcome::Unknown);
    assert_eq!(known.exit(Strictness::Failures), Exit::Done);
    assert_eq!(known.exit(Strictness::Everything), Exit::No);
}

#[test]
fn views() {
    let mut report = failing();
    report.notes.push("the waiver of charset ended on 2026-01-31".to_owned());
    for width in [120, 60] {
        let shape = Shape { width, wide: false, live: false };
        insta::assert_snapshot!(format!("columns-{width}"), view::plain(&view::checks(&report, shape)));
    }
    let shape = Shape { width: 100, wide: true, live: false };
    insta::assert_snapshot!("wide", view::plain(&view::checks(&report, shape)));
    insta::assert_snapshot!("junit", view::junit(&report, Strictness::Failures));
    insta::assert_snapshot!("markdown", view::markdown(&report));
    let again: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    assert_eq!(again, report);
}

/// A CI that reads the report and one that reads the exit code see the same.
#[test]
fn junit_is_red_exactly_where_the_command_does_not_end_with_0() {
    let red = |r: &Report, strictness| {
        let xml = view::junit(r, strictness);
        let counted = !xml.lines().nth(1).unwrap().contains("failures=\"0\" errors=\"0\"");
        assert_eq!(counted, xml.contains("<failure ") || xml.contains("<error "), "{xml}");
        counted
    };
    let answers = || [pass("MySQL 8.4.0"), warn("MySQL 8.0.42"), unknown("nobody asked"), fail("MySQL 8.0.37")];
    for answer in answers() {
        for missing in [true, false] {
            let mut report = report(answer.clone());
            report.checks.retain(|f| missing || !f.needed);
            for strictness in [Strictness::Failures, Strictness::Everything] {
                let ends_well = report.exit(strictness) == Exit::Done;
                assert_eq!(red(&report, strictness), !ends_well, "{answer:?}, {missing}, {strictness:?}");
            }
        }
    }
}

const WAIVED: &str = "waivers:\n- {check: engine-version, reason: moved on Monday, until: 2026-11-30}\n";

#[test]
fn a_waiver_takes_a_finding_out_of_the_count_until_its_day() {
    let ids = ["engine-version", "charset", "pending"];
    let today = |text: &str| text.parse::<jiff::civil::Date>().unwrap();
    let waivers = Waivers::read(WAIVED, &ids).unwrap();
    let mut last_day = failing();
    waivers.apply(&mut last_day, today("2026-11-30"));
    assert_eq!((last_day.counts.fail, last_day.counts.waived), (0, 1));
    assert_eq!(last_day.exit(Strictness::Failures), Exit::Unknown);
    let shape = Shape { width: 60, wide: false, live: false };
    let text = view::plain(&view::checks(&last_day, shape));
    assert!(text.contains("~ engine-version: waived (fail) until 2026-11-30: moved"), "{text}");
    assert!(
        view::junit(&last_day, Strictness::Failures)
            .contains("<skipped message=\"waived until 2026-11-30: moved on Monday\"/>")
    );

    let mut late = failing();
    waivers.apply(&mut late, today("2026-12-01"));
    assert_eq!((late.counts.fail, late.counts.waived), (1, 0));
    assert_eq!(late.notes, ["the waiver of engine-version ended on 2026-11-30"]);

    let elsewhere = WAIVED.replace("2026-11-30}", "2026-11-30, release: other}");
    let mut other = failing();
    Waivers::read(&elsewhere, &ids).unwrap().apply(&mut other, today("2026-11-30"));
    assert_eq!(other.counts.waived, 0);

    let idle = "waivers:\n- {check: charset, reason: later, until: 2027-01-01}\n";
    let mut holds = failing();
    Waivers::read(idle, &ids).unwrap().apply(&mut holds, today("2026-11-30"));
    assert_eq!(holds.notes, ["the waiver of charset is not needed: the check holds"]);
}

#[test]
fn a_wrong_file_of_waivers_is_refused_with_its_place() {
    let ids = ["engine-version", "charset"];
    for (text, words) in [
        ("waivers:\n- {check: engine-versoin, reason: x, until: 2026-11-30}\n", "there is no such check"),
        ("waivers:\n- {check: charset, reason: ' ', until: 2026-11-30}\n", "gives no reason"),
        ("waivers:\n- {check: charset, reason: x}\n", "until"),
        ("waivers:\n- {check: charset, reason: x, until: tomorrow}\n", "line 2"),
        ("waivers:\n- {check: charset, reson: x, until: 2026-11-30}\n", "reson"),
        ("waiver: []\n", "waiver"),
        ("\u{0}", "no file of waivers"),
    ] {
        let refused = Waivers::read(text, &ids).unwrap_err();
        assert_eq!(refused.exit, Exit::Usage);
        assert!(refused.to_string().contains(words), "{text:?}: {refused}");
    }
    let near = Waivers::read("waivers:\n- {check: engine-versoin, reason: x, until: 2026-11-30}\n", &ids).unwrap_err();
    assert!(near.message.ends_with("the nearest is `engine-version`") && near.hints.is_empty(), "{near:?}");
    let late = "waivers:\n- {check: charset, reason: x, until: tomorrow}\n";
    let late = Waivers::read(late, &ids).unwrap_err().to_string();
    assert!(!late.contains('\n') && late.matches("tomorrow").count() < 2, "{late}");
}

#[test]
fn a_list_tests_itself() {
    let parses = |words: &[String]| if words[0] == "status" { Ok(()) } else { Err("no such verb".to_owned()) };
    let rows: Vec<Row> = list().iter().map(|c| c.row).collect();
    assert_eq!(faults(&rows, parses), Vec::<String>::new());
    let good = row("one", "group", "a fact");
    let changed: [(&str, Row); 8] = [
        ("name is taken", good),
        ("lower case", Row { id: "One", ..good }),
        ("fact is no words", Row { fact: "a fact.", ..good }),
        ("docs are no address", Row { docs: "see the guide", ..good }),
        ("calls `vi`", Row { hint: "vi values.yaml", ..good }),
        ("kubectl got", Row { hint: "kubectl -n {namespace} got pods", ..good }),
        ("the flag `--showlabels`", Row { hint: "kubectl get pods -n {namespace} --showlabels", ..good }),
        ("is not parsed", Row { hint: "kubectl omupgrade statsu {release}", ..good }),
    ];
    for (words, other) in changed {
        let found = faults(&[good, other], parses);
        assert!(found.iter().any(|f| f.contains(words)), "{words}: {found:?}");
    }
    let fine = Row { id: "two", hint: "A=b kubectl omupgrade status {release} # the tree", ..good };
    assert_eq!(faults(&[good, fine], parses), Vec::<String>::new());
}
