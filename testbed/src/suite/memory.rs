//! How much of the machine's memory is in use while something is done, at most. It never says whose it is.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const PAUSE: Duration = Duration::from_secs(2);

/// Looks until `done`; the most that was in use, in MiB.
pub fn peak(done: &AtomicBool) -> u64 {
    let mut most = 0;
    while !done.load(Ordering::Relaxed) {
        most = most.max(used(&fs::read_to_string("/proc/meminfo").unwrap_or_default()).unwrap_or_default());
        std::thread::sleep(PAUSE);
    }
    most
}

/// What is in use and could not be given to anybody else.
fn used(meminfo: &str) -> Option<u64> {
    let field = |name: &str| -> Option<u64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Some(field("MemTotal:")?.checked_sub(field("MemAvailable:")?)? / 1024)
}

#[cfg(test)]
mod tests {
    use super::used;

    #[test]
    fn what_could_be_had_is_not_in_use() {
        assert_eq!(used("MemTotal:  4096 kB\nMemFree:  10 kB\nMemAvailable:  1024 kB\n"), Some(3));
        assert_eq!(used(""), None);
    }
}
