//! `backup drill --same-server`: which backups it takes, and what it says where it cannot.

use crate::backup::{FACTS, record, world};
use kubectl_omupgrade::cli::flags::Output;
use kubectl_omupgrade::commands::backup::{DrillArgs, Of, drill};
use kubectl_omupgrade::exit::Exit;
use serde_json::Value;

/// A scratch database harms nobody, so the proof of one that was imported is the same as of any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_was_imported_is_drilled_as_what_it_is() {
    for (namespace, release) in [("data", "om"), ("lost", "metadata")] {
        let (world, _folder) = world();
        let mut made: Value = serde_json::from_str(&record("h", "2026-11-22T12:00:00Z")).unwrap();
        (made["namespace"], made["release"]) = (namespace.into(), release.into());
        world.says("claim", &format!("backup\tom-b\t{made}\nomupgrade-backup: verified om-b\nend\n"));
        world.with_database(|d| {
            d.imported_from = format!("{namespace}/{release}");
            d.check = format!("{FACTS}omupgrade-drill: restored om-b\n");
        });
        let of = Of { release: Some("om".into()), ..Of::default() };
        let asked = DrillArgs { of, name: Some("om-b".into()), same_server: true, ..DrillArgs::default() };
        let ended = Box::pin(drill(&world.cluster(), &asked, Output::Text)).await;
        assert_eq!(ended.unwrap(), Exit::Done, "{namespace}/{release}");
    }
}
