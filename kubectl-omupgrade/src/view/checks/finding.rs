//! One finding as lines: what is not so, on what evidence, and the command to type.

use super::paragraph;
use crate::checks::{Finding, Outcome};
use crate::view::line::{Line, Tone};
use crate::view::text::wrap;

/// Lines of a warning's evidence: the defaults of thirty releases must not push out of sight what fails.
const MOST: usize = 6;

/// What needs somebody, by the name that a waiver takes: of a warning what was seen, of the others also the fact.
pub fn short(finding: &Finding, width: usize, out: &mut Vec<Line>) {
    let (id, fact, evidence) = (&finding.id, &finding.fact, &finding.evidence);
    let (sign, tone) = signed(finding);
    let before = out.len();
    let mut says = |first: &str, tone| paragraph(&format!("{sign} "), first, tone, Tone::Plain, width, out);
    match (&finding.waived, finding.outcome) {
        (Some(waived), outcome) => {
            says(&format!("{id}: waived ({}) until {}: {}", outcome.word(), waived.until, waived.reason), tone);
            return;
        }
        (None, Outcome::Fail) => says(&format!("{id}: should be: {fact}"), tone),
        (None, Outcome::Unknown) => says(&format!("{id}: not known whether {fact}"), tone),
        (None, _) => {
            says(&format!("{id}: {evidence}"), tone);
            if out.len() > before + MOST {
                out.truncate(before + MOST);
                out.push(Line::of("  … (-o wide says all of it)", Tone::Quiet));
            }
        }
    }
    if finding.outcome != Outcome::Warn {
        paragraph("  ", evidence, tone, tone, width, out);
    }
    if let Some(next) = &finding.next {
        command(next, "  ", width, out);
    }
}

/// Unknown answers of one reason: their names, the reason once.
pub fn alike(ids: &[&str], one: &Finding, width: usize, out: &mut Vec<Line>) {
    let (sign, tone) = signed(one);
    paragraph(&format!("{sign} "), &format!("not known: {}", ids.join(", ")), tone, Tone::Plain, width, out);
    paragraph("  ", &one.evidence, tone, tone, width, out);
    if let Some(next) = &one.next {
        command(next, "  ", width, out);
    }
}

/// All of it, below a heading.
pub fn full(finding: &Finding, trunk: &str, width: usize, out: &mut Vec<Line>) {
    let (sign, tone) = signed(finding);
    let (lead, below) = (format!("{trunk}  "), format!("{trunk}    "));
    let word = match (&finding.waived, finding.outcome) {
        (Some(_), outcome) => format!("waived ({}): ", outcome.word()),
        (None, Outcome::Fail) => "should be: ".to_owned(),
        (None, Outcome::Unknown) => "not known whether ".to_owned(),
        (None, Outcome::Warn) => "look: ".to_owned(),
        _ => String::new(),
    };
    let room = width.saturating_sub(below.chars().count()).max(20);
    for (i, part) in wrap(&format!("{word}{}", finding.fact), room).into_iter().enumerate() {
        let mark = if i == 0 { format!("{sign} ") } else { "  ".to_owned() };
        out.push(Line::of(lead.clone(), Tone::Quiet).and(mark, tone).and(part, Tone::Plain));
    }
    let mut says = |text: &str, tone| {
        out.extend(wrap(text, room).into_iter().map(|part| Line::of(below.clone(), Tone::Quiet).and(part, tone)));
    };
    says(&finding.evidence, if tone == Tone::Good { Tone::Quiet } else { tone });
    match (&finding.waived, &finding.next) {
        (Some(waived), _) => says(&format!("until {}: {}", waived.until, waived.reason), Tone::Plain),
        (None, Some(next)) => command(next, &below, width, out),
        (None, None) => {}
    }
    out.push(Line::of(format!("{below}{}  ", finding.id), Tone::Quiet).and(finding.docs.clone(), Tone::Quiet));
}

/// A command is not broken: it is there to be copied. Its remark goes below it where both do not fit.
pub fn command(text: &str, below: &str, width: usize, out: &mut Vec<Line>) {
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

/// How an outcome is drawn.
pub fn sign(outcome: Outcome) -> (char, Tone) {
    match outcome {
        Outcome::Skip => ('·', Tone::Quiet),
        Outcome::Pass => ('✔', Tone::Good),
        Outcome::Warn => ('!', Tone::Warn),
        Outcome::Unknown => ('?', Tone::Warn),
        Outcome::Fail => ('✖', Tone::Bad),
    }
}

fn signed(finding: &Finding) -> (char, Tone) {
    if finding.waived.is_some() { ('~', Tone::Quiet) } else { sign(finding.outcome) }
}
