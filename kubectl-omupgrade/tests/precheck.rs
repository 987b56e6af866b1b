//! Every file of `testdata/precheck` but `base.yaml` is a situation: a small overlay over that base, with what every
//! check answers as its snapshot. The lists test themselves: names, docs, and hints that can be typed.
#![allow(clippy::unwrap_used, clippy::panic)]

use kubectl_omupgrade::checks::precheck::{self, Case, Facts, Tables, decide};
use kubectl_omupgrade::checks::{Outcome, Report, Row, Seen, Step, Strictness, Waivers, commands, faults};
use kubectl_omupgrade::cli::command;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::view::{self, Shape};
use serde_json::{Map, Value};
use shared::versions::Version;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables::read(|_| None).unwrap());

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/precheck")
}

fn read(name: &str) -> Value {
    let file = folder().join(name);
    let text = std::fs::read_to_string(&file).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

fn situations() -> Vec<String> {
    let names = std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut all: Vec<String> = names.filter(|n| n.strip_suffix(".yaml").is_some_and(|stem| stem != "base")).collect();
    all.sort();
    all
}

/// Puts an overlay over a base: null takes a key away; `unknown:`, lists and empty maps stand for the whole.
fn overlay(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) if !over.contains_key("unknown") && !over.is_empty() => {
            for (key, value) in over {
                if value.is_null() {
                    base.remove(key);
                } else {
                    overlay(base.entry(key.clone()).or_insert_with(|| Value::Object(Map::new())), value);
                }
            }
        }
        (base, over) => *base = over.clone(),
    }
}

fn case(name: &str) -> (String, Case) {
    let mut facts = read("base.yaml");
    let mut over = read(name);
    let about = over.as_object_mut().unwrap().remove("about").unwrap();
    if over.as_object().is_some_and(|o| !o.is_empty()) {
        overlay(&mut facts, &over);
    }
    let facts = Facts::from_text(&facts.to_string()).unwrap_or_else(|e| panic!("{name}: {e}"));
    (about.as_str().unwrap().to_owned(), Case { facts, tables: TABLES.clone() })
}

fn report(case: &Case) -> Report {
    let mut report = precheck::report(case);
    decide(case, &mut report);
    report
}

/// What every check answered, in few words: what holds by name alone, the rest with evidence and command.
fn outcomes(about: &str, report: &Report) -> String {
    let mut out = format!("{about}\n\n");
    let of = |outcome: Outcome| report.checks.iter().filter(move |f| f.outcome == outcome);
    for outcome in [Outcome::Fail, Outcome::Unknown, Outcome::Warn] {
        for f in of(outcome) {
            let next = f.next.as_deref().unwrap_or_default();
            let _ = write!(out, "{:<7} {}: {}\n        $ {next}\n", outcome.word(), f.id, f.evidence);
        }
    }
    for outcome in [Outcome::Pass, Outcome::Skip] {
        let ids: Vec<&str> = of(outcome).map(|f| f.id.as_str()).collect();
        let _ = writeln!(out, "{:<7} {}", outcome.word(), ids.join(" "));
    }
    let verdict = report.verdict.as_ref().unwrap();
    let _ = write!(out, "\n{} ({}): {}\n", verdict.word, verdict.code, verdict.sentence);
    for text in verdict.because.iter().chain(&verdict.downtime) {
        let _ = writeln!(out, "  {text}");
    }
    for step in &report.steps {
        let command = Some(&step.command).filter(|c| !c.is_empty()).map(|c| format!("  $ {c}\n"));
        let _ = write!(out, "- {}\n{}", step.what, command.unwrap_or_default());
    }
    let _ = writeln!(out, "exit {}", report.exit(Strictness::Failures).code());
    out
}

#[test]
fn what_every_check_answers() {
    let all = situations();
    assert!(all.len() >= 60, "{} situations", all.len());
    for name in all {
        let (about, case) = case(&name);
        let report = report(&case);
        insta::with_settings!({snapshot_path => folder(), prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(name.trim_end_matches(".yaml"), outcomes(&about, &report));
        });
    }
}

/// Each check has a situation in which it holds and one in which it does not; and each verdict one.
#[test]
fn every_check_can_go_both_ways() {
    let mut seen: BTreeMap<String, Vec<Outcome>> = BTreeMap::new();
    let mut codes = Vec::new();
    for name in situations() {
        let report = report(&case(&name).1);
        codes.push(report.verdict.as_ref().unwrap().code);
        for finding in report.checks {
            seen.entry(finding.id).or_default().push(finding.outcome);
        }
    }
    for id in precheck::ids() {
        let outcomes = &seen[id];
        assert!(
            outcomes.contains(&Outcome::Pass) || matches!(id, "kafka" | "other-release" | "breaking-changes"),
            "{id} never holds"
        );
        let wanting = |o: &Outcome| matches!(o, Outcome::Fail | Outcome::Warn);
        // What only a table or a disk can tell is unknown at worst.
        let at_worst = |o: &Outcome| {
            wanting(o)
                || (matches!(id, "migrations-pending" | "configuration-exported" | "image-there")
                    && *o == Outcome::Unknown)
        };
        assert!(outcomes.iter().any(at_worst), "{id} always holds");
    }
    for code in 20..=24 {
        assert!(codes.contains(&code), "no situation has the verdict {code}");
    }
}

/// Whatever is not seen: an answer, no panic, and never a failure for that alone.
#[test]
fn what_is_not_seen_is_unknown_and_not_a_failure() {
    let base = read("base.yaml");
    for (key, value) in base.as_object().unwrap() {
        if matches!(key.as_str(), "schema" | "made" | "release" | "namespace" | "asked") {
            continue;
        }
        let mut less = base.clone();
        less[key] = serde_json::json!({"unknown": "pods is forbidden: no rights"});
        // Node and registry answer for each other.
        if matches!(key.as_str(), "images" | "registry") {
            less["images"] = less[key].clone();
            less["registry"] = less[key].clone();
        }
        let facts = Facts::from_text(&less.to_string()).unwrap();
        let of = |facts: Facts| report(&Case { facts, tables: TABLES.clone() });
        let (before, after) = (of(Facts::from_text(&base.to_string()).unwrap()), of(facts));
        assert!(after.counts.unknown > before.counts.unknown, "{key}: {value}");
        assert_eq!(after.counts.fail, before.counts.fail, "{key}");
        let word = |r: &Report| r.verdict.as_ref().unwrap().word.clone();
        assert!(word(&after) == word(&before) || key == "database", "{key}: {}", word(&after));
        // Unread is never "nothing migrates".
        assert_ne!(word(&after), "rolling", "{key}");
    }
}

/// A step back is none of the ways that there are, whoever answers for it; what is not known somebody may answer for.
#[test]
fn a_step_back_stays_refused() {
    let waivers = "waivers:\n- {check: direction, reason: asked by hand, until: 2099-01-01}\n";
    let waivers = Waivers::read(waivers, &precheck::ids()).unwrap();
    let of = |name: &str| {
        let case = case(name).1;
        let mut report = precheck::report(&case);
        waivers.apply(&mut report, "2026-11-22".parse().unwrap());
        decide(&case, &mut report);
        report
    };
    for name in ["database-newer.yaml", "backwards.yaml"] {
        let report = of(name);
        assert_eq!(report.verdict.as_ref().unwrap().code, 24, "{name}: {:?}", report.verdict);
        assert_eq!((report.counts.waived, report.exit(Strictness::Failures)), (0, Exit::No), "{name}");
        assert!(report.notes[0].contains("the waiver of direction does not count"), "{name}: {:?}", report.notes);
    }
    let report = of("rollout-open.yaml");
    assert!(report.counts.waived == 1 && report.notes.is_empty(), "{:?}", report.notes);
}

/// Where the tables end, nothing that rests on them is claimed: not even where nothing seems to be pending.
#[test]
fn a_target_beyond_the_tables_is_never_rolling() {
    for to in ["1.13.9", "1.14.0", "2.0.9", "3.0.0"] {
        let (_, mut case) = case("rolling.yaml");
        case.facts.asked.to = Version::parse(to).unwrap();
        case.facts.folders = Seen::Known(vec!["1.13.1".to_owned()]);
        let report = report(&case);
        let verdict = report.verdict.as_ref().unwrap();
        assert!(verdict.code == 21 || verdict.code == 22, "{to}: {}", verdict.word);
        let of = |id: &str| report.checks.iter().find(|f| f.id == id).unwrap();
        for id in ["target-known", "migrations-pending", "known-troubles", "values-accepted", "database-version"] {
            let finding = of(id);
            assert_eq!(finding.outcome, Outcome::Unknown, "{to}: {id}: {}", finding.evidence);
            assert!(finding.next.as_ref().unwrap().contains("--tables DIR"), "{to}: {id}: {:?}", finding.next);
        }
        assert_ne!(report.exit(Strictness::Failures), Exit::Done, "{to}");
    }
}

/// What fails would stop the way with the server at zero: it is mended before the server is stopped.
#[test]
fn what_fails_is_mended_before_the_server_is_stopped() {
    let mut seen = 0;
    for name in situations() {
        let report = report(&case(&name).1);
        let stop = report.steps.iter().position(|s| s.command.contains("--replicas=0"));
        let verdict = report.verdict.as_ref().unwrap();
        // Of hop and search window the verdict speaks itself.
        let spoken = |id: &str| id == "hops" && verdict.code == 22 || id == "search-version" && verdict.code == 23;
        if verdict.code == 24 {
            continue;
        }
        for failing in report.checks.iter().filter(|f| f.outcome == Outcome::Fail && !spoken(&f.id)) {
            let command = failing.next.as_ref().unwrap();
            let said = |s: &Step| s.command == *command && s.what.contains(&failing.fact);
            let at = report.steps.iter().position(said);
            assert!(
                at.is_some_and(|at| stop.is_none_or(|stop| at < stop)),
                "{name}: {}: {:?}",
                failing.id,
                report.steps
            );
            seen += 1;
        }
    }
    assert!(seen > 5, "{seen}");
}

/// Whatever there is to tell: what follows stands in the first lines, and in the last one of a terminal.
#[test]
fn the_verdict_is_the_first_and_the_last_word() {
    for name in situations() {
        let report = report(&case(&name).1);
        let word = report.verdict.as_ref().unwrap().word.clone();
        for (width, wide) in [(60, false), (80, false), (160, false), (80, true)] {
            let text = view::plain(&view::checks(&report, Shape { width, wide, live: false }));
            let lines: Vec<&str> = text.lines().collect();
            assert!(lines[1].starts_with(&format!("{word}: ")), "{name}: {}", lines[1]);
            let last = lines.iter().rposition(|l| l.starts_with(&format!("{word}: "))).unwrap();
            assert!(last + 3 >= lines.len() && last > 1, "{name}: {text}");
        }
    }
}

/// At 80 columns and with nothing wrong the answer is little more than its steps.
#[test]
fn what_holds_takes_a_line_a_group() {
    let report = report(&case("healthy.yaml").1);
    let lines = view::checks(&report, Shape { width: 80, wide: false, live: false });
    assert!(lines.len() < 50, "{}", view::plain(&lines));
    let text = view::plain(&lines);
    assert!(text.contains("✔ database       6 hold") && !text.contains("database-charset"), "{text}");
}

/// On a terminal of 24 rows steps and verdict of a plain way stand together; on a higher one nothing is shortened.
#[test]
fn the_steps_of_a_quiesce_fit_on_a_low_terminal() {
    let report = report(&case("healthy.yaml").1);
    let shape = Shape { width: 80, wide: false, live: false };
    let on = |rows| view::checks_on(&report, shape, Some(rows));
    let lines = on(24);
    let next = lines.iter().position(|l| view::plain(std::slice::from_ref(l)) == "next:\n").unwrap();
    assert!(view::height(&lines[next..], 80) < 24, "{}", view::plain(&lines[next..]));
    let text = view::plain(&lines[next..]);
    for step in &report.steps {
        let line = format!("{}  # {}\n", step.command, step.what);
        assert!(text.contains(&line), "no {line} in {text}");
    }
    assert!(text.lines().last().unwrap().starts_with("quiesce: "), "{text}");
    assert_eq!(on(60), view::checks(&report, shape));
    assert!(view::height(&on(60)[next..], 80) >= 24);
}

fn parses(words: &[String]) -> Result<(), String> {
    let typed = ["kubectl-omupgrade".to_owned()].into_iter().chain(words.iter().cloned());
    command().try_get_matches_from(typed).map(drop).map_err(|e| e.to_string())
}

#[test]
fn the_list_tests_itself() {
    let rows: Vec<Row> = precheck::checks().map(|c| c.row).collect();
    assert_eq!(faults(&rows, parses), Vec::<String>::new());
}

/// Also what checks and verdicts say in a situation can be typed.
#[test]
fn every_next_step_is_a_command() {
    for name in situations() {
        let report = report(&case(&name).1);
        let next = report.checks.iter().filter_map(|f| f.next.clone());
        let steps = report.steps.iter().map(|s| s.command.clone()).filter(|c| !c.is_empty());
        for said in next.chain(steps) {
            commands(&said, parses).unwrap_or_else(|why| panic!("{name}: `{said}` {why}"));
            assert!(!said.contains('{'), "{name}: {said}");
        }
    }
}

#[test]
fn nothing_is_wider_than_the_screen_but_commands() {
    for name in situations() {
        let report = report(&case(&name).1);
        for width in [60, 120] {
            for line in view::checks(&report, Shape { width, wide: false, live: false }) {
                let text = view::plain(std::slice::from_ref(&line));
                let one_word = text.split_whitespace().any(|w| w.chars().count() > 30);
                assert!(line.width() <= width || text.contains('→') || one_word, "{name}: {text}");
            }
        }
    }
}

#[test]
fn a_facts_file_checks_alike() {
    for name in situations() {
        let (_, case) = case(&name);
        let again = Facts::from_text(&case.facts.to_text().unwrap()).unwrap();
        let again = Case { facts: again, tables: case.tables.clone() };
        let shown = |c: &Case| report(c).checks.iter().map(|f| (f.id.clone(), f.outcome)).collect::<Vec<_>>();
        // What is masked in the file can no longer be compared: those checks ask only for what is shown.
        assert_eq!(shown(&again), shown(&case), "{name}");
    }
}

/// However large a number in a file is.
#[test]
fn numbers_without_measure_are_no_panic() {
    let base = read("base.yaml").to_string();
    for (number, other) in
        [("\"connections\":20,", "\"connections\":18446744073709551615,"), ("4000000000", "18446744073709551615")]
    {
        assert!(base.contains(number), "{number} is not in {base}");
        let text =
            base.replace(number, other).replace("\"maxConnections\":200", "\"maxConnections\":18446744073709551615");
        let facts = Facts::from_text(&text).unwrap();
        assert!(!report(&Case { facts, tables: TABLES.clone() }).checks.is_empty());
    }
}

#[test]
fn wrong_facts_files_are_refused_with_their_place() {
    let base = read("base.yaml").to_string();
    let refused = |text: &str| Facts::from_text(text).unwrap_err();
    assert!(refused("a: [").to_string().contains("line 1"), "{}", refused("a: ["));
    assert!(refused("{}").to_string().contains("no `schema`"));
    assert!(refused(&base.replace("precheck-facts/v1", "precheck-facts/v9")).to_string().contains("v9"));
    let wrong = refused(&base.replace("\"1.13.1\"", "\"1.13\""));
    assert!(wrong.to_string().contains("`1.13` is no version"), "{wrong}");
    assert_eq!(wrong.exit, Exit::Usage);
}

#[test]
fn a_waiver_lets_a_refusal_go() {
    let (_, case) = case("server-not-ready.yaml");
    let text = "waivers:\n- {check: server-ready, reason: known and agreed, until: 2099-01-01}\n";
    let waivers = Waivers::read(text, &precheck::ids()).unwrap();
    let mut report = precheck::report(&case);
    waivers.apply(&mut report, "2026-11-22".parse().unwrap());
    decide(&case, &mut report);
    assert_eq!(report.verdict.unwrap().word, "quiesce");
}
