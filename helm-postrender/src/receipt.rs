//! The receipt of a proven backup: a file that `kubectl omupgrade` leaves for us. A pure filter can check what stands
//! in it against the stream and the clock it is given, and no more than that: it never looks at the backup itself.

use crate::failure::Failure;
use crate::scene::Scene;
use jiff::{SignedDuration, Timestamp};
use shared::versions::Version;
use std::collections::BTreeSet;
use std::path::Path;

/// The only version of the file that is understood.
const VERSION: u64 = 1;

/// How far a receipt may be dated ahead of our clock.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// How long a receipt can stand for a backup: what is in a database a day later is not in the backup.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Receipt {
    /// Version of this form.
    pub v: u64,
    /// The release whose database was backed up.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// The version that the upgrade goes to.
    pub target: String,
    /// The backup, as `kubectl omupgrade backup list` names it.
    pub backup: String,
    /// When it was made, RFC 3339.
    pub made: String,
    /// Until when it stands for one, RFC 3339.
    pub expires: String,
}

/// Reads a receipt's file. What it says is not judged yet.
///
/// # Errors
/// When there is no such file or it is no receipt.
pub fn read(path: &Path) -> Result<Receipt, Failure> {
    let say = |what: String| fail(format!("reading the receipt {}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| say(crate::failure::io(&e)))?;
    let version = serde_json::from_str::<serde_json::Value>(&text).map_err(|e| say(format!("it is no JSON: {e}")))?;
    match version.get("v").and_then(serde_json::Value::as_u64) {
        Some(VERSION) => {}
        Some(other) => return Err(say(format!("field `v` is {other}, this helm-postrender reads {VERSION}"))),
        None => return Err(say("field `v` is missing or no number".to_owned())),
    }
    serde_json::from_value(version).map_err(|e| say(e.to_string()))
}

impl Receipt {
    /// Checks the receipt against the stream, the namespace that the caller names for servers of a stream that names
    /// none, and the time.
    ///
    /// # Errors
    /// With the first field that does not hold.
    pub fn check(&self, scene: &Scene, namespace: Option<&str>, now: Timestamp) -> Result<(), Failure> {
        let wrong = |field: &str, what: String| Err(fail(format!("the receipt does not hold: field `{field}` {what}")));
        let releases: BTreeSet<&str> = scene.servers().filter_map(|s| scene.release(s)).collect();
        if releases.len() != 1 || !releases.contains(self.release.as_str()) {
            let found = releases.into_iter().collect::<Vec<_>>().join(", ");
            let found = if found.is_empty() { "names none".to_owned() } else { format!("is of {found}") };
            return wrong("release", format!("is {}, the stream {found}", self.release));
        }
        if let Some(other) = scene.servers().filter_map(|s| s.namespace()).find(|n| *n != self.namespace) {
            return wrong("namespace", format!("is {}, the stream's server stands in {other}", self.namespace));
        }
        if let Some(other) = namespace.filter(|n| *n != self.namespace)
            && unnamed(scene)
        {
            return wrong("namespace", format!("is {}, OMUPGRADE_NAMESPACE is {other}", self.namespace));
        }
        let Some(target) = Version::parse(&self.target) else {
            return wrong("target", format!("is {:?}, which is no version", self.target));
        };
        for server in scene.servers() {
            match scene.target(server) {
                Some((rendered, _)) if rendered == target => {}
                Some((rendered, _)) => {
                    return wrong("target", format!("is {target}, but {} is rendered for {rendered}", server.label()));
                }
                None => {
                    return wrong("target", format!("is {target}, but {} names no version to compare", server.label()));
                }
            }
        }
        if self.backup.trim().is_empty() {
            return wrong("backup", "is empty".to_owned());
        }
        let Some(made) = time(&self.made) else {
            return wrong("made", format!("is {:?}, which is no RFC 3339 time", self.made));
        };
        let Some(expires) = time(&self.expires) else {
            return wrong("expires", format!("is {:?}, which is no RFC 3339 time", self.expires));
        };
        if made.duration_since(now) > SKEW {
            return wrong("made", format!("lies in the future ({}, now is {})", self.made, whole(now)));
        }
        if expires <= now || expires <= made {
            return wrong("expires", format!("has passed ({}, now is {})", self.expires, whole(now)));
        }
        if expires.duration_since(made) > LONGEST {
            let what = format!("is {}, made {}: a receipt stands for at most 24 h", self.expires, self.made);
            return wrong("expires", what);
        }
        Ok(())
    }
}

/// Whether the stream leaves the namespace of a server to the caller.
pub fn unnamed(scene: &Scene) -> bool {
    scene.servers().any(|s| s.namespace().is_none())
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

fn whole(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

fn fail(message: String) -> Failure {
    Failure::refused(message)
        .hint("make a new one with `kubectl omupgrade backup RELEASE --to VERSION`, or unset OMUPGRADE_RECEIPT")
}
