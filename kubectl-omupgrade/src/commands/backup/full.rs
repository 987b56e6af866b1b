//! What is said where a disk is full: the claim's on the way in, the one here on the way out. How much was needed, how much
//! is free, what to do.

use crate::adapters::exec::Broken;
use crate::backup::bytes;
use crate::failure::Failure;
use std::io::ErrorKind;
use std::path::Path;

/// The free bytes that `df -Pk` tells of one place.
pub(super) fn free(df: &str) -> Option<u64> {
    df.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Whether a command in a Pod, or the disk here, ended for this.
pub(super) fn is_it(broken: &Broken) -> bool {
    match broken {
        Broken::Here(e) => here(e),
        Broken::There(words) => {
            let words = words.to_lowercase();
            words.contains("no space left") || words.contains("quota exceeded")
        }
    }
}

/// Whether the disk here is full, or what this user may have of it.
pub(super) fn here(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// The claim is full, or would be. `on` is the release with its namespace, as commands take them.
pub(super) fn claim(name: &str, claim: &str, need: u64, free: Option<u64>, on: &str, namespace: &str) -> Failure {
    let free = free.map_or_else(|| "how much is free is not known".to_owned(), |b| format!("{} is free", bytes(b)));
    Failure::refused(format!(
        "the claim {claim} has no room for {name}: it needs {}, {free}; nothing of it stands there",
        bytes(need)
    ))
    .hint(format!("kubectl omupgrade backup prune {on} --claim {claim} --dry-run    # what could go"))
    .hint(format!(
        "kubectl edit persistentvolumeclaim {claim} -n {namespace}    # more storage, where its class allows it"
    ))
    .hint(format!(
        "kubectl omupgrade backup init {on} --claim OTHER --size SIZE    # then the same command with --claim OTHER"
    ))
}

/// The disk of a folder here is full.
pub(super) fn folder(name: &str, into: &Path, need: u64, written: u64, on: &str) -> Failure {
    Failure::unknown(format!(
        "copying {name} out: the disk of {} is full: it needs {}, {} of it could be written; nothing of it was left there",
        into.display(),
        bytes(need),
        bytes(written)
    ))
    .hint(format!("kubectl omupgrade backup export {on} {name} --into FOLDER    # one whose disk has {} free", bytes(need)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn df_of_every_client_image_is_read_and_nothing_else() {
        let gnu = "Filesystem     1024-blocks      Used Available Capacity Mounted on\n/dev/sdb1        102400 102380        20      100% /backup\n";
        let busybox = "Filesystem           1024-blocks    Used Available Capacity Mounted on\nnfs:/a                  100      100         0 100% /backup\n";
        assert_eq!((free(gnu), free(busybox)), (Some(20 * 1024), Some(0)));
        for other in ["", "df: not found\n", "Filesystem\n/dev/sdb1 - - - -\n", "a\nb c d 18446744073709551615\n"] {
            assert_eq!(free(other), None, "{other}");
        }
    }

    #[test]
    fn a_full_disk_is_told_by_whoever_says_it() {
        let there = |words: &str| is_it(&Broken::There(words.to_owned()));
        assert!(there("head: error writing 'standard output': No space left on device"));
        assert!(there("sh: write error: Disk quota exceeded"));
        assert!(!there("the connection broke") && !there("Permission denied"));
        assert!(is_it(&Broken::Here(ErrorKind::StorageFull.into())));
        assert!(!is_it(&Broken::Here(ErrorKind::BrokenPipe.into())));
    }
}
