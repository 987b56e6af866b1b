//! How far a dump is, from the lines that the script writes now and then. Says a remaining time only as far as the
//! database's size can tell it: a dump holds no indexes and is often compressed, so it is "at most".

use std::time::Duration;

/// One line of the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What it does.
    pub stage: String,
    /// Bytes that stand on the claim.
    pub written: u64,
    /// The database's size.
    pub of: u64,
}

impl Said {
    /// Reads `omupgrade-progress: STAGE WRITTEN OF`.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("omupgrade-progress: ")?.split(' ');
        let said = Self {
            stage: words.next()?.to_owned(),
            written: words.next()?.parse().ok()?,
            of: words.next()?.parse().ok()?,
        };
        words.next().is_none().then_some(said)
    }
}

/// The newest line, and what went before.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    last: Option<Said>,
}

impl Progress {
    /// Takes a log, gives the words where something new stands in it. `since` is how long the dump runs.
    pub fn words(&mut self, log: &str, since: Duration) -> Option<String> {
        let said = log.lines().rev().find_map(Said::parse)?;
        if self.last.as_ref() == Some(&said) {
            return None;
        }
        let seconds = since.as_secs().max(1);
        let rate = said.written / seconds;
        let left = (said.of.saturating_sub(said.written)).checked_div(rate).filter(|_| said.written < said.of);
        let left = left
            .map(|s| format!(", at most {} left (the database has {}; a dump is smaller)", span(s), bytes(said.of)));
        let words = format!(
            "{}: {} in {}, {}/s{}",
            said.stage,
            bytes(said.written),
            span(seconds),
            bytes(rate),
            left.unwrap_or_default()
        );
        self.last = Some(said);
        Some(words)
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..=89 => format!("{seconds} s"),
        90..=5399 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A size for people.
///
/// ```
/// use kubectl_omupgrade::backup::bytes;
/// assert_eq!(bytes(999), "999 B");
/// assert_eq!(bytes(5 * 1024 * 1024 * 1024 + 1), "5.0 GiB");
/// ```
#[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn bytes(count: u64) -> String {
    let (mut value, mut unit) = (count as f64, "B");
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    if unit == "B" { format!("{count} B") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remaining_time_is_a_bound_and_only_where_one_is_known() {
        let mut progress = Progress::default();
        let mib = 1024 * 1024;
        let log = format!("x\nomupgrade-progress: dumping {} {}\n", 10 * mib, 100 * mib);
        let words = progress.words(&log, Duration::from_secs(10)).unwrap();
        assert!(words.starts_with("dumping: 10.0 MiB in 10 s, 1.0 MiB/s, at most 2 min left"), "{words}");
        assert_eq!(progress.words(&log, Duration::from_secs(12)), None, "nothing new");
        let done = progress.words("omupgrade-progress: dumping 9 5", Duration::from_secs(3)).unwrap();
        assert!(!done.contains("left"), "{done}");
        assert!(progress.words("omupgrade-progress: dumping 0 5", Duration::ZERO).is_some_and(|w| !w.contains("left")));
        assert_eq!(progress.words("omupgrade-progress: dumping x 5", Duration::ZERO), None);
    }
}
