//! A run of checks as lines: the verdict, then what needs somebody, the worst first; what holds as a line a group; then the
//! steps and the verdict's word again, where a terminal stops scrolling. Wide: every check under its heading.

mod finding;

use super::Shape;
use super::line::{Line, Tone};
use super::text::wrap;
use crate::checks::{Counts, Decision, Finding, Outcome, Report};

/// The lines of a report.
pub fn checks(report: &Report, shape: Shape) -> Vec<Line> {
    checks_on(report, shape, None)
}

/// The same on a terminal of so many rows: where steps and verdict would not stand on it together, each step is its
/// command, with what it does behind it.
pub fn checks_on(report: &Report, shape: Shape, rows: Option<usize>) -> Vec<Line> {
    let mut out = before(report, shape);
    let end = end(report, shape.width, false);
    // One row is for what the shell writes below it.
    let low = rows.is_some_and(|rows| height(&end, shape.width) + 1 > rows);
    out.extend(if low { self::end(report, shape.width, true) } else { end });
    out
}

/// The rows that lines take on a terminal, which breaks those that are wider than it.
pub fn height(lines: &[Line], width: usize) -> usize {
    lines.iter().map(|line| line.width().div_ceil(width.max(1)).max(1)).sum()
}

fn before(report: &Report, shape: Shape) -> Vec<Line> {
    let mut out = vec![head(report)];
    verdict(report, shape, &mut out);
    for note in &report.notes {
        paragraph("! ", note, Tone::Warn, Tone::Plain, shape.width, &mut out);
    }
    out.push(Line::default());
    if shape.wide {
        tree(report, shape, &mut out);
    } else {
        open(report, shape.width, &mut out);
        groups(report, shape.width, &mut out);
    }
    out.push(Line::default());
    out
}

/// The steps, and the verdict's word again.
fn end(report: &Report, width: usize, low: bool) -> Vec<Line> {
    let mut out = Vec::new();
    steps(report, width, low, &mut out);
    let tone = match &report.verdict {
        Some(decision) => tone(decision),
        None if report.counts.fail > 0 => Tone::Bad,
        None => Tone::Plain,
    };
    let word = report.verdict.as_ref().map_or("checks", |v| &v.word);
    paragraph("", &format!("{word}: {}", totals(&report.counts)), tone, tone, width, &mut out);
    out
}

fn head(report: &Report) -> Line {
    let versions = match (&report.from, &report.to) {
        (Some(from), Some(to)) => format!("  {from} → {to}"),
        (None, Some(to)) => format!("  → {to}"),
        (Some(from), None) => format!("  {from}"),
        (None, None) => String::new(),
    };
    Line::of(format!("{} ", report.verb), Tone::Quiet)
        .and(report.release.clone(), Tone::Name)
        .and(versions, Tone::Plain)
        .and(format!("  (namespace {})", report.namespace), Tone::Quiet)
}

/// What follows, and what it rests on; of the downtime its parts only where there is room asked for.
fn verdict(report: &Report, shape: Shape, out: &mut Vec<Line>) {
    let Some(decision) = &report.verdict else { return };
    let tone = tone(decision);
    paragraph("", &format!("{}: {}", decision.word, decision.sentence), tone, tone, shape.width, out);
    // What a finding below says in full is not said twice.
    let told =
        |because: &String| report.checks.iter().any(|f| f.is_open() && *because == format!("{}: {}", f.id, f.evidence));
    for because in decision.because.iter().filter(|b| !told(b)) {
        paragraph("  · ", because, Tone::Quiet, Tone::Plain, shape.width, out);
    }
    let shown = if shape.wide { decision.downtime.len() } else { 1 };
    for (i, text) in decision.downtime.iter().take(shown).enumerate() {
        let (lead, tone) = if i == 0 { ("", Tone::Name) } else { ("  · ", Tone::Plain) };
        paragraph(lead, text, Tone::Quiet, tone, shape.width, out);
    }
}

fn tone(decision: &Decision) -> Tone {
    match decision.code {
        20 => Tone::Good,
        21 | 23 => Tone::Warn,
        _ => Tone::Bad,
    }
}

/// What is open, the worst first, then what is waived. One reason, and one step, for many unknown
/// answers is said once.
fn open(report: &Report, width: usize, out: &mut Vec<Line>) {
    let mut shown: Vec<&Finding> = report.checks.iter().filter(|f| f.is_open() || f.waived.is_some()).collect();
    shown.sort_by_key(|f| (f.waived.is_some(), std::cmp::Reverse(f.outcome)));
    let unknown = |f: &Finding| f.is_open() && f.outcome == Outcome::Unknown;
    for one in &shown {
        let alike = shown.iter().filter(|f| unknown(f) && f.evidence == one.evidence && f.next == one.next);
        let ids: Vec<&str> = alike.map(|f| f.id.as_str()).collect();
        if !unknown(one) || ids.len() < 2 {
            finding::short(one, width, out);
        } else if ids.first() == Some(&one.id.as_str()) {
            finding::alike(&ids, one, width, out);
        }
    }
    if !shown.is_empty() {
        out.push(Line::default());
    }
}

/// Every heading with how many of its checks came out how.
fn groups(report: &Report, width: usize, out: &mut Vec<Line>) {
    let groups = report.groups();
    let column = groups.iter().map(|g| g.chars().count()).max().unwrap_or_default();
    for group in groups {
        let findings = || report.checks.iter().filter(|f| f.group == group);
        let (sign, tone) = worst(findings());
        let mut line = Line::of(format!("{sign} "), tone).and(format!("{group:column$}"), Tone::Name);
        for part in wrap(&totals(&Counts::of(findings())), width.saturating_sub(column + 4).max(20)) {
            out.push(line.and(format!("  {part}"), Tone::Quiet));
            line = Line::of(" ".repeat(column + 2), Tone::Quiet);
        }
    }
    out.push(Line::of("  (-o wide shows each check)", Tone::Quiet));
}

/// Every check under its heading, in full.
fn tree(report: &Report, shape: Shape, out: &mut Vec<Line>) {
    let groups = report.groups();
    let last = groups.len().saturating_sub(1);
    for (i, group) in groups.iter().enumerate() {
        let (branch, trunk) = if i == last { ("└─", "  ") } else { ("├─", "│ ") };
        let findings = || report.checks.iter().filter(|f| f.group == **group);
        let (sign, tone) = worst(findings());
        let title = Line::of(branch, Tone::Quiet).and(format!("{sign} "), tone).and(*group, Tone::Name);
        out.push(title.and(format!("  {}", totals(&Counts::of(findings()))), Tone::Quiet));
        for one in findings() {
            finding::full(one, trunk, shape.width, out);
        }
    }
}

fn steps(report: &Report, width: usize, low: bool, out: &mut Vec<Line>) {
    if report.steps.is_empty() {
        return;
    }
    out.push(Line::of("next:", Tone::Name));
    for (i, step) in report.steps.iter().enumerate() {
        let number = format!("{:>2}. ", i + 1);
        if low && !step.command.is_empty() {
            // Not broken: behind a `#` it can be copied with the command.
            let (command, remark) = step.command.split_once(" # ").unwrap_or((&step.command, ""));
            let remark = if remark.is_empty() { String::new() } else { format!("; {remark}") };
            let line = Line::of(number, Tone::Quiet).and(command, Tone::Command);
            out.push(line.and(format!("  # {}{remark}", step.what), Tone::Quiet));
            continue;
        }
        paragraph(&number, &step.what, Tone::Quiet, Tone::Plain, width, out);
        if !step.command.is_empty() {
            finding::command(&step.command, "    ", width, out);
        }
    }
    if !low {
        out.push(Line::default());
    }
}

fn paragraph(lead: &str, text: &str, lead_tone: Tone, tone: Tone, width: usize, out: &mut Vec<Line>) {
    let indent = " ".repeat(lead.chars().count());
    let room = width.saturating_sub(indent.len()).max(20);
    for (i, part) in wrap(text, room).into_iter().enumerate() {
        out.push(Line::of(if i == 0 { lead } else { &indent }, lead_tone).and(part, tone));
    }
}

fn totals(c: &Counts) -> String {
    let mut parts = Vec::new();
    for (count, one, many) in [
        (c.fail, "fails", "fail"),
        (c.unknown, "is not known", "are not known"),
        (c.warn, "warns", "warn"),
        (c.waived, "is waived", "are waived"),
        (c.pass, "holds", "hold"),
        (c.skip, "does not apply", "do not apply"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {}", if count == 1 { one } else { many }));
        }
    }
    parts.join(", ")
}

fn worst<'a>(findings: impl Iterator<Item = &'a Finding>) -> (char, Tone) {
    let worst = findings.filter(|f| f.waived.is_none()).map(|f| f.outcome).max();
    finding::sign(worst.unwrap_or(Outcome::Skip))
}
