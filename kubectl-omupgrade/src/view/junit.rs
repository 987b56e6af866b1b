//! A run of checks as `JUnit` XML: a suite per heading, a case per check. It is red exactly where the command does not end
//! with 0: what was not found out is an error where the command ends with 3 for it, else skipped as a waived case is; a
//! warning is a passed case with output, unless warnings count.

use crate::checks::{Finding, Outcome, Report, Strictness};
use std::fmt::Write;

/// How a case ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Passed,
    Skipped,
    Failure,
    Error,
}

fn end(finding: &Finding, strictness: Strictness) -> End {
    let strict = strictness == Strictness::Everything;
    match finding.outcome {
        _ if finding.waived.is_some() => End::Skipped,
        Outcome::Fail => End::Failure,
        Outcome::Warn if strict => End::Failure,
        Outcome::Unknown if strict || finding.needed => End::Error,
        Outcome::Pass | Outcome::Warn => End::Passed,
        Outcome::Skip | Outcome::Unknown => End::Skipped,
    }
}

/// The document.
pub fn junit(report: &Report, strictness: Strictness) -> String {
    let suites: Vec<(&str, Vec<&Finding>)> =
        report.groups().into_iter().map(|g| (g, report.checks.iter().filter(|f| f.group == g).collect())).collect();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all: Vec<&Finding> = report.checks.iter().collect();
    let name = escaped(&format!("{} {}", report.verb, report.release));
    let _ = writeln!(out, "<testsuites name=\"{name}\" {}>", numbers(&all, strictness));
    for (group, findings) in suites {
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" {} timestamp=\"{}\">",
            escaped(group),
            numbers(&findings, strictness),
            report.made.strftime("%Y-%m-%dT%H:%M:%S")
        );
        for finding in findings {
            case(report, finding, strictness, &mut out);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn numbers(findings: &[&Finding], strictness: Strictness) -> String {
    let of = |wanted: End| findings.iter().filter(|f| end(f, strictness) == wanted).count();
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
        findings.len(),
        of(End::Failure),
        of(End::Error),
        of(End::Skipped)
    )
}

fn case(report: &Report, finding: &Finding, strictness: Strictness, out: &mut String) {
    let (id, fact, verb) = (escaped(&finding.id), escaped(&finding.fact), escaped(&report.verb));
    let _ = write!(out, "    <testcase classname=\"{verb}.{id}\" name=\"{fact}\"");
    let next = finding.next.as_ref().map(|n| format!("\nnext: {n}")).unwrap_or_default();
    let text = escaped(&format!("{}{next}\nsee: {}", finding.evidence, finding.docs));
    let message = escaped(finding.evidence.lines().next().unwrap_or_default());
    let body = match (end(finding, strictness), &finding.waived, finding.outcome) {
        (_, Some(w), _) => {
            format!("<skipped message=\"waived until {}: {}\"/>", escaped(&w.until), escaped(&w.reason))
        }
        (End::Failure, ..) => format!("<failure message=\"{message}\">{text}</failure>"),
        (End::Error, ..) => format!("<error message=\"{message}\">{text}</error>"),
        (End::Skipped, _, Outcome::Unknown) => format!("<skipped message=\"not known: {message}\">{text}</skipped>"),
        (End::Skipped, ..) => format!("<skipped message=\"{message}\"/>"),
        (End::Passed, _, Outcome::Warn) => format!("<system-out>warning: {text}</system-out>"),
        (End::Passed, ..) => format!("<system-out>{text}</system-out>"),
    };
    let _ = writeln!(out, ">{body}</testcase>");
}

/// Text for XML: what has a meaning there written otherwise, what may not stand there at all left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}
