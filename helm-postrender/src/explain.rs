//! The pages of `rules` and `explain`, made from what each rule says of itself. Prints nothing.

use crate::failure::Failure;
use crate::layout::{shorten, wrap};
use crate::policy::{Policy, schema, section};
use crate::rules::{ALL, Head, Rule};
use crate::spelling::closest;
use serde_json::Value;
use similar::TextDiff;
use std::fmt::Write;

/// The table of all rules: id, whether it is on by default, summary.
pub fn table(width: usize) -> String {
    let wide = ALL.iter().map(|r| r.head.id.len()).max().unwrap_or_default();
    let mut out = String::new();
    for rule in ALL {
        let on = if enabled(rule.head.id) { "on " } else { "off" };
        let first = format!("{:<wide$}  {on}  ", rule.head.id);
        out += &wrap(&prose(rule.head.summary), width, &first, &" ".repeat(wide + 7));
    }
    out + "\n" + &wrap("on, off: without a policy. `helm-postrender explain RULE` tells all of one.", width, "", "")
}

/// The rule of a name, in any of its spellings.
///
/// # Errors
/// When there is none; the failure suggests the nearest.
pub fn find(name: &str) -> Result<&'static Rule, Failure> {
    let id = name.to_lowercase().replace('-', "_");
    if let Some(rule) = ALL.iter().find(|r| r.head.id == id || section(r.head.id) == name) {
        return Ok(rule);
    }
    let failure = Failure::usage(format!("there is no rule `{name}`"));
    Err(match closest(name, ALL.iter().map(|r| r.head.id)) {
        Some(near) => failure.hint(format!("did you mean `helm-postrender explain {near}`?")),
        None => failure.hint("`helm-postrender rules` lists them"),
    })
}

/// All that there is to know of a rule, as a page.
pub fn page(rule: &Rule, width: usize) -> String {
    let Head { id, summary, what, why, leaves_alone, before, after } = rule.head;
    let on = if enabled(id) { "on" } else { "off" };
    let mut out = wrap(&format!("{id} ({on} without a policy): {}", prose(summary)), width, "", "  ");
    for (title, text) in [("What it does", what), ("Why", why), ("What it leaves alone", leaves_alone)] {
        if !text.trim().is_empty() {
            let _ = write!(out, "\n{title}\n{}", paragraphs(text, width));
        }
    }
    let _ = write!(out, "\nSettings (section `{}` of a policy)\n{}", section(id), settings(id, width));
    if before != after {
        let diff = TextDiff::from_lines(before, after);
        let diff = diff.unified_diff().context_radius(2).to_string();
        let lines = diff.lines().filter(|l| !l.starts_with("@@")).fold(String::new(), |all, l| all + "  " + l + "\n");
        let _ = write!(out, "\nExample\n{lines}");
    }
    out
}

/// Whether a rule runs without a policy.
fn enabled(id: &str) -> bool {
    defaults(id).get("enabled").and_then(Value::as_bool).unwrap_or(true)
}

fn defaults(id: &str) -> Value {
    let policy = serde_json::to_value(Policy::default()).unwrap_or_default();
    policy.get(section(id)).cloned().unwrap_or_default()
}

/// A rule's settings: key, default, meaning. The meaning is the one in the schema.
fn settings(id: &str, width: usize) -> String {
    let schema = schema();
    let place = schema.pointer(&format!("/properties/{}", section(id)));
    let reference =
        |v: &Value| v.get("$ref").or_else(|| v.pointer("/allOf/0/$ref")).and_then(Value::as_str).map(str::to_owned);
    let target = place.and_then(reference).map(|r| r.trim_start_matches('#').to_owned());
    let section = target.and_then(|t| schema.pointer(&t)).or(place);
    let meaning = |key: &str| section?.pointer(&format!("/properties/{key}/description"))?.as_str().map(str::to_owned);
    let mut out = String::new();
    for (key, value) in defaults(id).as_object().into_iter().flatten() {
        let _ = writeln!(out, "  {key}: {}", shorten(&value.to_string(), width.saturating_sub(key.len() + 4).max(20)));
        out += &wrap(&prose(&meaning(key).unwrap_or_default()), width, "      ", "      ");
    }
    out
}

/// Paragraphs and list items fitted to the width; what is indented by four or more stands as it is.
fn paragraphs(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut open = String::new();
    let flush = |open: &mut String, out: &mut String| {
        if !open.is_empty() {
            let rest = if open.starts_with("- ") { "    " } else { "  " };
            *out += &wrap(&prose(open), width, "  ", rest);
            open.clear();
        }
    };
    for line in text.trim().lines() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with("- ") || line.starts_with("    ") {
            flush(&mut open, &mut out);
        }
        if bare.is_empty() {
            out.push('\n');
        } else if line.starts_with("    ") {
            let _ = writeln!(out, "  {line}");
        } else {
            open += if open.is_empty() { "" } else { " " };
            open += bare;
        }
    }
    flush(&mut open, &mut out);
    out
}

/// Documentation as text for a terminal: without the brackets of links between items.
fn prose(text: &str) -> String {
    text.replace("[`", "`").replace("`]", "`")
}
