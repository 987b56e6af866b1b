//! What a plain scalar means to Helm: the rules of go-yaml v2, which `sigs.k8s.io/yaml` and so Kubernetes and
//! Helm decode with. YAML 1.1 words (`yes`, `on`, `y`), octals (`0644`), underscores (`1_000`).
//!
//! Source: go.yaml.in/yaml/v2 `resolve.go`; checked against the decoder itself by `testdata/judge`.

use serde_json::{Number, Value};

/// The value of a plain (unquoted, untagged) scalar.
///
/// ```
/// use shared::manifest::plain_scalar;
/// assert_eq!(plain_scalar("yes"), true);
/// assert_eq!(plain_scalar("0644"), 420);
/// assert_eq!(plain_scalar("1_000"), 1000);
/// assert_eq!(plain_scalar("~"), serde_json::Value::Null);
/// assert_eq!(plain_scalar("1.13.1"), "1.13.1");
/// ```
pub fn plain_scalar(text: &str) -> Value {
    no_string(text).unwrap_or_else(|| text.into())
}

/// The same, nothing where it is a string.
pub fn no_string(text: &str) -> Option<Value> {
    word(text).or_else(|| match text.as_bytes().first()? {
        b'.' => text.parse().ok().filter(|_| go_float(text)).and_then(float),
        b'+' | b'-' | b'0'..=b'9' => number(text),
        _ => None,
    })
}

/// Whether any YAML 1.1 or 1.2 reader could take this plain text for something other than a string.
pub fn is_ambiguous(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    !plain_scalar(text).is_string()
        || matches!(lower.as_str(), "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null" | "nan" | "inf" | "infinity")
        // Numbers of other schemas: sexagesimal, dates, versions with underscores, `.5`, `0o7`.
        || text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | '=' | '<' | '~'))
}

fn word(text: &str) -> Option<Value> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => true.into(),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => false.into(),
        _ => return None,
    })
}

fn number(text: &str) -> Option<Value> {
    let plain = text.replace('_', "");
    integer(&plain).or_else(|| plain.parse().ok().filter(|_| go_float(&plain)).and_then(float))
}

/// Go's `strconv.ParseInt(s, 0, 64)` and `ParseUint`: prefixes `0x`, `0o`, `0b` and a bare leading `0` for octal.
fn integer(text: &str) -> Option<Value> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    if !digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        i64::try_from(-i128::from(magnitude)).ok().map(Into::into)
    } else if text.starts_with('+') {
        i64::try_from(magnitude).ok().map(Into::into)
    } else {
        Some(magnitude.into())
    }
}

/// go-yaml's `yamlStyleFloat`: `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn go_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let mantissa_ok = match mantissa.split_once('.') {
        Some(("", after)) => digits(after),
        Some((before, after)) => digits(before) && (after.is_empty() || digits(after)),
        None => digits(mantissa),
    };
    mantissa_ok && exponent.is_none_or(|e| digits(e.strip_prefix(['-', '+']).unwrap_or(e)))
}

/// A float as it looks after Helm turned it into JSON: whole ones are integers there. Infinities have no JSON.
fn float(value: f64) -> Option<Value> {
    #[allow(clippy::cast_possible_truncation)] // in range: checked on the same line
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return Some((value as i64).into());
    }
    Number::from_f64(value).map(Value::Number)
}
