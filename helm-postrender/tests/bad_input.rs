//! Every kind of bad input, with its message: nothing is written, and the words help on. The files of `testdata/bad`
//! are a case each, what is too large for a file is made here.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so by failing")]

mod program;

use insta::assert_snapshot;
use program::{assert_failed_closed, feed, run, shown, small, testdata};
use std::process::Stdio;

const FILTER: &[&str] = &["--dialect", "plain"];

#[test]
fn files_of_testdata_bad_are_refused_with_words() {
    let mut files: Vec<_> = std::fs::read_dir(testdata("bad")).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "yaml"));
    files.sort();
    assert!(files.len() >= 12);
    for file in files {
        let output = run(FILTER, std::fs::read(&file).unwrap());
        assert_failed_closed(&output, 3);
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(testdata("bad"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| assert_snapshot!(file.file_stem().unwrap().to_str().unwrap(), shown(&output)));
    }
}

#[test]
fn a_document_of_ten_megabytes() {
    let comment = "# 10 MB of comment follow in one document that has to be edited\n";
    let big = small(3).replace("\nkind: Deployment\n", &format!("\nkind: Deployment\n{}", comment.repeat(160_000)));
    assert!(big.len() > 10_000_000);
    let output = run(&["--backup=off"], &big);
    assert_failed_closed(&output, 5);
    assert_snapshot!(shown(&output));
    // One that nobody has to edit is none of our business.
    let other = format!(
        "---\n# Source: a/templates/b.yaml\nkind: ConfigMap\ndata:\n  a: |\n{}{}",
        "    x\n".repeat(2_000_000),
        small(3)
    );
    let output = run(&["--backup=off"], &other);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert!(output.stdout.len() > 10_000_000);
}

#[test]
fn nesting_20_000_deep_does_not_overflow_the_stack() {
    let deep = |open: &str, close: &str| {
        format!("kind: Deployment\nmetadata:\n  name: deep\nspec: {}{}\n", open.repeat(20_000), close.repeat(20_000))
    };
    for (name, text) in [
        ("flow list", deep("[", "]")),
        ("flow mapping", deep("{a: ", "}")),
        ("block list", format!("kind: Deployment\nspec:\n  {}\n", "- ".repeat(20_000))),
        ("unclosed", deep("[", "")),
    ] {
        let output = run(FILTER, &text);
        assert_failed_closed(&output, 3);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(words.contains("deep") || words.contains("not valid YAML"), "{name}: {words}");
    }
    let output = run(FILTER, deep("[", "]"));
    assert_snapshot!(shown(&output));
    // Where no rule looks, it goes through; and beside a server too.
    let text = format!("kind: ConfigMap\ndata: {}{}\n{}", "[".repeat(20_000), "]".repeat(20_000), small(3));
    let output = run(&["--backup=off"], &text);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let mut command = program::program();
    // The reading end is gone before anything is written.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = feed(command.args(["--backup=off"]).stdout(Stdio::from(writer)), small(3));
    assert_eq!(shown(&output), "exit 3\n");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = feed(program::program().arg("--diff").stdout(Stdio::from(writer)), small(3));
    assert_eq!(shown(&output), "exit 3\n");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    // Behind the report: helm gets nothing.
    for (args, input) in
        [("--backup=off", small(3)), ("--check", small(3)), ("--pass-through", "kind: ConfigMap\n".to_owned())]
    {
        let output = run(&[args, "--report", "/dev/full"], input);
        assert_failed_closed(&output, 3);
        assert_snapshot!("a_full_disk_behind_the_report", shown(&output));
    }
    // Behind the report of a failure: the failure stays the failure.
    let output = run(&["--report", "/dev/full"], "kind: [");
    assert_failed_closed(&output, 3);
    assert_snapshot!("a_full_disk_behind_the_report_of_a_failure", shown(&output));
    // Behind standard output.
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = feed(program::program().arg("--backup=off").stdout(full), small(3));
    assert_failed_closed(&output, 3);
    assert_snapshot!("a_full_disk_behind_standard_output", shown(&output));
}

#[test]
fn an_output_without_what_it_must_hold_is_never_written() {
    use helm_postrender::policy::Policy;
    use helm_postrender::readback::ReadBack;
    use helm_postrender::transform::{Memory, transform};
    use shared::manifest::{Dialect, Stream};
    let text = small(3);
    let stream = Stream::split(text.as_bytes()).unwrap();
    let outcome = transform(&stream, Dialect::Helm3, &Policy::default(), &[], Memory::default()).unwrap();
    assert!(ReadBack::of(&stream, &outcome, &text).is_ok());
    let says = |output: &str| ReadBack::of(&stream, &outcome, output).unwrap_err().message;
    assert_snapshot!(
        [
            says(""),
            says("# nothing\n---\n"),
            says(text.split_inclusive("---\n").nth(1).unwrap()),
            says(&format!("{text}---\nkind: Job\n")),
            says(
                &text
                    .replace("run-db-migrations", "x")
                    .replace("openmetadata-ops", "x")
                    .replace("DB_USER_PASSWORD", "x")
            ),
        ]
        .join("\n")
    );
}
