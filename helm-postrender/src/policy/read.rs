//! Reads a policy file: typed once for errors with a place, then merged as plain values over its profile. Reads text
//! that it is given, never a file.

use super::{Policy, Profile};
use crate::layout::shorten;
use crate::spelling::closest;
use serde::Deserialize as _;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// What is wrong with a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// The fact.
    pub message: String,
    /// Line and column, from 1, where they are known.
    pub place: Option<(usize, usize)>,
    /// The lines at fault with a mark below, ready to print.
    pub excerpt: String,
    /// What is meant, or what is allowed.
    pub hint: Option<String>,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "line {line}, column {column}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for PolicyError {}

/// The policy of a file's text over its profile, or over `profile` where one is given.
pub fn policy(text: &str, profile: Option<Profile>) -> Result<Policy, PolicyError> {
    let says_nothing = |line: &str| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#') || line == "---"
    };
    if text.lines().all(says_nothing) {
        return Ok(profile.unwrap_or_default().policy());
    }
    let typed: Policy = serde_saphyr::from_str(text).map_err(|e| explain(text, &e))?;
    let file: Value = serde_saphyr::from_str(text).map_err(|e| explain(text, &e))?;
    check_overrides(text, &file)?;
    let profile = profile.unwrap_or(typed.profile);
    let mut base = value(&profile.policy())?;
    lay(&mut base, &file);
    if let Some(map) = base.as_object_mut() {
        map.remove("workloads");
    }
    let mut policy: Policy = typed_from(&base).map_err(|e| misfit(text, &[], &file).unwrap_or(e))?;
    policy.profile = profile;
    for (label, override_) in file.get("workloads").and_then(Value::as_object).into_iter().flatten() {
        let mut own = base.clone();
        lay(&mut own, override_);
        let own: Policy = typed_from(&own).map_err(|e| misfit(text, &[], &file).unwrap_or(e))?;
        policy.workloads.insert(label.clone(), Policy { profile, workloads: BTreeMap::new(), ..own });
    }
    Ok(policy)
}

/// Lays `over` on `base`: mappings key by key, everything else as a whole.
fn lay(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                lay(base.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

/// What the types cannot say of overrides: their names, and that they do not nest.
fn check_overrides(text: &str, file: &Value) -> Result<(), PolicyError> {
    for (label, override_) in file.get("workloads").and_then(Value::as_object).into_iter().flatten() {
        if !label.split_once('/').is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty()) {
            let hint = Some("write `Kind/name`, as in `Deployment/openmetadata`".to_owned());
            return Err(at_word(text, &[label], format!("{label:?} names no workload"), hint));
        }
        for key in ["profile", "workloads"] {
            if override_.get(key).is_some() {
                let hint = Some("a workload's override holds sections of rules only".to_owned());
                return Err(at_word(
                    text,
                    &[label, key],
                    format!("`{key}` is not allowed below `workloads.{label}`"),
                    hint,
                ));
            }
        }
    }
    Ok(())
}

fn explain(text: &str, error: &serde_saphyr::Error) -> PolicyError {
    let error = error.without_snippet();
    let place = error.location().and_then(|l| {
        let number = |n: u64| usize::try_from(n).ok().filter(|n| *n > 0);
        Some((number(l.line())?, number(l.column())?))
    });
    let (message, hint) = match error {
        serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => {
            let hint = match (section_of(field), closest(field, expected.iter().copied())) {
                (Some(section), _) => format!("it belongs under `{section}:`"),
                (None, Some(name)) => format!("did you mean `{name}`?"),
                (None, None) => format!("known here: {}", expected.join(", ")),
            };
            (format!("unknown key `{field}`"), Some(hint))
        }
        serde_saphyr::Error::SerdeUnknownVariant { variant, expected, .. } => {
            let hint = match closest(variant, expected.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("allowed here: {}", expected.join(", ")),
            };
            (format!("unknown value `{variant}`"), Some(hint))
        }
        other => (plain(other), None),
    };
    PolicyError { message, place, excerpt: place.map_or_else(String::new, |p| excerpt(text, p)), hint }
}

/// The one section that has a setting of this name.
fn section_of(key: &str) -> Option<String> {
    let policy = value(&Policy::default()).ok()?;
    let mut holders = policy.as_object()?.iter().filter(|(_, section)| section.get(key).is_some());
    let (name, _) = holders.next()?;
    holders.next().is_none().then(|| name.clone())
}

/// Where the first setting stands that its type refuses only behind the merge (a quoted number).
fn misfit(text: &str, above: &[&str], file: &Value) -> Option<PolicyError> {
    for (section, settings) in file.as_object()? {
        let words: Vec<&str> = above.iter().copied().chain([section.as_str()]).collect();
        if above.is_empty() && section == "workloads" {
            let mut overrides = settings.as_object().into_iter().flatten();
            if let Some(error) = overrides.find_map(|(label, own)| misfit(text, &["workloads", label], own)) {
                return Some(error);
            }
            continue;
        }
        for (key, setting) in settings.as_object().into_iter().flatten() {
            let mut alone = value(&Policy::default()).ok()?;
            lay(&mut alone, &serde_json::json!({ section: { key: setting } }));
            if let Err(error) = Policy::deserialize(&alone) {
                let words: Vec<&str> = words.iter().copied().chain([key.as_str()]).collect();
                return Some(at_word(text, &words, misfit_words(&error.to_string(), setting), None));
            }
        }
    }
    None
}

fn misfit_words(message: &str, setting: &Value) -> String {
    let wanted = message.rsplit_once("expected ").map_or(message, |(_, wanted)| wanted);
    match (setting, wanted) {
        (Value::String(_), "u8" | "u16" | "u32" | "u64" | "usize") => {
            format!("a whole number of 0 or more is expected here, without quotes: {setting}")
        }
        (Value::String(_), "i32" | "i64") => {
            format!("a whole number is expected here, without quotes: {setting}")
        }
        _ => message.to_owned(),
    }
}

/// The message in our words where theirs are a parser's, without the place, which stands in its own field.
fn plain(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    let text = text.lines().next().unwrap_or_default().trim();
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let text = text.rfind(" at line ").map_or(text, |i| &text[..i]);
    if let Some(key) = text.strip_prefix("duplicate mapping key: ").and_then(|t| t.split(',').next()) {
        return format!("the key `{key}` stands here twice");
    }
    match text {
        other if other.starts_with("multiple YAML documents") => {
            "a policy is one document, and a second starts here".to_owned()
        }
        other if other.starts_with("tabs disallowed") => "a tab cannot indent; use spaces".to_owned(),
        "expected mapping start" | "expected a mapping" => "a mapping is expected here".to_owned(),
        "expected sequence start" => "a list is expected here".to_owned(),
        number if number.starts_with("invalid u") => "a whole number of 0 or more is expected here".to_owned(),
        number if number.starts_with("invalid i") => "a whole number is expected here".to_owned(),
        number if number.starts_with("invalid f") => "a number is expected here".to_owned(),
        "invalid boolean" => "true or false is expected here".to_owned(),
        other => other.to_owned(),
    }
}

/// An error at the last of `words`, each looked for behind the one before it.
fn at_word(text: &str, words: &[&str], message: String, hint: Option<String>) -> PolicyError {
    let found = words.iter().try_fold(0, |from, word| Some(from + text.get(from..)?.find(word)? + 1));
    let place = found.map(|end| {
        let before = &text[..end - 1];
        let line = before.rsplit('\n').next().unwrap_or_default();
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    });
    PolicyError { message, place, excerpt: place.map_or_else(String::new, |p| excerpt(text, p)), hint }
}

/// The longest line of an excerpt, in characters.
const SHOWN: usize = 100;

/// The line at fault, the one before it, and a mark; where the line is cut off before the fault, at its end.
fn excerpt(text: &str, (line, column): (usize, usize)) -> String {
    let number = line.to_string().len();
    let mut out = String::new();
    for n in line.saturating_sub(1).max(1)..=line {
        if let Some(content) = text.lines().nth(n - 1) {
            let content = shorten(content, SHOWN).replace('\t', " ");
            let _ = writeln!(out, "  {n:>number$} | {content}");
        }
    }
    let mark = column.min(SHOWN);
    let _ = writeln!(out, "  {:>number$} | {:>mark$}", "", "^");
    out
}

fn value(policy: &Policy) -> Result<Value, PolicyError> {
    serde_json::to_value(policy).map_err(|e| untyped(&e))
}

fn typed_from(value: &Value) -> Result<Policy, PolicyError> {
    Policy::deserialize(value).map_err(|e| untyped(&e))
}

fn untyped(error: &serde_json::Error) -> PolicyError {
    PolicyError { message: error.to_string(), place: None, excerpt: String::new(), hint: None }
}
