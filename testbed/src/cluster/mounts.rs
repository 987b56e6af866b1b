//! Finds and removes the mounts below the cluster's folder. It never touches another mount.

use std::fs;

use anyhow::Result;

use crate::call::Call;
use crate::failure::Failure;
use crate::paths::STATE;

/// Unmounts everything below the cluster's folder, the innermost first.
pub fn remove() -> Result<()> {
    // Lazily: a mount whose holder was killed an instant ago may still look busy. Several rounds, for mounts on mounts.
    for _ in 0..5 {
        let found = below(&fs::read_to_string("/proc/self/mountinfo")?, STATE);
        if found.is_empty() {
            return Ok(());
        }
        for point in found {
            Call::new("umount", "removing the cluster's mounts").args(["-l", &point]).succeeds();
        }
    }
    Err(Failure::new(format!("mounts below {STATE} stay"), format!("findmnt -R | grep {STATE}")).into())
}

/// The mount points below a folder, the last mounted first.
pub fn below(mountinfo: &str, folder: &str) -> Vec<String> {
    let inside = format!("{folder}/");
    let mut points: Vec<String> = mountinfo
        .lines()
        .filter_map(|line| line.split_whitespace().nth(4))
        .map(unescape)
        .filter(|point| point.starts_with(&inside))
        .collect();
    points.reverse();
    points
}

/// The kernel writes a space as `\040`.
fn unescape(point: &str) -> String {
    point.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn only_what_is_below_and_the_last_first() {
        let table = "1 0 8:1 / / rw - ext4 x rw\n\
                     2 1 0:5 / /var/lib/omupgrade-testbed/a rw - tmpfs x rw\n\
                     3 1 0:5 / /var/lib/omupgrade-testbed-other rw - tmpfs x rw\n\
                     4 2 0:6 / /var/lib/omupgrade-testbed/a/with\\040space rw - tmpfs x rw\n";
        assert_eq!(
            below(table, "/var/lib/omupgrade-testbed"),
            ["/var/lib/omupgrade-testbed/a/with space", "/var/lib/omupgrade-testbed/a"]
        );
    }
}
