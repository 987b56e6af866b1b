//! The real client and commands before a cluster in memory and a `helm` on disk: order of calls, two operators at once,
//! every point at which a process can be killed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where something is wrong")]

#[path = "simulated/age.rs"]
mod age;
#[path = "simulated/backup.rs"]
mod backup;
#[path = "simulated/backup_images.rs"]
mod backup_images;
#[path = "simulated/backup_keeping.rs"]
mod backup_keeping;
#[path = "simulated/backup_left.rs"]
mod backup_left;
#[path = "simulated/backup_refused.rs"]
mod backup_refused;
#[path = "simulated/backup_under.rs"]
mod backup_under;
#[path = "simulated/cluster/mod.rs"]
mod cluster;
#[path = "simulated/copying.rs"]
mod copying;
#[path = "simulated/drill_same_server.rs"]
mod drill_same_server;
#[path = "simulated/interrupted.rs"]
mod interrupted;
#[path = "simulated/journal.rs"]
mod journal;
#[path = "simulated/lock.rs"]
mod lock;
#[path = "simulated/many.rs"]
mod many;
#[path = "simulated/precheck.rs"]
mod precheck;
#[path = "simulated/prune.rs"]
mod prune;
#[path = "simulated/record.rs"]
mod record;
#[path = "simulated/restore.rs"]
mod restore;
#[path = "simulated/restore_api.rs"]
mod restore_api;
#[path = "simulated/restore_armed.rs"]
mod restore_armed;
#[path = "simulated/restore_awake.rs"]
mod restore_awake;
#[path = "simulated/restore_confirm.rs"]
mod restore_confirm;
#[path = "simulated/restore_from.rs"]
mod restore_from;
#[path = "simulated/restore_given_up.rs"]
mod restore_given_up;
#[path = "simulated/restore_goes_on.rs"]
mod restore_goes_on;
#[path = "simulated/restore_helm.rs"]
mod restore_helm;
#[path = "simulated/restore_kills.rs"]
mod restore_kills;
#[path = "simulated/restore_long.rs"]
mod restore_long;
#[path = "simulated/restore_several.rs"]
mod restore_several;
#[path = "simulated/restore_under.rs"]
mod restore_under;
#[path = "simulated/rollback.rs"]
mod rollback;
#[path = "simulated/rollback_helm.rs"]
mod rollback_helm;
#[path = "simulated/rollback_refused.rs"]
mod rollback_refused;
#[path = "simulated/rollback_verdict.rs"]
mod rollback_verdict;
#[path = "simulated/saved.rs"]
mod saved;
#[path = "simulated/snapshot.rs"]
mod snapshot;
#[path = "typed/mod.rs"]
mod typed;
#[path = "simulated/unlock.rs"]
mod unlock;
#[path = "simulated/volume.rs"]
mod volume;
#[path = "simulated/watched.rs"]
mod watched;
mod websocket;
