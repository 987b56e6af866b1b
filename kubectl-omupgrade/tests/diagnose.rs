//! What `diagnose` says: every folder of `testdata/troubles` is a situation with the findings that it must give, every
//! moment of `testdata/cluster` one without; the rules test themselves; wrong rules are refused with their place.
#![allow(clippy::unwrap_used)]

mod moment;

use clap::Parser;
use kubectl_omupgrade::checks::{self, validate};
use kubectl_omupgrade::cli::Cli;
use kubectl_omupgrade::diagnose::{Evidence, diagnose, rule};
use kubectl_omupgrade::facts::{Fact, LogKey};
use kubectl_omupgrade::redact::Redactor;
use kubectl_omupgrade::view;
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

fn folders(root: &str, file: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(root);
    let all = std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path());
    let mut all: Vec<PathBuf> = all.filter(|p| p.join(file).is_file()).collect();
    all.sort();
    all
}

/// The evidence of a situation, and the ids that it must give.
fn situation(folder: &Path) -> (Evidence, Vec<String>) {
    let text = std::fs::read_to_string(folder.join("situation.yaml")).unwrap();
    let s: Value = serde_saphyr::from_str(&text).unwrap();
    let moment = folder.join("../../cluster").join(s["moment"].as_str().unwrap());
    let (mut facts, now) = moment::facts(&moment);
    // The same moment of another release.
    if let Some(version) = s["version"].as_str() {
        let text = serde_json::to_string(&facts).unwrap().replace("1.13.1", version);
        facts = serde_json::from_str(&text).unwrap();
    }
    let mut evidence = Evidence::of(facts);
    for (key, lines) in s["logs"].as_object().into_iter().flatten() {
        let key: LogKey = serde_json::from_value(key.clone().into()).unwrap();
        evidence.facts.logs.insert(key, Fact::known(serde_json::from_value(lines.clone()).unwrap(), "logs", now));
    }
    let mut value = serde_json::to_value(&evidence).unwrap();
    for key in ["database", "search", "api", "pipelines", "neighbours", "eventsBeside", "edges", "changes"] {
        if !s[key].is_null() {
            value[key] = serde_json::json!({"known": {"value": s[key], "source": "test", "at": now}});
        }
    }
    for (key, reason) in s["unknown"].as_object().into_iter().flatten() {
        value[key] = serde_json::json!({"unknown": {"reason": reason, "source": "test", "at": now}});
    }
    if let Some(words) = s["description"].as_str() {
        value["release"]["known"]["value"]["description"] = words.into();
    }
    let expect = serde_json::from_value(s["expect"].clone()).unwrap();
    (serde_json::from_value(value).unwrap(), expect)
}

fn snapshots(folder: &Path, evidence: &Evidence) {
    let rules = rule::built_in().unwrap();
    let diagnosis = diagnose(evidence, &rules, evidence.facts.made);
    insta::with_settings!({snapshot_path => folder, prepend_module_to_snapshot => false, omit_expression => true}, {
        for width in [120, 60] {
            insta::assert_snapshot!(format!("diagnose-{width}"), view::plain(&view::diagnosis(&diagnosis, width, false)));
        }
    });
}

#[test]
fn every_situation_gives_its_findings() {
    let rules = rule::built_in().unwrap();
    let all = folders("troubles", "situation.yaml");
    assert!(all.len() >= 40);
    let mut wrong = Vec::new();
    for folder in all {
        let (evidence, expect) = situation(&folder);
        let diagnosis = diagnose(&evidence, &rules, evidence.facts.made);
        let mut found: Vec<&str> = diagnosis.findings.iter().map(|f| f.id.as_str()).collect();
        let mut expect: Vec<&str> = expect.iter().map(String::as_str).collect();
        found.sort_unstable();
        expect.sort_unstable();
        if found != expect {
            wrong.push(format!("{}: {found:?} instead of {expect:?}", folder.display()));
        }
        snapshots(&folder, &evidence);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Errors that were counted tell nothing of search, and a status without a step of it neither.
#[test]
fn search_is_well_only_where_the_status_says_so() {
    let rules = rule::built_in().unwrap();
    let (mut well, mut untold) = (0, 0);
    for folder in folders("troubles", "situation.yaml") {
        let (evidence, _) = situation(&folder);
        let diagnosis = diagnose(&evidence, &rules, evidence.facts.made);
        let there = diagnosis.symptoms.iter().find(|s| s.symptom == rule::Symptom::StaleSearch).unwrap().there;
        let passed = evidence.api.items().iter().any(|line| line == "searchInstance passed");
        assert!(passed || there != Some(false), "{}: nobody says that search is well", folder.display());
        let lacks = evidence.api.items().iter().any(|line| line.starts_with("not found in search: "));
        assert!(!passed || lacks || there.is_some(), "{}: the status says how search is", folder.display());
        assert!(!lacks || there != Some(false), "{}: search does not find what there is", folder.display());
        (well, untold) = (well + usize::from(there == Some(false)), untold + usize::from(there.is_none()));
        let unread = evidence.api.items().iter().find_map(|line| line.strip_prefix("status not read: "));
        let unseen = |why: &str| diagnosis.unseen.iter().any(|u| u.contains("own status") && u.ends_with(why));
        assert!(unread.is_none_or(unseen), "{}: {:?}", folder.display(), diagnosis.unseen);
    }
    assert!(well > 0 && untold > 0);
}

/// Before minutes have passed it may be at work as well: possible, with the way out.
#[test]
fn a_helm_that_was_killed_just_now_is_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/cluster/stuck-pending");
    let (facts, now) = moment::facts(&folder);
    let mut value = serde_json::to_value(&facts).unwrap();
    let at = now.checked_sub(jiff::SignedDuration::from_secs(60)).unwrap();
    value["release"]["known"]["value"]["updated"] = at.to_string().into();
    let evidence = Evidence::of(serde_json::from_value(value).unwrap());
    let found = diagnose(&evidence, &rule::built_in().unwrap(), now).findings;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].cause.contains("nothing below it moves"), "{found:?}");
    assert!(found[0].fix[0].contains("--clear-pending --dry-run"), "{found:?}");
}

/// An image that was set beside helm and cannot be had names nothing that serves.
#[test]
fn the_version_is_that_of_what_serves() {
    let (facts, now) = moment::facts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/cluster/done"));
    let mut value = serde_json::to_value(&facts).unwrap();
    for workload in value["workloads"]["known"]["value"].as_array_mut().unwrap() {
        if workload["component"] == "server" {
            workload["image"] = "docker.getcollate.io/openmetadata/server:0.0.0".into();
        }
    }
    let evidence = Evidence::of(serde_json::from_value(value).unwrap());
    assert_eq!(evidence.facts.workloads.items().iter().filter(|w| w.image.ends_with(":0.0.0")).count(), 1);
    assert_eq!(diagnose(&evidence, &rule::built_in().unwrap(), now).version.as_deref(), Some("1.13.1"));
}

/// What helm waits for and does not see come is not what serves.
#[test]
fn the_version_is_none_that_does_not_serve_yet() {
    let (facts, now) = moment::facts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/cluster/done"));
    // The pods serve on with the image of before; workload and release ask for the next.
    let mut value = serde_json::to_value(&facts).unwrap();
    let next = |value: &Value| serde_json::from_str(&value.to_string().replace("1.13.1", "1.13.2")).unwrap();
    for key in ["workloads", "release"] {
        value[key] = next(&value[key]);
    }
    let version = |value: &Value| {
        let evidence = Evidence::of(serde_json::from_value(value.clone()).unwrap());
        diagnose(&evidence, &rule::built_in().unwrap(), now).version
    };
    assert_eq!(version(&value).as_deref(), Some("1.13.1"));
    // Nothing serves: what is asked for.
    value["pods"]["known"]["value"] = serde_json::json!([]);
    assert_eq!(version(&value).as_deref(), Some("1.13.2"));
}

/// While a rollout goes on, servers of two versions talk: a rule is judged by the version of the one that said it.
#[test]
fn a_rule_is_judged_by_the_version_of_what_spoke() {
    let (evidence, _) = situation(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/troubles/reindex-1.3.1"));
    let rules = rule::built_in().unwrap();
    let doubts = |value: Value| {
        let evidence: Evidence = serde_json::from_value(value).unwrap();
        let found = diagnose(&evidence, &rules, evidence.facts.made).findings;
        found.into_iter().filter_map(|f| f.doubt).collect::<Vec<_>>()
    };
    let mut value = serde_json::to_value(&evidence).unwrap();
    assert_eq!(doubts(value.clone()), [""; 0]);
    // The workload asks for another one by now; the pod that spoke is still of before.
    value["workloads"] = serde_json::from_str(&value["workloads"].to_string().replace("1.3.1", "1.13.1")).unwrap();
    assert_eq!(doubts(value.clone()), [""; 0]);
    value["pods"] = serde_json::from_str(&value["pods"].to_string().replace("1.3.1", "1.13.1")).unwrap();
    assert!(doubts(value).iter().any(|doubt| doubt.ends_with("and this is 1.13.1")));
}

/// Of two that are as sure, the object's own words say more than helm's.
#[test]
fn a_missing_claim_stands_before_the_hook_that_waited_for_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/troubles/hook-waits-for-claim");
    let (evidence, _) = situation(&folder);
    let found = diagnose(&evidence, &rule::built_in().unwrap(), evidence.facts.made).findings;
    let ids: Vec<&str> = found.iter().map(|f| f.id.as_str()).collect();
    assert!(ids.starts_with(&["state", "T33"]), "{ids:?}");
}

#[test]
fn every_moment_of_a_rollout_is_diagnosed() {
    for folder in folders("cluster", "moment.yaml") {
        let (facts, _) = moment::facts(&folder);
        snapshots(&folder, &Evidence::of(facts));
    }
}

/// What is saved is what was judged; a facts file of `status` is evidence too.
#[test]
fn a_facts_file_diagnoses_alike() {
    let rules = rule::built_in().unwrap();
    for folder in folders("troubles", "situation.yaml") {
        let (evidence, _) = situation(&folder);
        let again = Evidence::from_text(&evidence.to_text().unwrap()).unwrap();
        let now = evidence.facts.made;
        assert_eq!(diagnose(&again, &rules, now), diagnose(&evidence, &rules, now), "{}", folder.display());
        let less = Evidence::from_text(&evidence.facts.to_text().unwrap()).unwrap();
        assert!(diagnose(&less, &rules, now).unseen.iter().any(|u| u.contains("not asked")));
    }
}

/// Whatever is missing: an answer, and no panic; and with nothing seen no claim of health.
#[test]
fn every_fact_may_be_unknown() {
    let rules = rule::built_in().unwrap();
    let (evidence, _) = situation(&folders("troubles", "situation.yaml")[0]);
    let now = evidence.facts.made;
    let mut value = serde_json::to_value(&evidence).unwrap();
    let keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
    for key in keys {
        if value[&key].get("known").is_some() || value[&key].get("unknown").is_some() {
            value[&key] = serde_json::json!({"unknown": {"reason": "forbidden", "source": "test", "at": now}});
        }
        value["logs"] = serde_json::json!({});
        let less: Evidence = serde_json::from_value(value.clone()).unwrap();
        let diagnosis = diagnose(&less, &rules, now);
        assert!(!diagnosis.unseen.is_empty());
    }
    let nothing: Evidence = serde_json::from_value(value).unwrap();
    let diagnosis = diagnose(&nothing, &rules, now);
    assert!(!diagnosis.looked && diagnosis.sentence.starts_with("cannot tell"), "{}", diagnosis.sentence);
    assert!(diagnosis.symptoms.iter().all(|s| s.there.is_none()));
}

#[test]
fn the_rules_hold_together() {
    let rules = rule::built_in().unwrap();
    let parses = |words: &[String]| {
        let line = std::iter::once("kubectl-omupgrade".to_owned()).chain(words.iter().cloned());
        Cli::try_parse_from(line).map(|_| ()).map_err(|e| e.to_string())
    };
    for rule in &rules {
        assert!(!rule.cause.ends_with('.') && rule.cause.len() > 20, "{}: its cause is no sentence", rule.id);
        assert!(rule.source.len() > 3, "{}: no source", rule.id);
        for fix in &rule.fix {
            // A client is asked beside the server, and told where the database is and as whom; wide shows no image of a pod.
            assert!(!fix.contains(" mysql -") || fix.contains("-- mysql -h HOST -u USER -p "), "{}: {fix}", rule.id);
            assert!(!fix.contains("get pods -o wide"), "{}: {fix}", rule.id);
            let fix = fix.replace("{workload}", "deployment/om").replace("{pod}", "om-1").replace("{container}", "om");
            assert!(!fix.split(" # ").next().unwrap().contains('…'), "{}: {fix}", rule.id);
            checks::commands(&fix, parses).unwrap_or_else(|why| panic!("{}: `{fix}` {why}", rule.id));
        }
    }
    // Each rule is shown by some situation: none is there on trust.
    let shown: HashSet<String> = folders("troubles", "situation.yaml").iter().flat_map(|f| situation(f).1).collect();
    let unshown: Vec<&str> = rules.iter().map(|r| r.id.as_str()).filter(|id| !shown.contains(*id)).collect();
    assert_eq!(unshown, [""; 0], "rules without a situation");
}

#[test]
fn wrong_rules_are_refused_with_their_place() {
    let good = "- id: X1\n  symptom: ingestion\n  where: [log]\n  matches: 'a(b)'\n  cause: c\n  confidence: likely\n  fix: ['kubectl get pods']\n  source: me\n  example: ab\n";
    assert_eq!(rule::read(good, "mine.yaml").unwrap().len(), 1);
    for (from, to, words) in [
        ("'a(b)'", "'a(b'", "is no regular expression: unclosed group"),
        ("example: ab", "example: xy", "line 1: X1: `matches` does not match the rule's own example"),
        ("confidence: likely", "confidence: sure", "sure"),
        ("where: [log]", "where: [logs]", "logs"),
        ("where: [log]", "where: []", "`where` is empty"),
        ("cause: c", "causes: c", "causes"),
        ("  source: me\n", "", "source"),
        ("id: X1", "id: X 1", "the id `X 1`"),
        ("source: me", "source: me\n  since: soon", "`soon` is no version"),
        ("fix: ['kubectl get pods']", "fix: []", "`fix` holds no command"),
        ("- id: X1", "id: X1", "mine.yaml"),
    ] {
        let error = rule::read(&good.replacen(from, to, 1), "mine.yaml").unwrap_err().to_string();
        assert!(error.starts_with("reading mine.yaml: ") && error.contains(words), "{to}: {error}");
        assert!(error.contains("line"), "{to}: no place in {error}");
    }
    let twice = rule::read(&format!("{good}{good}"), "mine.yaml").unwrap_err().to_string();
    assert!(twice.contains("X1 stands there twice"), "{twice}");
    let merged = rule::merged(rule::built_in().unwrap(), rule::read(&good.replace("X1", "T01"), "m").unwrap());
    assert_eq!(merged.iter().filter(|r| r.id == "T01").count(), 1);
    assert_eq!(merged.iter().find(|r| r.id == "T01").unwrap().cause, "c");
}

/// Whatever word is secret in the namespace: what is left can be read, and is of the same kinds and states.
#[test]
fn no_secret_makes_a_look_unreadable() {
    fn words(value: &Value, out: &mut HashSet<String>) {
        match value {
            Value::String(text) if text.len() > 2 && text.chars().all(|c| c.is_ascii_alphabetic() || c == '-') => {
                out.insert(text.clone());
            }
            Value::Array(items) => items.iter().for_each(|item| words(item, out)),
            Value::Object(map) => map.values().for_each(|item| words(item, out)),
            _ => {}
        }
    }
    for file in ["upgraded/diagnose.json", "upgraded/validate.json", "migrate-fails/diagnose.json"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/recorded").join(file);
        let look: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut all = HashSet::new();
        words(&look, &mut all);
        assert!(all.contains("Deployment") && all.len() > 20, "{all:?}");
        for word in all {
            let redactor = Redactor::new([word.clone()], &BTreeSet::new()).unwrap();
            let mut less = look.clone();
            redactor.value(&mut less);
            let read = if file.ends_with("validate.json") {
                validate::Facts::from_text(&less.to_string()).map(drop)
            } else {
                Evidence::from_text(&less.to_string()).map(drop)
            };
            assert!(read.is_ok(), "{file}: with `{word}` secret: {read:?}");
        }
    }
}

/// What was recorded on a real cluster under the testbed's faults.
#[test]
fn recorded_faults_are_named() {
    let rules = rule::built_in().unwrap();
    for (name, first) in
        [("search", "S03"), ("migrate-fails", "D02"), ("fernet", "M04"), ("answers-500", "state"), ("upgraded", "")]
    {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/recorded").join(name);
        let evidence = Evidence::from_text(&std::fs::read_to_string(folder.join("diagnose.json")).unwrap()).unwrap();
        let diagnosis = diagnose(&evidence, &rules, evidence.facts.made);
        assert_eq!(diagnosis.findings.first().map_or("", |f| f.id.as_str()), first, "{name}");
        snapshots(&folder, &evidence);
    }
}

/// A reader that takes the first of two keys of one name would judge something else than one that takes the last.
#[test]
fn no_name_stands_twice_in_a_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/recorded/upgraded");
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    let diagnosed = Evidence::from_text(&read("diagnose.json")).unwrap().to_text().unwrap();
    let validated = validate::Facts::from_text(&read("validate.json")).unwrap().to_text().unwrap();
    for text in [diagnosed, validated] {
        assert_eq!(text.matches("\n  \"database\": ").count(), 1);
    }
}
