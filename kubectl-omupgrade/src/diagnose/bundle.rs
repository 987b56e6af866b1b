//! What a support bundle holds: names and texts. Writing the archive is the adapter's work. Everything in it was
//! redacted before it came here; it is redacted once more, as text.

use super::{Diagnosis, Evidence};
use crate::redact::Redactor;
use serde::Serialize;
use std::fmt::Write;

/// A file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path in the archive.
    pub name: String,
    /// Its text.
    pub text: String,
}

const README: &str = "\
What `kubectl omupgrade diagnose --bundle` found.

  diagnosis.txt   the answer as it is shown
  diagnosis.json  the same for programs
  facts.json      what the answer was made from: kubectl omupgrade diagnose --from-facts facts.json
  events.txt      warnings about the release's objects, oldest first
  logs/           the ends of containers' logs

Secrets, values, environment, commands and annotations of others were never taken up; what is known to be secret in
this namespace, and what looks like it, is replaced by (hidden) everywhere. Look through it before you send it on.
";

/// The files of a bundle; `shown` is the answer in words.
pub fn files(
    evidence: &Evidence,
    diagnosis: &Diagnosis,
    shown: &str,
    redactor: &Redactor,
) -> anyhow::Result<Vec<File>> {
    let text = |name: &str, text: &str| File { name: name.to_owned(), text: redactor.text(text) };
    let mut out = vec![
        text("README.txt", README),
        text("diagnosis.txt", shown),
        json("diagnosis.json", diagnosis, redactor)?,
        json("facts.json", evidence, redactor)?,
        text("events.txt", &events(evidence)),
    ];
    for (key, fact) in &evidence.facts.logs {
        let lines = match fact.value() {
            Some(lines) => lines.join("\n") + "\n",
            None => format!("not read: {}\n", fact.reason().unwrap_or_default()),
        };
        out.push(text(&format!("logs/{}.log", key.as_str().replace('/', ".")), &lines));
    }
    Ok(out)
}

/// Redacted by value: as text its numbers could be taken for a secret, and it would be no JSON any more.
fn json(name: &str, what: &impl Serialize, redactor: &Redactor) -> anyhow::Result<File> {
    let mut value = serde_json::to_value(what)?;
    redactor.value(&mut value);
    Ok(File { name: name.to_owned(), text: serde_json::to_string_pretty(&value)? + "\n" })
}

fn events(evidence: &Evidence) -> String {
    let mut out = String::new();
    for e in evidence.facts.events.items().iter().chain(evidence.events_beside.items()) {
        let at = e.last.map(|t| t.to_string()).unwrap_or_default();
        let _ = writeln!(out, "{at}  {} {}  {} ×{}: {}", e.about_kind, e.about, e.reason, e.count, e.message);
    }
    out
}
