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
    if let Some(keys) = difference(&got, wished) {
        let keys: Vec<&str> = keys.iter().rev().map(String::as_str).collect();
        return Err(ProofError::Differs(format!("/{}", keys.join("/"))));
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

/// The keys that lead to the first difference, the last one first; the order of a mapping's keys does not count.
fn difference(got: &Value, wished: &Value) -> Option<Vec<String>> {
    let below = |key: &str, found: Option<Vec<String>>| {
        let mut keys = found?;
        keys.push(super::plan::escape(key));
        Some(keys)
    };
    match (got, wished) {
        (Value::Object(a), Value::Object(b)) => {
            let inside = |key: &String, b: &Value| a.get(key).map_or(Some(Vec::new()), |a| difference(a, b));
            let other = b.iter().find_map(|(key, value)| below(key, inside(key, value)));
            // All of b's keys are in a then: as many keys are the same keys.
            let more = || if a.len() > b.len() { a.keys().find(|k| !b.contains_key(*k)) } else { None };
            other.or_else(|| below(more()?, Some(Vec::new())))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(i, (a, b))| difference(a, b).and_then(|keys| below(&i.to_string(), Some(keys))))
        }
        (a, b) => (a != b).then(Vec::new),
    }
}
