//! `backup export` and `backup import`, through the real client's WebSocket into a Pod whose commands a shell runs: what
//! arrives, what is said where a disk is full, and that nothing half-written stays.

use crate::backup::{record, world};
use crate::cluster::{Holding, World};
use kubectl_omupgrade::adapters::exec::{Broken, Holder};
use kubectl_omupgrade::beside::Beside;
use kubectl_omupgrade::cli::flags::Output;
use kubectl_omupgrade::commands::backup::{ExportArgs, ImportArgs, Of, export, import};
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::{exit_of, hints_of};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

const NAME: &str = "om-1.13.1-20261122T120000Z";

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// More than a pipe holds.
fn dump() -> Vec<u8> {
    (0_u32..300_000).flat_map(u32::to_le_bytes).collect()
}

/// A backup in a folder, and its record.
fn backup(at: &Path) -> String {
    let (at, dump) = (at.join(NAME), dump());
    std::fs::create_dir_all(&at).unwrap();
    let record = record("h", "2026-11-22T12:00:00Z");
    let record = record
        .replace(r#""bytes":7,"sha256":"aa""#, &format!(r#""bytes":{},"sha256":"{}""#, dump.len(), digest(&dump)));
    std::fs::write(at.join("database.dump"), dump).unwrap();
    std::fs::write(at.join("catalog.json"), &record).unwrap();
    std::fs::write(at.join("catalog.sha256"), digest(record.as_bytes())).unwrap();
    record
}

struct Stage {
    world: World,
    holding: Holding,
    folder: tempfile::TempDir,
}

impl Stage {
    /// An exported backup here; as much as said is free on the claim at first, and later.
    fn importing(free: [&str; 2]) -> Self {
        let (world, folder) = world();
        let holding = Holding::new(folder.path());
        backup(&folder.path().join("kept"));
        let asked = folder.path().join("asked");
        let [first, then] = free;
        holding.program(
            "df",
            &format!(
                "free={first}; [ ! -e '{0}' ] || free={then}; : >'{0}'\nprintf 'Filesystem 1024-blocks Used Available Capacity Mounted on\\n/dev/x 9 9 %s 1%% /backup\\n' \"$free\"",
                asked.display()
            ),
        );
        Self { world, holding, folder }
    }

    async fn import(&self) -> anyhow::Result<Exit> {
        let from = self.folder.path().join("kept").join(NAME);
        let args = ImportArgs { of: of(), from, timeout: Duration::from_mins(1) };
        Box::pin(import(&self.world.with_commands(&self.holding).await, &args, Output::Text)).await
    }

    async fn export(&self) -> anyhow::Result<Exit> {
        let args = ExportArgs { of: of(), name: None, into: self.target(), timeout: Duration::from_mins(1) };
        Box::pin(export(&self.world.with_commands(&self.holding).await, &args, Output::Text)).await
    }

    fn target(&self) -> PathBuf {
        let into = self.folder.path().join("into");
        std::fs::create_dir_all(&into).unwrap();
        into
    }

    /// What stands below `.import` on the claim.
    fn arrived(&self) -> Vec<String> {
        names(&self.holding.claim.join(".import"))
    }

    /// Takes no Pod of ours along.
    fn is_tidy(&self) {
        let pods: Vec<_> = self.world.all("pods").into_iter().map(|pod| pod["metadata"]["name"].clone()).collect();
        assert!(pods.is_empty(), "{pods:?}");
    }
}

fn of() -> Of {
    Of { release: Some("om".into()), ..Of::default() }
}

fn names(folder: &Path) -> Vec<String> {
    let all = std::fs::read_dir(folder).into_iter().flatten();
    all.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

const FULL: &str = "dd bs=65536 count=2 of=/dev/null 2>/dev/null\necho \"head: error writing 'standard output': No space left on device\" >&2\nexit 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_exported_arrives_byte_for_byte() {
    let stage = Stage::importing(["9999", "9999"]);
    assert_eq!(stage.import().await.unwrap(), Exit::Done);
    let at = stage.holding.claim.join(".import").join(NAME);
    for file in ["database.dump", "catalog.json", "catalog.sha256"] {
        let here = stage.folder.path().join("kept").join(NAME).join(file);
        assert!(std::fs::read(at.join(file)).unwrap() == std::fs::read(here).unwrap(), "{file}");
    }
    stage.is_tidy();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_without_room_is_told_before_the_first_byte() {
    let stage = Stage::importing(["100", "100"]);
    stage.holding.program("head", "echo it was copied >&2; exit 9");
    let refused = stage.import().await.unwrap_err();
    let (words, hints) = (refused.to_string(), hints_of(&refused).join("\n"));
    assert_eq!(exit_of(&refused), Exit::Refused, "{words}");
    assert!(
        words.contains("the claim om-omupgrade-backup has no room")
            && words.contains("needs 1.1 MiB, 100.0 KiB is free"),
        "{words}"
    );
    for hint in [
        "backup prune om -n data --claim om-omupgrade-backup",
        "edit persistentvolumeclaim om-omupgrade-backup -n data",
        "backup init om -n data --claim OTHER",
    ] {
        assert!(hints.contains(hint), "{hints}");
    }
    assert!(stage.arrived().is_empty());
    stage.is_tidy();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_becomes_full_is_told_and_keeps_no_half() {
    // Whether the command's words arrive or not, and whether the image has a df or not.
    for (mute, df) in [(false, true), (true, true), (false, false)] {
        let mut stage = Stage::importing(["9999", "20"]);
        stage.holding.mute = mute;
        stage.holding.program("head", FULL);
        if !df {
            stage.holding.program("df", "exit 127");
        }
        let failed = stage.import().await.unwrap_err();
        let words = failed.to_string();
        assert_eq!(exit_of(&failed), Exit::Unknown, "{words}");
        let free = if df { "20.0 KiB is free" } else { "how much is free is not known" };
        assert!(words.contains("has no room") && words.contains("needs 1.1 MiB") && words.contains(free), "{words}");
        assert!(hints_of(&failed).join("\n").contains("backup prune om"), "{words}");
        assert!(stage.arrived().is_empty(), "{:?}", stage.arrived());
        stage.is_tidy();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_failure_on_the_way_in_is_told_in_its_own_words() {
    let stage = Stage::importing(["9999", "9999"]);
    stage.holding.program("head", "echo 'head: cannot write: Input/output error' >&2; exit 1");
    let failed = stage.import().await.unwrap_err();
    let words = failed.to_string();
    assert!(
        words.contains("database.dump: head: cannot write: Input/output error") && !words.contains("room"),
        "{words}"
    );
    assert!(stage.arrived().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_whole_or_not_there() {
    let stage = Stage::importing(["1", "1"]);
    let record = backup(&stage.holding.claim);
    stage.world.says("claim", &format!("backup\t{NAME}\t{record}\nroom\t10\t5\nend\n"));
    assert_eq!(stage.export().await.unwrap(), Exit::Done);
    assert!(std::fs::read(stage.target().join(NAME).join("database.dump")).unwrap() == dump());
    std::fs::remove_dir_all(stage.target()).unwrap();
    std::fs::write(stage.holding.claim.join(NAME).join("database.dump"), "cut").unwrap();
    let failed = stage.export().await.unwrap_err();
    assert!(failed.to_string().contains("has 3 bytes, its record says 1200000"), "{failed:#}");
    assert!(names(&stage.target()).is_empty(), "{:?}", names(&stage.target()));
    stage.is_tidy();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_here_is_told_at_once_and_not_waited_for() {
    let mut stage = Stage::importing(["1", "1"]);
    let cluster = stage.world.with_commands(&stage.holding).await;
    let beside = Beside::of_manifest("om", "data", crate::backup::MANIFEST, None).unwrap();
    let holder = Holder::start(&cluster, &beside, "om-omupgrade-backup", 60).await.unwrap();
    let mut full = tokio::fs::OpenOptions::new().write(true).open("/dev/full").await.unwrap();
    let endless = holder.read(&["cat", "/dev/zero"], &mut full);
    let ended = tokio::time::timeout(Duration::from_secs(30), endless).await.unwrap();
    assert!(matches!(&ended, Err(Broken::Here(e)) if e.kind() == ErrorKind::StorageFull), "{ended:?}");
    let mut short = &b"short"[..];
    let ended = holder.write(&["head", "-c", "9"], &mut short, 9).await;
    assert!(matches!(&ended, Err(Broken::Here(e)) if e.kind() == ErrorKind::UnexpectedEof), "{ended:?}");
    holder.end(&cluster).await;
    // Nor is a way that broke: its pipes have no end.
    stage.holding.mute = true;
    let cluster = stage.world.with_commands(&stage.holding).await;
    let holder = Holder::start(&cluster, &beside, "om-omupgrade-backup", 60).await.unwrap();
    let mut out = Vec::new();
    let broken = holder.read(&["sh", "-c", "echo half; exit 1"], &mut out);
    let ended = tokio::time::timeout(Duration::from_secs(30), broken).await.unwrap();
    assert!(matches!(&ended, Err(Broken::There(words)) if words.contains("broke")), "{ended:?}");
    assert_eq!(out, b"half\n");
    holder.end(&cluster).await;
}
