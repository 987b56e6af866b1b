//! A run of checks as lines: what needs somebody, under its heading, with evidence and command; what holds, in a line;
//! the verdict and the steps at the end, where a terminal stops scrolling.

use super::Shape;
use super::line::{Line, Tone};
use super::text::wrap;
use crate::checks::{Counts, Finding, Outcome, Report};

/// The lines of a report.
pub fn checks(report: &Report, shape: Shape) -> Vec<Line> {
    let mut out = vec![head(report)];
    let groups = report.groups();
    let last = groups.len().saturating_sub(1);
    for (i, group) in groups.iter().enumerate() {
        let (branch, trunk) = if i == last { ("└─", "  ") } else { ("├─", "│ ") };
        let findings: Vec<&Finding> = report.checks.iter().filter(|f| f.group == **group).collect();
        let (sign, tone) = worst(&findings);
        let title = Line::of(branch, Tone::Quiet).and(format!("{sign} "), tone).and(*group, Tone::Name);
        out.push(title.and(format!("  {}", tally(&findings)), Tone::Quiet));
        below(&findings, trunk, shape, &mut out);
    }
    out.push(Line::default());
    for note in &report.notes {
        paragraph("! ", note, Tone::Warn, Tone::Plain, shape.width, &mut out);
    }
    let c = report.counts;
    let tone = if c.fail > 0 { Tone::Bad } else { Tone::Plain };
    paragraph("", &totals(&c), tone, tone, shape.width, &mut out);
    verdict(report, shape, &mut out);
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

/// What is open first and in full; then what holds, in a line, or in full where there is room asked for.
fn below(findings: &[&Finding], trunk: &str, shape: Shape, out: &mut Vec<Line>) {
    let shown = |f: &Finding| shape.wide || f.is_open() || f.waived.is_some();
    let mut full: Vec<&Finding> = findings.iter().copied().filter(|f| shown(f)).collect();
    if !shape.wide {
        full.sort_by_key(|f| (f.waived.is_some(), std::cmp::Reverse(f.outcome)));
    }
    let mut told: Vec<&str> = Vec::new();
    for finding in full {
        let alike = |f: &&&Finding| f.outcome == Outcome::Unknown && f.is_open() && f.evidence == finding.evidence;
        let same: Vec<&&Finding> = findings.iter().filter(alike).collect();
        // One reason for many unknown answers is said once.
        if shape.wide || finding.outcome != Outcome::Unknown || same.len() < 2 {
            one(finding, trunk, shape, out);
        } else if !told.contains(&finding.evidence.as_str()) {
            told.push(&finding.evidence);
            let ids: Vec<&str> = same.iter().map(|f| f.id.as_str()).collect();
            one(&Finding { fact: ids.join(", "), ..finding.clone() }, trunk, shape, out);
        }
    }
    if shape.wide {
        return;
    }
    for (outcome, words, tone) in [(Outcome::Pass, "holds", Tone::Good), (Outcome::Skip, "does not apply", Tone::Quiet)]
    {
        let ids: Vec<&str> =
            findings.iter().filter(|f| f.outcome == outcome && !shown(f)).map(|f| f.id.as_str()).collect();
        if !ids.is_empty() {
            let text = format!("{words}: {}", ids.join(", "));
            let lead = format!("{trunk}  {} ", sign(outcome).0);
            hang(&lead, &format!("{trunk}    "), &text, tone, shape.width, out);
        }
    }
}

fn one(finding: &Finding, trunk: &str, shape: Shape, out: &mut Vec<Line>) {
    let (sign, tone) = if finding.waived.is_some() { ('~', Tone::Quiet) } else { sign(finding.outcome) };
    let lead = format!("{trunk}  ");
    let below = format!("{trunk}    ");
    let word = match (&finding.waived, finding.outcome) {
        (Some(_), outcome) => format!("waived ({}): ", outcome.word()),
        (None, Outcome::Fail) => "not so: ".to_owned(),
        (None, Outcome::Unknown) => "not known: ".to_owned(),
        (None, Outcome::Warn) => "look: ".to_owned(),
        _ => String::new(),
    };
    let room = shape.width.saturating_sub(below.chars().count()).max(20);
    for (i, part) in wrap(&format!("{word}{}", finding.fact), room).into_iter().enumerate() {
        let mark = if i == 0 { format!("{sign} ") } else { "  ".to_owned() };
        out.push(Line::of(lead.clone(), Tone::Quiet).and(mark, tone).and(part, Tone::Plain));
    }
    let evidence_tone = if tone == Tone::Good { Tone::Quiet } else { tone };
    for part in wrap(&finding.evidence, room) {
        out.push(Line::of(below.clone(), Tone::Quiet).and(part, evidence_tone));
    }
    if let Some(waived) = &finding.waived {
        let text = format!("until {}: {}", waived.until, waived.reason);
        out.extend(wrap(&text, room).into_iter().map(|p| Line::of(below.clone(), Tone::Quiet).and(p, Tone::Plain)));
    } else if let Some(next) = &finding.next {
        command(next, &below, shape.width, out);
    }
    if shape.wide {
        out.push(Line::of(format!("{below}{}  ", finding.id), Tone::Quiet).and(finding.docs.clone(), Tone::Quiet));
    }
}

fn verdict(report: &Report, shape: Shape, out: &mut Vec<Line>) {
    if let Some(decision) = &report.verdict {
        let tone = match decision.code {
            20 => Tone::Good,
            21 | 23 => Tone::Warn,
            _ => Tone::Bad,
        };
        out.push(Line::default());
        paragraph("", &format!("{}: {}", decision.word, decision.sentence), tone, tone, shape.width, out);
        for because in &decision.because {
            paragraph("  · ", because, Tone::Quiet, Tone::Plain, shape.width, out);
        }
        for (i, text) in decision.downtime.iter().enumerate() {
            let (lead, tone) = if i == 0 { ("", Tone::Name) } else { ("  · ", Tone::Plain) };
            paragraph(lead, text, Tone::Quiet, tone, shape.width, out);
        }
    }
    if !report.steps.is_empty() {
        out.push(Line::default());
        out.push(Line::of("next:", Tone::Name));
    }
    for (i, step) in report.steps.iter().enumerate() {
        paragraph(&format!("{:>2}. ", i + 1), &step.what, Tone::Quiet, Tone::Plain, shape.width, out);
        if !step.command.is_empty() {
            command(&step.command, "    ", shape.width, out);
        }
    }
}

/// A command is not broken: it is there to be copied. Its remark goes below it where both do not fit.
fn command(text: &str, below: &str, width: usize, out: &mut Vec<Line>) {
    let (command, remark) = text.split_once(" # ").unwrap_or((text, ""));
    let line = Line::of(format!("{below}→ "), Tone::Quiet).and(command, Tone::Command);
    if remark.is_empty() {
        out.push(line);
        return;
    }
    let whole = line.clone().and(format!("  # {remark}"), Tone::Quiet);
    if whole.width() <= width {
        out.push(whole);
        return;
    }
    out.push(line);
    let room = width.saturating_sub(below.chars().count() + 4).max(20);
    for (i, part) in wrap(remark, room).into_iter().enumerate() {
        let mark = if i == 0 { "  # " } else { "    " };
        out.push(Line::of(format!("{below}{mark}"), Tone::Quiet).and(part, Tone::Quiet));
    }
}

fn paragraph(lead: &str, text: &str, lead_tone: Tone, tone: Tone, width: usize, out: &mut Vec<Line>) {
    let indent = " ".repeat(lead.chars().count());
    let room = width.saturating_sub(indent.len()).max(20);
    for (i, part) in wrap(text, room).into_iter().enumerate() {
        out.push(Line::of(if i == 0 { lead } else { &indent }, lead_tone).and(part, tone));
    }
}

fn hang(lead: &str, below: &str, text: &str, tone: Tone, width: usize, out: &mut Vec<Line>) {
    let room = width.saturating_sub(below.chars().count()).max(20);
    for (i, part) in wrap(text, room).into_iter().enumerate() {
        out.push(Line::of(if i == 0 { lead } else { below }, tone).and(part, Tone::Quiet));
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
    format!("checks: {}", parts.join(", "))
}

fn tally(findings: &[&Finding]) -> String {
    let open = findings.iter().filter(|f| f.is_open()).count();
    let all = findings.iter().filter(|f| f.outcome != Outcome::Skip).count();
    if open == 0 { String::new() } else { format!("{open} of {all} to look at") }
}

fn worst(findings: &[&Finding]) -> (char, Tone) {
    let worst = findings.iter().filter(|f| f.waived.is_none()).map(|f| f.outcome).max();
    sign(worst.unwrap_or(Outcome::Skip))
}

fn sign(outcome: Outcome) -> (char, Tone) {
    match outcome {
        Outcome::Skip => ('·', Tone::Quiet),
        Outcome::Pass => ('✔', Tone::Good),
        Outcome::Warn => ('!', Tone::Warn),
        Outcome::Unknown => ('?', Tone::Warn),
        Outcome::Fail => ('✖', Tone::Bad),
    }
}
