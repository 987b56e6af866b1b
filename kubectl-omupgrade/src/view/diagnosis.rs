//! A diagnosis as lines: symptoms, findings with their commands, changes, certificates, what was not seen.

use super::line::{Line, Tone};
use super::text::{clip, wrap};
use crate::diagnose::edges::{Said, Soundness};
use crate::diagnose::{Changes, Diagnosis, Finding, Seen};
use crate::preview::Field;

/// Fields of one kind that are shown before the rest is only counted.
const FIELDS: usize = 12;

/// The lines of a diagnosis.
pub fn diagnosis(d: &Diagnosis, width: usize, wide: bool) -> Vec<Line> {
    let mut out = Vec::new();
    let version = d.version.as_deref().map(|v| format!(" {v}")).unwrap_or_default();
    out.push(Line::of(d.release.clone(), Tone::Name).and(format!("{version}  -n {}", d.namespace), Tone::Quiet));
    for seen in &d.symptoms {
        symptom(seen, width, &mut out);
    }
    for (i, finding) in d.findings.iter().enumerate() {
        out.push(Line::default());
        found(i + 1, finding, width, wide, &mut out);
    }
    if let Some(changes) = &d.changes {
        changed(changes, width, wide, &mut out);
    }
    if !d.certificates.is_empty() {
        out.push(Line::default());
        out.push(Line::of("certificates", Tone::Name));
        d.certificates.iter().for_each(|said| certificate(said, width, &mut out));
    }
    if !d.unseen.is_empty() {
        out.push(Line::default());
        for unseen in &d.unseen {
            put(&mut out, "? ", "  ", Tone::Warn, &format!("not seen: {unseen}"), Tone::Quiet, width);
        }
    }
    out.push(Line::default());
    let tone = if !d.is_well() {
        Tone::Bad
    } else if d.looked {
        Tone::Good
    } else {
        Tone::Warn
    };
    out.extend(wrap(&d.sentence, width).into_iter().map(|part| Line::of(part, tone)));
    out
}

fn symptom(seen: &Seen, width: usize, out: &mut Vec<Line>) {
    let (sign, tone) = match seen.there {
        Some(true) => ("✖ ", Tone::Bad),
        Some(false) => ("✔ ", Tone::Good),
        None => ("? ", Tone::Warn),
    };
    let text = format!("{}: {}", seen.symptom.title(), said(seen));
    put(out, sign, "  ", tone, &text, Tone::Plain, width);
}

fn said(seen: &Seen) -> String {
    match seen.there {
        Some(false) => format!("no, {}", seen.words),
        _ => seen.words.clone(),
    }
}

fn found(number: usize, f: &Finding, width: usize, wide: bool, out: &mut Vec<Line>) {
    let head = format!("{number}. ");
    let indent = " ".repeat(head.len());
    put(out, &head, &indent, Tone::Name, &f.cause, Tone::Name, width);
    let doubt = f.doubt.as_deref().map(|d| format!(" ({d})")).unwrap_or_default();
    let times = if f.times > 1 { format!(", {} times", f.times) } else { String::new() };
    let first = f.seen.first().map(String::as_str).unwrap_or_default();
    let more = if f.seen.len() > 1 { format!(" and {} more", f.seen.len() - 1) } else { String::new() };
    let id = if f.id == "state" { String::new() } else { format!("{} ", f.id) };
    let about = format!("{id}{}{doubt}; {first}{more}{times}", f.confidence.word());
    put(out, &indent, &indent, Tone::Quiet, &about, Tone::Quiet, width);
    for line in &f.lines {
        let line = clip(line, width.saturating_sub(indent.len() + 2));
        out.push(Line::of(format!("{indent}┆ "), Tone::Quiet).and(line, Tone::Plain));
    }
    for fix in &f.fix {
        // A command is not broken: it is there to be copied. What it is for goes to a line of its own if it must.
        match fix.split_once("    # ") {
            Some((command, why)) if fix.chars().count() + indent.len() + 2 > width => {
                put(
                    out,
                    &format!("{indent}  "),
                    &format!("{indent}  "),
                    Tone::Quiet,
                    &format!("# {why}"),
                    Tone::Quiet,
                    width,
                );
                out.push(Line::of(format!("{indent}→ "), Tone::Quiet).and(command, Tone::Command));
            }
            Some((command, why)) => out.push(
                Line::of(format!("{indent}→ "), Tone::Quiet)
                    .and(command, Tone::Command)
                    .and(format!("    # {why}"), Tone::Quiet),
            ),
            None => out.push(Line::of(format!("{indent}→ "), Tone::Quiet).and(fix.clone(), Tone::Command)),
        }
    }
    if wide {
        put(out, &indent, &indent, Tone::Quiet, &format!("source: {}", f.source), Tone::Quiet, width);
    }
}

fn changed(c: &Changes, width: usize, wide: bool, out: &mut Vec<Line>) {
    out.push(Line::default());
    let title = if c.from == c.to {
        format!("changed by helm since revision {} was validated, which is the present one", c.from)
    } else {
        format!("changed since revision {} ({}), now revision {}", c.from, c.because, c.to)
    };
    out.extend(wrap(&title, width).into_iter().map(|part| Line::of(part, Tone::Name)));
    let before = out.len();
    fields("values", &c.values, width, wide, out);
    fields("environment of the server", &c.settings, width, wide, out);
    for change in &c.objects.changed {
        fields(&change.object, &change.fields, width, wide, out);
    }
    for (word, objects) in [("added", &c.objects.added), ("removed", &c.objects.removed)] {
        if !objects.is_empty() {
            put(out, "  ", "    ", Tone::Plain, &format!("{word}: {}", objects.join(", ")), Tone::Plain, width);
        }
    }
    if out.len() == before {
        out.push(Line::of("  nothing", Tone::Quiet));
    }
}

fn fields(title: &str, all: &[Field], width: usize, wide: bool, out: &mut Vec<Line>) {
    if all.is_empty() {
        return;
    }
    out.push(Line::of(format!("  {title}"), Tone::Plain));
    let most = if wide { usize::MAX } else { FIELDS };
    for field in all.iter().take(most) {
        let text = match (field.now.as_deref(), field.then.as_deref()) {
            (Some(a), Some(b)) if a == b => format!("{} differs {a}", field.path),
            (Some(a), Some(b)) => format!("{}: {a} → {b}", field.path),
            (None, Some(b)) => format!("{}: new, {b}", field.path),
            (_, None) => format!("{}: gone", field.path),
        };
        put(out, "    ", "      ", Tone::Quiet, &text, Tone::Plain, width);
    }
    if all.len() > most {
        out.push(Line::of(format!("    … {} more (-o wide shows all)", all.len() - most), Tone::Quiet));
    }
}

fn certificate(said: &Said, width: usize, out: &mut Vec<Line>) {
    let (sign, tone) = match said.soundness {
        Soundness::Sound => ("✔ ", Tone::Good),
        Soundness::Unseen => ("? ", Tone::Warn),
        Soundness::Soon => ("! ", Tone::Warn),
        Soundness::Broken => ("✖ ", Tone::Bad),
    };
    put(out, sign, "  ", tone, &format!("{}: {}", said.edge, said.words.join("; ")), Tone::Plain, width);
}

/// Words over as many lines as they need; `first` before the first, `rest` before the others.
fn put(out: &mut Vec<Line>, first: &str, rest: &str, lead: Tone, text: &str, tone: Tone, width: usize) {
    let room = width.saturating_sub(rest.chars().count()).max(20);
    for (i, part) in wrap(text, room).into_iter().enumerate() {
        out.push(Line::of(if i == 0 { first } else { rest }, lead).and(part, tone));
    }
}
