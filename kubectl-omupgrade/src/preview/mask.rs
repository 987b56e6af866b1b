//! Keeps secrets out of a preview: contents of Secrets, and whatever a name calls a password, key or token.

use crate::redact::{HIDDEN, without_looks};
use serde_json::Value;

/// The longest value that is shown, in characters.
const SHOWN: usize = 80;

/// A value that may be shown, in one line. `names` are the keys and item names on the way to it.
pub(super) fn shown(kind: &str, names: &[String], value: &Value) -> String {
    let content = kind == "Secret" && names.first().is_some_and(|n| n == "data" || n == "stringData");
    if content || names.iter().any(|n| sensitive(n)) || holds_secrets(value) {
        return HIDDEN.to_owned();
    }
    let text = match value {
        Value::String(text) => text.lines().map(str::trim).collect::<Vec<_>>().join(" ⏎ "),
        other => other.to_string(),
    };
    // A password may stand inside an address; a command or a file of settings may say one under its name.
    let text = if text.contains("://") && text.contains('@') { HIDDEN.to_owned() } else { without_looks(&text) };
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Whether the item of a list before this one is an option whose value is a secret: `--db-password`.
pub(super) fn follows_option(items: &[Value], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| items.get(before)?.as_str());
    before.is_some_and(|option| option.starts_with('-') && !option.contains(['=', ' ']) && sensitive(option))
}

/// The same value without its secrets: contents of a Secret, and whatever a name calls a password, key or token.
pub fn redacted(kind: &str, value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let named = map.get("name").and_then(Value::as_str).is_some_and(sensitive);
            let each = map.iter().map(|(key, child)| {
                let content = kind == "Secret" && (key == "data" || key == "stringData");
                let secret = content || sensitive(key) || (named && key == "value");
                (key.clone(), if secret { hidden(child) } else { redacted(kind, child) })
            });
            Value::Object(each.collect())
        }
        Value::Array(items) => items.iter().map(|i| redacted(kind, i)).collect(),
        Value::String(text) if text.contains("://") && text.contains('@') => HIDDEN.into(),
        other => other.clone(),
    }
}

/// The shape stays, every text and number in it goes: a password of digits is a number in YAML.
fn hidden(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.clone(), hidden(v))).collect()),
        Value::Array(items) => items.iter().map(hidden).collect(),
        Value::String(text) if !text.is_empty() => HIDDEN.into(),
        Value::Number(_) => HIDDEN.into(),
        other => other.clone(),
    }
}

/// Whether a name calls what it names a secret.
pub fn sensitive(name: &str) -> bool {
    let (words, name) = (words_of(name), name.to_uppercase());
    // References to Secrets name them and hold nothing of them.
    let reference = ["SECRETREF", "SECRETKEYREF", "SECRETNAME", "IMAGEPULLSECRETS", "CONFIGMAPKEYREF"];
    let anywhere = ["PASSWORD", "PASSWD", "PASSPHRASE", "TOKEN", "KEY", "SECRET", "CREDENTIAL"];
    !reference.contains(&name.as_str())
        && (anywhere.iter().any(|word| name.contains(word)) || words.iter().any(|word| is_short_for_one(word)))
}

/// Short words for a password: they stand inside of others (`bypass`, `ping`), and count alone or at the end.
fn is_short_for_one(word: &str) -> bool {
    word == "PIN" || word.ends_with("PWD") || word.ends_with("PASS") && !matches!(word, "BYPASS" | "COMPASS")
}

/// The words of a name, in capitals: `SMTP_PASS`, `db-pass` and `dbPass` have two each.
fn words_of(name: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut small = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || small && c.is_ascii_uppercase() {
            out.push(String::new());
        }
        small = c.is_ascii_lowercase() || c.is_ascii_digit();
        if let Some(word) = out.last_mut().filter(|_| c.is_ascii_alphanumeric()) {
            word.push(c.to_ascii_uppercase());
        }
    }
    out
}

/// Whether something inside a whole value (an added container, a list) is a secret.
fn holds_secrets(value: &Value) -> bool {
    match value {
        Value::Object(map) => {
            let named = map.get("name").and_then(Value::as_str).is_some_and(sensitive) && map.contains_key("value");
            named
                || map.iter().any(|(key, child)| {
                    (sensitive(key) && (child.is_string() || child.is_number())) || holds_secrets(child)
                })
        }
        Value::Array(items) => (0..items.len()).any(|at| follows_option(items, at)) || items.iter().any(holds_secrets),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_words_for_a_password_count_where_they_are_words() {
        for name in
            ["SMTP_PASS", "dbPass", "mail.pass", "--db-pass", "MYSQL_PWD", "ROOTPWD", "SIM_PIN", "pin", "passphrase"]
        {
            assert!(sensitive(name), "{name}");
        }
        for name in
            ["BYPASS_CACHE", "compass", "passthrough", "PING_INTERVAL", "mapping", "pinned", "passed", "shipping"]
        {
            assert!(!sensitive(name), "{name}");
        }
    }

    #[test]
    fn digits_inside_a_whole_value_are_hidden_too() {
        let added = serde_json::json!({"auth": {"pass": 602_214_076}, "size": 7});
        assert_eq!(shown("", &["database".to_owned()], &added), HIDDEN);
    }
}
