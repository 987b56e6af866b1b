//! A run of checks as Markdown, for a change request.

use crate::checks::{Finding, Outcome, Report};
use std::fmt::Write;

/// The document.
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    let to = report.to.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
    let from = report.from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
    let _ = writeln!(out, "# {}: `{}`{from}{to}\n", report.verb, report.release);
    let c = report.counts;
    let _ = writeln!(
        out,
        "Namespace `{}`, looked at {}. {} fail, {} not known, {} warn, {} waived, {} hold, {} do not apply.\n",
        report.namespace, report.made, c.fail, c.unknown, c.warn, c.waived, c.pass, c.skip
    );
    if let Some(verdict) = &report.verdict {
        let _ = writeln!(out, "**{}**: {}\n", verdict.word, cell(&verdict.sentence));
        for text in verdict.because.iter().chain(&verdict.downtime) {
            let _ = writeln!(out, "- {}", cell(text));
        }
        out.push('\n');
    }
    if !report.steps.is_empty() {
        out.push_str("## Steps\n\n");
        for (i, step) in report.steps.iter().enumerate() {
            let _ = writeln!(out, "{}. {}", i + 1, cell(&step.what));
            if !step.command.is_empty() {
                let _ = writeln!(out, "\n   ```console\n   $ {}\n   ```", step.command);
            }
        }
        out.push('\n');
    }
    out.push_str("## Checks\n\n| | fact | evidence | next step |\n| --- | --- | --- | --- |\n");
    for finding in &report.checks {
        let next = finding.next.as_ref().map(|n| code(n)).unwrap_or_default();
        let fact = format!("[{}]({})", cell(&finding.fact), finding.docs);
        let _ = writeln!(out, "| {} | {fact} | {} | {next} |", word(finding), cell(&finding.evidence));
    }
    for note in &report.notes {
        let _ = writeln!(out, "\n> {}", cell(note));
    }
    out
}

fn word(finding: &Finding) -> String {
    match (&finding.waived, finding.outcome) {
        (Some(w), outcome) => format!("waived {} until {}: {}", outcome.word(), w.until, cell(&w.reason)),
        (None, Outcome::Fail) => "**fail**".to_owned(),
        (None, Outcome::Unknown) => "**unknown**".to_owned(),
        (None, outcome) => outcome.word().to_owned(),
    }
}

/// Text inside a table's cell: one line, and nothing that Markdown or HTML would take for its own.
fn cell(text: &str) -> String {
    let line = text.split('\n').collect::<Vec<_>>().join(" ");
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// A command inside a table's cell.
fn code(command: &str) -> String {
    format!("`{}`", command.replace('|', "\\|").replace('`', "'"))
}
