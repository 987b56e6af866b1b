//! Labels and annotations that one tool writes and another reads. Never a tool's version: a new release of ours
//! must not change anyone's objects.

/// Annotation on an object's own metadata: the rules that changed it, in order, joined by commas.
pub const RULES: &str = "omupgrade.io/rules";

/// Prefix of the opt-out annotations: `skip.omupgrade.io/RULE: REASON` on an object's metadata keeps that rule
/// away from it. The reason is required and is repeated in the report.
pub const SKIP_PREFIX: &str = "skip.omupgrade.io/";

/// Name of the init container that lists the migration folders of the server's own image.
pub const FOLDERS_CONTAINER: &str = "omupgrade-image-folders";

/// Name of the init container that refuses to start a pod whose image is older than the database.
pub const GUARD_CONTAINER: &str = "omupgrade-schema-guard";

/// Name of the emptyDir volume between the two, and scratch space of the second.
pub const GUARD_VOLUME: &str = "omupgrade-guard";

/// The optional ConfigMap that switches the guard of a release off: `mode=off`.
pub fn guard_config_map(release: &str) -> String {
    format!("{release}-omupgrade-guard")
}

/// The claim that holds a release's backups.
pub fn backup_claim(release: &str) -> String {
    format!("{release}-omupgrade-backup")
}

/// Label on a pod or Job of ours: what it is there for.
pub const ROLE: &str = "omupgrade.io/role";

/// Value of [`ROLE`] on backup Jobs and their pods.
pub const ROLE_BACKUP: &str = "backup";

/// Label on a pod or Job of ours: the Helm release that it serves. Not `app.kubernetes.io/instance`, which the
/// server's selectors use.
pub const RELEASE: &str = "omupgrade.io/release";

/// Value of [`ROLE`] on the Secrets that hold a run of the plugin's journal.
pub const ROLE_JOURNAL: &str = "journal";

/// Value of [`ROLE`] on the Pods that only read the database's state.
pub const ROLE_PROBE: &str = "probe";

/// Value of [`ROLE`] on the Pods that ask the search engine what it is.
pub const ROLE_SEARCH: &str = "search";

/// Value of [`ROLE`] on the Pods that list the migration folders of a server's image.
pub const ROLE_FOLDERS: &str = "folders";

/// Value of [`ROLE`] on the Pods that look after the backups on the claim.
pub const ROLE_CLAIM: &str = "claim";

/// Value of [`ROLE`] on the Pods that restore a backup for a trial.
pub const ROLE_DRILL: &str = "drill";

/// Value of [`ROLE`] on the Secrets that hold what a backup cannot: the Fernet key, values.
pub const ROLE_SECRETS: &str = "backup-secrets";

/// Value of [`ROLE`] on the `ConfigMap`s with the records of snapshots that somebody else keeps.
pub const ROLE_SNAPSHOT: &str = "snapshot";

/// Label on a run's Secret: the verb.
pub const VERB: &str = "omupgrade.io/verb";

/// Label on a run's Secret: `open`, `done` or `failed`.
pub const STATE: &str = "omupgrade.io/state";
