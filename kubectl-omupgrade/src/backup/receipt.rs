//! The receipt of a proven backup: the file that helm-postrender takes instead of making a backup of its own.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::backup::Record;
use shared::versions::Version;

/// How long a receipt stands for a backup. Chosen; the post-renderer takes at most a day.
const VALID: SignedDuration = SignedDuration::from_hours(4);

/// The content of the file, version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The version of this form.
    pub v: u64,
    /// The release whose database was backed up.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// The version that the upgrade goes to.
    pub target: String,
    /// The backup.
    pub backup: String,
    /// When its dump began: what was written later is not in it.
    pub made: String,
    /// Until when the receipt holds.
    pub expires: String,
}

/// The receipt for an upgrade to `target`, or why there is none.
pub fn receipt(name: &str, record: &Record, target: &str, now: Timestamp) -> Result<Receipt, String> {
    let version = Version::parse(target).ok_or_else(|| format!("`{target}` is no version: write 1.13.1"))?;
    let made: Timestamp = record.started.parse().map_err(|_| format!("the record of {name} tells no time"))?;
    let expires = made.checked_add(VALID).map_err(|_| format!("the record of {name} tells a time that is none"))?;
    if expires <= now {
        let hours = VALID.as_hours();
        return Err(format!(
            "{name} was made at {}: a receipt stands for {hours} h, make a new backup",
            record.started
        ));
    }
    Ok(Receipt {
        v: 1,
        release: record.release.clone(),
        namespace: record.namespace.clone(),
        target: version.to_string(),
        backup: name.to_owned(),
        made: made.to_string(),
        expires: expires.to_string(),
    })
}
