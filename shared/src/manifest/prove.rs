//! Proves an edited document: read again, it is what was wished, and it is still one document with the same line
//! breaks. Stands on the reader, not on the editor's parser.

use super::read::read;
use serde_json::Value;

/// What did not hold. Nothing is written then; this is a defect of the editor or an oddity of the document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The new text is not readable.
    #[error("the edited document would not be readable: {0}")]
    Unreadable(String),
    /// The new text means something else than the original plus the edits.
    #[error("the edited document would differ from the original plus its edits at {0}")]
    Differs(String),
    /// Helm would see more than one document.
    #[error("the edited document would be taken for more than one")]
    Splits,
    /// Line breaks of two kinds.
    #[error("the edited document would mix line breaks")]
    LineBreaks,
}

/// Checks that `new` means `wished` and is one document as `old` was.
///
/// # Errors
/// With the first thing that does not hold.
pub fn prove(old: &str, new: &str, wished: &Value) -> Result<(), ProofError> {
    let got = read(new).map_err(|e| ProofError::Unreadable(e.to_string()))?;
    if let Some(path) = difference(&got, wished, &mut String::new()) {
        return Err(ProofError::Differs(path));
    }
    // Helm's own splitters cut at every `---` in column 0, marker or not.
    if cuts(old) != cuts(new) {
        return Err(ProofError::Splits);
    }
    let bare = |text: &str| text.matches('\n').count() != text.matches("\r\n").count();
    if old.contains("\r\n") && !bare(old) && bare(new) {
        return Err(ProofError::LineBreaks);
    }
    Ok(())
}

fn cuts(text: &str) -> usize {
    text.lines().filter(|l| l.starts_with("---")).count()
}

/// The JSON Pointer of the first difference; the order of keys does not count.
fn difference(got: &Value, wished: &Value, at: &mut String) -> Option<String> {
    let inside = |key: &str, a: Option<&Value>, b: &Value, at: &mut String| {
        let length = at.len();
        at.push('/');
        at.push_str(&super::plan::escape(key));
        let found = match a {
            Some(a) => difference(a, b, at),
            None => Some(at.clone()),
        };
        at.truncate(length);
        found
    };
    match (got, wished) {
        (Value::Object(a), Value::Object(b)) => {
            let missing = b.iter().find_map(|(key, value)| inside(key, a.get(key), value, at));
            missing.or_else(|| a.keys().find(|k| !b.contains_key(*k)).map(|k| format!("{at}/{k}")))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            b.iter().enumerate().find_map(|(i, value)| inside(&i.to_string(), a.get(i), value, at))
        }
        (a, b) if a == b => None,
        _ => Some(if at.is_empty() { "/".to_owned() } else { at.clone() }),
    }
}
