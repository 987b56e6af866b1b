//! A look at a way back as a file: for support, and to be decided on again without a cluster. What is secret is not in it:
//! manifests and values are masked by their type, and what they tell stands in their place.

use super::restore::GivenUp;
use super::{Contents, Look};
use crate::facts::read_file;
use crate::failure::Failure;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of the schema of such a file.
pub const SCHEMA: &str = "omupgrade.io/rollback-facts/v1";

/// A saved look.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Saved {
    /// [`SCHEMA`].
    pub schema: String,
    /// When the look was finished.
    pub made: Timestamp,
    /// Helm's command, as it would be typed.
    pub command: String,
    /// Who held the release's lock, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// The restore that was given up after it stilled servers, with what of it still stood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<GivenUp>,
    /// What was said of that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the manifests tell.
    pub contents: Contents,
    /// What was looked at.
    pub look: Look,
}

impl Saved {
    /// The text of such a file.
    pub fn to_text(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The texts in it that others wrote, and that may quote a secret. The rest is names, numbers and digests.
    pub fn texts(&mut self) -> Vec<&mut String> {
        let look = &mut self.look;
        let mut out = vec![&mut self.command];
        out.extend(self.lock.as_mut());
        out.extend(&mut self.notes);
        let releases = [&mut look.current, &mut look.target].into_iter().chain(&mut look.history);
        out.extend(releases.map(|release| &mut release.revision.description));
        for run in &mut look.runs {
            out.extend(run.entries.iter_mut().map(|entry| &mut entry.words));
        }
        out.extend(look.backups.as_mut().err());
        out.extend(look.database.as_mut().err());
        out.extend(look.migrating.as_mut().err());
        match &mut look.live {
            Ok(live) => out.extend(live.iter_mut().flat_map(|workload| workload.marks.values_mut())),
            Err(reason) => out.push(reason),
        }
        let fields = self.contents.preview.changed.iter_mut().flat_map(|change| &mut change.fields);
        out.extend(fields.flat_map(|field| [&mut field.now, &mut field.then]).flatten());
        out
    }

    /// Reads the text of such a file.
    pub fn from_text(text: &str) -> Result<Self, Failure> {
        read_file(text, SCHEMA, "kubectl omupgrade rollback RELEASE --dry-run --facts FILE    # writes one")
    }
}
