//! The cluster's folder as a file system in one sparse file: tens of thousands of files go in one deletion. It never holds anything that outlives the cluster.

use std::fs;

use anyhow::{Context as _, Result};

use crate::call::Call;
use crate::paths::STATE;
use crate::say;

/// As much as the cluster may write; the file is sparse and takes what is written.
const SIZE: &str = "40G";

fn file() -> String {
    format!("{STATE}.img")
}

/// Makes the folder, on a file of its own where the machine has loop devices, plain where not.
pub fn make() -> Result<()> {
    fs::create_dir_all(STATE).with_context(|| format!("cannot make the folder {STATE}"))?;
    let file = file();
    let doing = "making the cluster's disk";
    let made = Call::new("truncate", doing).args(["-s", SIZE, &file]).succeeds()
        // No journal: after a crash of the machine the cluster is gone anyway.
        && Call::new("mkfs.ext4", doing).args(["-q", "-F", "-O", "^has_journal", "-m", "0", &file]).succeeds()
        && Call::new("mount", doing).args(["-o", "loop,noatime", &file, STATE]).succeeds();
    if !made {
        say::step("no loop device here: the cluster lives in a plain folder, and `down` takes longer");
        let _ = fs::remove_file(&file);
    }
    Ok(())
}

/// Whether anything of it is there.
pub fn exists() -> bool {
    fs::exists(STATE).unwrap_or(false) || fs::exists(file()).unwrap_or(false)
}

/// Removes folder and file; everything below must be unmounted already.
pub fn remove() -> Result<()> {
    // More than once, if a run was killed between mounting and starting. The call fails when nothing is mounted.
    while Call::new("umount", "removing the cluster's disk").args(["-l", STATE]).succeeds() {}
    for gone in [fs::remove_dir_all(STATE), fs::remove_file(file())] {
        match gone {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {STATE}"));
            }
            _ => {}
        }
    }
    Ok(())
}
