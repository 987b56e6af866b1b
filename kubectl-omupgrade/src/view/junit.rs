//! A run of checks as `JUnit` XML: a suite per heading, a case per check. A warning is a passed case with output, an
//! unknown answer an error, a waived one a skipped case.

use crate::checks::{Finding, Outcome, Report};
use std::fmt::Write;

/// The document.
pub fn junit(report: &Report) -> String {
    let suites: Vec<(&str, Vec<&Finding>)> =
        report.groups().into_iter().map(|g| (g, report.checks.iter().filter(|f| f.group == g).collect())).collect();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all: Vec<&Finding> = report.checks.iter().collect();
    let name = escaped(&format!("{} {}", report.verb, report.release));
    let _ = writeln!(out, "<testsuites name=\"{name}\" {}>", numbers(&all));
    for (group, findings) in suites {
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" {} timestamp=\"{}\">",
            escaped(group),
            numbers(&findings),
            report.made.strftime("%Y-%m-%dT%H:%M:%S")
        );
        for finding in findings {
            case(report, finding, &mut out);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn numbers(findings: &[&Finding]) -> String {
    let of = |wanted: fn(&Finding) -> bool| findings.iter().filter(|f| wanted(f)).count();
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
        findings.len(),
        of(|f| f.waived.is_none() && f.outcome == Outcome::Fail),
        of(|f| f.waived.is_none() && f.outcome == Outcome::Unknown),
        of(|f| f.waived.is_some() || f.outcome == Outcome::Skip)
    )
}

fn case(report: &Report, finding: &Finding, out: &mut String) {
    let (id, fact, verb) = (escaped(&finding.id), escaped(&finding.fact), escaped(&report.verb));
    let _ = write!(out, "    <testcase classname=\"{verb}.{id}\" name=\"{fact}\"");
    let next = finding.next.as_ref().map(|n| format!("\nnext: {n}")).unwrap_or_default();
    let text = escaped(&format!("{}{next}\nsee: {}", finding.evidence, finding.docs));
    let message = escaped(finding.evidence.lines().next().unwrap_or_default());
    let body = match (&finding.waived, finding.outcome) {
        (Some(w), _) => {
            format!("<skipped message=\"waived until {}: {}\"/>", escaped(&w.until), escaped(&w.reason))
        }
        (None, Outcome::Skip) => format!("<skipped message=\"{message}\"/>"),
        (None, Outcome::Fail) => format!("<failure message=\"{message}\">{text}</failure>"),
        (None, Outcome::Unknown) => format!("<error message=\"{message}\">{text}</error>"),
        (None, Outcome::Warn) => format!("<system-out>warning: {text}</system-out>"),
        (None, Outcome::Pass) => format!("<system-out>{text}</system-out>"),
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
