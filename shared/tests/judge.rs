//! Our reader and our edits before an independent judge: the decoder that Helm and Kubernetes use, as the Go program
//! `testdata/judge`, whose built binary `OMUPGRADE_JUDGE` names.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops where something is wrong, and says what it skipped"
)]

mod edits;
mod generate;

use edits::EDITS;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::Value;
use shared::manifest::{Plan, Stream, edit, read};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

struct Judge {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Judge {
    fn start() -> Self {
        let path = std::env::var("OMUPGRADE_JUDGE").expect("OMUPGRADE_JUDGE: `go build` in testdata/judge");
        let mut child = Command::new(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (ask, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, ask, answers }
    }

    fn read(&mut self, text: &str) -> Result<Value, String> {
        writeln!(self.ask, "{}", serde_json::to_string(text).unwrap()).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        match answer.get("error") {
            Some(error) => Err(error.to_string()),
            None => Ok(answer["value"].take()),
        }
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Numbers as numbers: Go writes 1e22 where we hold a float.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || close(x.as_f64(), y.as_f64()),
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(a, b)| same(a, b)),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same(v, w)))
        }
        _ => a == b,
    }
}

/// Equal but for the last bits, which the two ways through decimal text do not keep.
fn close(a: Option<f64>, b: Option<f64>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if (a - b).abs() <= a.abs() * 1e-15)
}

fn documents() -> Vec<(String, String)> {
    let Ok(root) = std::env::var("OMUPGRADE_CORPUS") else { return Vec::new() };
    let mut out = Vec::new();
    for folder in ["nasty", "helm-streams"] {
        for entry in std::fs::read_dir(format!("{root}/{folder}")).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            for document in Stream::split(text.as_bytes()).unwrap().documents {
                let name = format!("{} document {}", path.file_name().unwrap().to_string_lossy(), document.number);
                out.push((name, document.text.to_owned()));
            }
        }
    }
    out
}

#[test]
#[ignore = "needs OMUPGRADE_JUDGE"]
fn the_reader_agrees_on_every_document() {
    let mut judge = Judge::start();
    let mut compared = 0;
    for (name, text) in documents() {
        match (read(&text), judge.read(&text)) {
            (Ok(ours), Ok(theirs)) => assert!(same(&ours, &theirs), "{name}\n{ours:#}\n{theirs:#}"),
            (Err(_), Err(_)) => {}
            (ours, theirs) => panic!("{name}: we say {ours:?}, the judge {theirs:?}"),
        }
        compared += 1;
    }
    eprintln!("{compared} documents compared");
}

#[test]
#[ignore = "needs OMUPGRADE_JUDGE"]
fn the_reader_agrees_on_scalars() {
    let mut judge = Judge::start();
    let mut runner = TestRunner::deterministic();
    let strategy = generate::plain_scalar();
    for _ in 0..20_000 {
        let text = format!("k: {}\n", strategy.new_tree(&mut runner).unwrap().current());
        match (read(&text), judge.read(&text)) {
            (Ok(ours), Ok(theirs)) => assert!(same(&ours, &theirs), "{text:?}: {ours} or {theirs}"),
            (Err(_), Err(_)) => {}
            (ours, theirs) => panic!("{text:?}: we say {ours:?}, the judge {theirs:?}"),
        }
    }
}

#[test]
#[ignore = "needs OMUPGRADE_JUDGE"]
fn every_edit_means_to_the_judge_what_was_planned() {
    let mut judge = Judge::start();
    let mut runner = TestRunner::deterministic();
    let manifests = generate::deployment();
    let mut inputs = documents();
    inputs.extend((0..500).map(|i| (format!("generated {i}"), manifests.new_tree(&mut runner).unwrap().current())));
    let (mut right, mut refused) = (0, 0);
    for (name, text) in inputs {
        let Ok(value) = read(&text) else { continue };
        if value.get("kind").and_then(Value::as_str) != Some("Deployment") {
            continue;
        }
        let before = judge.read(&text).unwrap();
        for chosen in EDITS.iter().map(std::slice::from_ref).chain([EDITS]) {
            let mut plan = Plan::new(value.clone());
            if chosen.iter().any(|e| (e.make)(&mut plan).is_err()) {
                continue;
            }
            let Ok(new) = edit(&text, plan.operations()) else {
                refused += 1;
                continue;
            };
            let mut wished = before.clone();
            json_patch::patch(&mut wished, plan.operations()).unwrap();
            let got = judge.read(&new).unwrap_or_else(|e| panic!("{name}: {e}\n{new}"));
            assert!(same(&got, &wished), "{name} {:?}\n{new}", chosen.iter().map(|e| e.name).collect::<Vec<_>>());
            right += 1;
        }
    }
    eprintln!("{right} edits right, {refused} refused");
    assert!(right > 500 && refused * 20 < right);
}
