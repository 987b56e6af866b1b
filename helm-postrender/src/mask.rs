//! Keeps secrets out of everything that is said: only a [`Masked`] value or text can be printed, and the only way to
//! one goes through the object's kind and the value's place.

mod literal;

use crate::scene::Object;
use literal::{holds_secret, is_option_of_secret, names_secret};
use serde_json::Value;
use shared::manifest::{escape, locate};
use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

/// What stands for a secret.
const MASK: &str = "(hidden)";

/// A value that may be printed. As JSON text: a stream of many releases has many of them, and a tree takes ten times
/// the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masked(Box<str>);

/// A document's text that may be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskedText<'a>(Cow<'a, str>);

impl Masked {
    /// A value that stands, or stood, or shall stand at `path` of `object`; long texts in it are cut to their first
    /// line.
    pub fn of(object: &Object, path: &str, value: &Value) -> Self {
        let in_secret = object.kind() == "Secret" && !path.starts_with("/metadata");
        let variable = path.strip_suffix("/value").and_then(|p| object.text(&format!("{p}/name")));
        if in_secret || variable.is_some_and(sensitive) {
            return Self::whole(&MASK.into());
        }
        let mut value = shortened(value);
        for pointer in secrets(&value) {
            if let Some(place) = value.pointer_mut(&pointer) {
                *place = MASK.into();
            }
        }
        Self::whole(&value)
    }

    fn whole(value: &Value) -> Self {
        Self(value.to_string().into())
    }

    fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// The value in one line.
    pub fn line(&self) -> String {
        match self.value() {
            Value::String(text) => text.lines().map(str::trim).collect::<Vec<_>>().join(" ⏎ "),
            other => other.to_string(),
        }
    }
}

impl serde::Serialize for Masked {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(to)
    }
}

/// The longest text that a value repeats.
const LONGEST: usize = 512;

/// A value with long texts (the scripts that rules add) cut to their first line.
fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) if text.len() > LONGEST => {
            let first: String = text.lines().next().unwrap_or_default().chars().take(80).collect();
            format!("{first} … ({} lines)", text.lines().count()).into()
        }
        Value::Array(list) => list.iter().map(shortened).collect(),
        Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.clone(), shortened(v))).collect()),
        other => other.clone(),
    }
}

impl<'a> MaskedText<'a> {
    /// A document's text without its secrets. Nothing where they cannot be located: then no text may be shown.
    pub fn of(text: &'a str) -> Option<Self> {
        let value = shared::manifest::read(text).ok()?;
        let mut hidden: Vec<Range<usize>> = Vec::new();
        for pointer in secrets(&value) {
            hidden.extend(locate(text, &pointer)?);
        }
        if hidden.is_empty() {
            return Some(Self(Cow::Borrowed(text)));
        }
        hidden.sort_by_key(|r| r.start);
        let (mut out, mut from) = (String::with_capacity(text.len()), 0);
        for range in hidden.iter().filter(|r| !r.is_empty()) {
            out += text.get(from..range.start)?;
            out += MASK;
            // A block scalar's bytes reach to the next node: its line break and the indentation behind it stay.
            from = range.start + text.get(range.clone())?.trim_end().len();
        }
        out += text.get(from..)?;
        Some(Self(Cow::Owned(out)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The JSON Pointers of what is or may be secret in a value: the contents of Secrets, and the values of environment
/// variables but for a few that are known to be none.
fn secrets(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, &mut String::new(), &mut found);
    found
}

fn collect(value: &Value, at: &mut String, found: &mut Vec<String>) {
    let length = at.len();
    match value {
        Value::Object(map) => {
            let text = |key: &str| map.get(key).and_then(Value::as_str);
            let secret = text("kind") == Some("Secret");
            let variable = text("name").is_some_and(sensitive);
            for (key, child) in map {
                at.push('/');
                at.push_str(&escape(key));
                let filled = !matches!(child, Value::Null) && child.as_object().is_none_or(|m| !m.is_empty());
                if filled && ((secret && (key == "data" || key == "stringData")) || (variable && key == "value")) {
                    found.push(at.clone());
                } else {
                    found.extend(literals(key, child).map(|part| format!("{at}/{part}")));
                    collect(child, at, found);
                }
                at.truncate(length);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                let _ = write!(at, "/{i}");
                collect(item, at, found);
                at.truncate(length);
            }
        }
        _ => {}
    }
}

/// The parts of a value under `key` that are secrets by their names: arguments of commands, annotations.
fn literals(key: &str, value: &Value) -> impl Iterator<Item = String> {
    let (words, named): (&[Value], _) = match value {
        Value::Array(words) if matches!(key, "command" | "args") => (words, None),
        Value::Object(map) if key == "annotations" => (&[], Some(map)),
        _ => (&[], None),
    };
    let text = |word: &Value| word.as_str().unwrap_or_default().to_owned();
    let follows = move |i: usize| i > 0 && words.get(i - 1).is_some_and(|w| is_option_of_secret(&text(w)));
    let is_secret = move |(i, word): &(usize, &Value)| holds_secret(&text(word)) || follows(*i);
    let words = words.iter().enumerate().filter(is_secret).map(|(i, _)| i.to_string());
    let is_named = move |(key, value): &(&String, &Value)| names_secret(key) || holds_secret(&text(value));
    words
        .collect::<Vec<_>>()
        .into_iter()
        .chain(named.into_iter().flatten().filter(is_named).map(|(key, _)| escape(key)))
}

/// Variables whose values are shown: where a database is, and our own. Everything else could hold a secret whatever it
/// is called (a URL with a password in it, `SMTP_PASS`).
const SHOWN: &[&str] = &[
    "DB_SCHEME",
    "DB_HOST",
    "DB_PORT",
    "DB_DRIVER_CLASS",
    "OM_DATABASE",
    "BASE_PATH",
    "LOG_LEVEL",
    "HOME",
    "TMPDIR",
    "TZ",
];

/// Whether the value of an environment variable (or of a request header) is hidden.
fn sensitive(name: &str) -> bool {
    !SHOWN.contains(&name) && !name.starts_with("OMUPGRADE_")
}

#[cfg(test)]
mod tests {
    use super::MaskedText;

    #[test]
    fn contents_of_secrets_and_sensitive_variables_are_hidden_in_every_notation() {
        let text = "kind: List\nitems:\n- kind: Secret\n  stringData:\n    A: \"hush \\\"1\\\"\"\n    B: |\n      hush 2\n      hush 3\n    C: hush 4 # kept\n\
                    - kind: Deployment\n  env: [{name: DB_PASSWORD, value: 'hush 5'}, {name: DB_HOST, value: open}]\n  more:\n  - value: hush\n      6\n    name: JWT_TOKEN\n  - {name: SMTP_PASS, value: hush7}\n  - {name: URL, value: 'postgres://u:hush8@h'}\n";
        let shown = MaskedText::of(text).unwrap();
        assert!(!shown.as_str().contains("hush"), "{}", shown.as_str());
        insta::assert_snapshot!(shown.as_str());
    }

    #[test]
    fn commands_and_annotations_hide_what_is_a_secret_by_its_name() {
        let text = "metadata:\n  annotations: {example/api-token: hush1, example/team: data}\nspec:\n  command: [run, --password, hush2, --host, db]\n  args:\n  - --token=hush3\n  - |\n    PASSWORD=hush4 run\n  - --secret=$(FROM_ENV)\n";
        let shown = MaskedText::of(text).unwrap();
        assert!(!shown.as_str().contains("hush"), "{}", shown.as_str());
        for word in ["example/team: data", "run, --password", "--host, db", "$(FROM_ENV)"] {
            assert!(shown.as_str().contains(word), "{word}: {}", shown.as_str());
        }
    }

    #[test]
    fn our_own_scripts_are_shown() {
        let backup = shared::backup::script();
        for script in [crate::rules::schema_guard::script(), backup] {
            assert_eq!(super::literal::secrets(script).collect::<Vec<_>>(), [""; 0]);
        }
    }

    #[test]
    fn text_whose_secrets_cannot_be_located_is_not_shown() {
        let text = "kind: Secret\nx: &x {A: hush}\ndata: *x\n";
        assert_eq!(MaskedText::of(text), None);
        let text = "kind: Deployment\nx: &x {name: MY_KEY, value: hush}\nenv: [{<<: *x}]\n";
        assert_eq!(MaskedText::of(text), None);
    }
}
