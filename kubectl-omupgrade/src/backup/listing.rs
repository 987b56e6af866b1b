//! What a look at the claim found: backups with their records, and what was proven of each since. Reads the lines of
//! shared's claim script; a list that broke off is none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::backup::{Held, Record};

/// A backup on the claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its directory.
    pub name: String,
    /// How far it is proven.
    pub states: Vec<State>,
    /// Its record.
    pub record: Record,
    /// Whether the Secret that its record names is not in the namespace: what the database does not hold is lost, or
    /// did not come along.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub secrets_missing: bool,
    /// When its files were last read back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<Mark>,
    /// When it was last restored for a trial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drilled: Option<Mark>,
}

/// A file that says when something was proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mark {
    /// When, RFC 3339.
    pub at: String,
}

/// How far a backup is proven. Every one that is listed was read back when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// What the database does not hold (the Fernet key, values) is kept, too.
    Complete,
    /// Its files were read back since it was made.
    Verified,
    /// It was restored for a trial, and every table's rows compared.
    Drilled,
}

impl State {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Verified => "verified",
            Self::Drilled => "drilled",
        }
    }
}

/// All that lies on a claim.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    /// The backups, oldest first.
    pub backups: Vec<Entry>,
    /// Directories that look like backups and cannot be read, with the reason.
    pub unreadable: Vec<(String, String)>,
    /// What a dump or an import left half-written, and for how many seconds nothing was written to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub half: Vec<(String, u64)>,
    /// Bytes of the claim, and those that are free.
    pub room: Option<(u64, u64)>,
}

impl Listing {
    /// The same, knowing which Secrets are in the namespace.
    #[must_use]
    pub fn with_secrets(mut self, there: &[String]) -> Self {
        for entry in &mut self.backups {
            entry.secrets_missing = entry.secret().is_some_and(|name| !there.iter().any(|t| t == name));
            entry.states = entry.proven();
        }
        self
    }

    /// The same with these, in their places.
    #[must_use]
    pub fn with(mut self, more: Vec<Entry>) -> Self {
        self.backups.extend(more);
        self.backups.sort_by(|a, b| (&a.record.started, &a.name).cmp(&(&b.record.started, &b.name)));
        self
    }
}

/// Reads the claim script's answer to `list`.
pub fn read(text: &str) -> Result<Listing, String> {
    let mut listing = Listing::default();
    let mut ended = false;
    for line in text.lines() {
        let mut cells = line.splitn(3, '\t');
        match (cells.next().unwrap_or_default(), cells.next(), cells.next()) {
            ("backup", Some(name), Some(record)) => match serde_json::from_str::<Record>(record) {
                Ok(record) if record.v == 1 => listing.backups.push(Entry::new(name.to_owned(), record)),
                Ok(record) => {
                    listing.unreadable.push((name.to_owned(), format!("its record is of version {}", record.v)));
                }
                Err(error) => listing.unreadable.push((name.to_owned(), format!("its record cannot be read: {error}"))),
            },
            ("unreadable", Some(name), Some(why)) => listing.unreadable.push((name.to_owned(), why.to_owned())),
            (kind @ ("verified" | "drilled"), Some(name), Some(mark)) => {
                let mark = serde_json::from_str::<Mark>(mark).ok();
                if let Some(entry) = listing.backups.iter_mut().find(|e| e.name == name) {
                    *(if kind == "verified" { &mut entry.verified } else { &mut entry.drilled }) = mark;
                }
            }
            ("half", Some(name), Some(seconds)) => {
                listing.half.push((name.to_owned(), seconds.trim().parse().unwrap_or_default()));
            }
            ("room", Some(size), Some(free)) => listing.room = size.parse().ok().zip(free.parse().ok()),
            ("end", ..) => ended = true,
            _ => {}
        }
    }
    if !ended {
        return Err("the list of backups broke off".to_owned());
    }
    for entry in &mut listing.backups {
        entry.states = entry.proven();
    }
    listing.backups.sort_by(|a, b| (&a.record.started, &a.name).cmp(&(&b.record.started, &b.name)));
    Ok(listing)
}

impl Entry {
    /// One that was just made.
    pub fn new(name: String, record: Record) -> Self {
        let mut entry =
            Self { name, states: Vec::new(), record, secrets_missing: false, verified: None, drilled: None };
        entry.states = entry.proven();
        entry
    }

    /// The same with the mark of a trial.
    #[must_use]
    pub fn with_drilled(mut self, mark: Option<Mark>) -> Self {
        self.drilled = mark;
        self.states = self.proven();
        self
    }

    /// The Secret that its record names.
    pub fn secret(&self) -> Option<&str> {
        match self.record.of.as_ref().and_then(|of| of.secrets.as_ref()) {
            Some(Held::Secret(name)) => Some(name),
            _ => None,
        }
    }

    fn proven(&self) -> Vec<State> {
        let complete = self.record.of.as_ref().is_some_and(|of| of.secrets.is_some()) && !self.secrets_missing;
        let states = [
            (complete, State::Complete),
            (self.verified.is_some(), State::Verified),
            (self.drilled.is_some(), State::Drilled),
        ];
        states.into_iter().filter_map(|(is, state)| is.then_some(state)).collect()
    }

    /// How far it is proven, in words.
    pub fn words(&self) -> String {
        let mut words = match &self.record.external {
            Some(_) => vec!["a snapshot of its provider's, the schema and rows read before and after"],
            None => vec!["read back when made"],
        };
        words.extend(self.states.iter().map(|s| s.word()));
        words.join(", ")
    }

    /// Where its secrets are, in words.
    pub fn held(&self) -> String {
        match self.record.of.as_ref().and_then(|of| of.secrets.as_ref()) {
            Some(Held::Secret(name)) if self.secrets_missing => {
                format!(
                    "in the Secret {name}, which is NOT in this namespace: without the Fernet key, what is encrypted in the database cannot be read"
                )
            }
            Some(Held::Secret(name)) => format!("in the Secret {name}"),
            Some(Held::Encrypted(recipients)) => {
                format!("in secrets.age beside the dump, for {}", recipients.join(", "))
            }
            Some(Held::Elsewhere) => "held elsewhere, as the operator said".to_owned(),
            None => "not kept: without the Fernet key, what is encrypted in the database cannot be read".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(started: &str) -> String {
        format!(
            r#"{{"v":1,"origin":"hook","release":"om","namespace":"data","target":"","engine":"mysql","server_version":"9","client_version":"9","database":"d","host":"h","started":"{started}","finished":"{started}","files":[],"fingerprint":{{}},"schema_head":"1.12.3"}}"#
        )
    }

    #[test]
    fn what_cannot_be_read_is_named_and_what_broke_off_is_no_list() {
        let (late, early) = (record("2026-11-22T12:00:00Z"), record("2026-11-21T12:00:00Z"));
        let text = format!(
            "warning: noise\nbackup\tb\t{late} \nverified\tb\t{{\"at\":\"2026-11-22T13:00:00Z\"}}\nbackup\ta\t{early}\nbackup\tc\t{{\"v\":1\nunreadable\td\tmode\nroom\t100\t40\nend\n"
        );
        let listing = read(&text).unwrap();
        let names: Vec<&str> = listing.backups.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(listing.backups[1].states, [State::Verified]);
        assert_eq!(listing.backups[0].states, []);
        assert_eq!(listing.unreadable.len(), 2);
        assert_eq!(listing.room, Some((100, 40)));
        for cut in [text.len() - 4, text.len() / 2, 0] {
            assert!(read(&text[..cut]).is_err());
        }
    }
}
