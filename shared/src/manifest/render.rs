//! Writes new content as YAML text that every YAML 1.1 and 1.2 reader takes the same way. Never re-writes content
//! that was there before.

use super::scalar::is_ambiguous;
use serde_json::Value;
use std::fmt::Write;

/// A whole new document's body, in block style.
pub fn document(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => block(&mut out, value, 0, "\n"),
        Value::Array(list) if !list.is_empty() => block(&mut out, value, 0, "\n"),
        _ => out.push_str(&flow(value, false)),
    }
    out.push('\n');
    out
}

/// A value for a block context: what follows `key:` (with its leading space or line break), or with `inline` what
/// follows `- `. `indent` is the column of the value's own keys or dashes.
pub fn in_block(value: &Value, indent: usize, eol: &str, inline: bool) -> String {
    let mut out = String::new();
    let nested = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => false,
    };
    if nested {
        if !inline {
            out.push_str(eol);
            push_indent(&mut out, indent);
        }
        block(&mut out, value, indent, eol);
    } else {
        if !inline {
            out.push(' ');
        }
        out.push_str(&leaf(value, indent, eol));
    }
    out
}

/// Lines of a non-empty collection; the first one starts at the current column, which must be `indent`.
fn block(out: &mut String, value: &Value, indent: usize, eol: &str) {
    let mut first = true;
    let mut next = |out: &mut String| {
        if !std::mem::take(&mut first) {
            out.push_str(eol);
            push_indent(out, indent);
        }
    };
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                next(out);
                out.push_str(&key_text(key));
                out.push(':');
                out.push_str(&in_block(value, indent + 2, eol, false));
            }
        }
        Value::Array(list) => {
            for item in list {
                next(out);
                out.push_str("- ");
                out.push_str(&in_block(item, indent + 2, eol, true));
            }
        }
        _ => out.push_str(&leaf(value, indent, eol)),
    }
}

/// A scalar or an empty collection in a block context whose content is indented by `indent`.
fn leaf(value: &Value, indent: usize, eol: &str) -> String {
    match value {
        Value::String(text) if text.contains('\n') => literal(text, indent, eol).unwrap_or_else(|| quoted(text)),
        Value::String(text) => scalar_text(text),
        _ => flow(value, false),
    }
}

/// A value in flow style; with `json`, keys and strings always in double quotes.
pub fn flow(value: &Value, json: bool) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::String(text) if json => quoted(text),
        Value::String(text) => flow_text(text),
        Value::Array(list) => {
            let items: Vec<String> = list.iter().map(|v| flow(v, json)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let items: Vec<String> =
                map.iter().map(|(k, v)| format!("{}: {}", flow_key(k, json), flow(v, json))).collect();
            format!("{{{}}}", items.join(", "))
        }
    }
}

/// A mapping key in block style.
pub fn key_text(key: &str) -> String {
    scalar_text(key)
}

/// A mapping key in flow style.
pub fn flow_key(key: &str, json: bool) -> String {
    if json { quoted(key) } else { flow_text(key) }
}

/// As [`scalar_text`], with colons quoted: YAML 1.1 readers end a plain scalar at them inside `{}`.
fn flow_text(text: &str) -> String {
    if text.contains(':') { quoted(text) } else { scalar_text(text) }
}

/// Plain where no reader could mistake it, else in double quotes.
fn scalar_text(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._/:-".contains(&b))
        && !text.ends_with(':')
        && !is_ambiguous(text);
    if plain { text.to_owned() } else { quoted(text) }
}

/// A literal block scalar, where the text survives in one: printable, no line break but `\n`, ends in none or
/// one, and no leading space that would need an indentation indicator.
fn literal(text: &str, indent: usize, eol: &str) -> Option<String> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let fits = !body.is_empty()
        && !body.starts_with([' ', '\n', '\t'])
        && !body.ends_with('\n')
        && body.lines().all(|l| !l.ends_with([' ', '\t', '\r']))
        && body.chars().all(|c| c == '\n' || c == '\t' || is_printable(c));
    if !fits {
        return None;
    }
    let mut out = String::from(if text.ends_with('\n') { "|" } else { "|-" });
    for line in body.split('\n') {
        out.push_str(eol);
        if !line.is_empty() {
            push_indent(&mut out, indent);
            out.push_str(line);
        }
    }
    Some(out)
}

/// What every reader takes as an ordinary character: no controls, no line breaks of YAML 1.1, no byte order mark,
/// nothing that only some readers know.
fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..)
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            c if c.is_alphabetic() => out.push(c),
            // JSON has no escape beyond four digits; a surrogate pair is read by YAML readers and by JSON ones
            // alike only as the character itself, so those stay.
            c if u32::from(c) > 0xffff => out.push(c),
            c => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

fn push_indent(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}
