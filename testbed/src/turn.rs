//! Who works on something that only one may work on at a time: the cluster, the images, the tools. It never leaves a lock behind: a folder that is there anyway is locked, and only as long as the process lives.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::say;

/// Waits for the turn, saying what for; it is held until it is dropped, or the process ends however it ends.
pub fn take(folder: &Path, other: &str) -> Result<File> {
    let taking = || format!("cannot lock {}", folder.display());
    fs::create_dir_all(folder).with_context(taking)?;
    let turn = File::open(folder).with_context(taking)?;
    match turn.try_lock() {
        Ok(()) => return Ok(turn),
        Err(TryLockError::WouldBlock) => say::step(&format!("{other}: waiting for it")),
        Err(TryLockError::Error(error)) => return Err(error).with_context(taking),
    }
    turn.lock().with_context(taking)?;
    Ok(turn)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::take;

    #[test]
    fn the_second_one_waits_until_the_first_is_done_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let done = AtomicBool::new(false);
        let first = take(folder.path(), "the first works").unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                let _turn = take(folder.path(), "the first works").unwrap();
                done.load(Ordering::SeqCst)
            });
            std::thread::sleep(Duration::from_millis(100));
            done.store(true, Ordering::SeqCst);
            drop(first);
            assert!(second.join().unwrap());
        });
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
