//! Spans of time as people say them.

use jiff::Timestamp;

/// How long it is from `since` to `now`: `42s`, `5m`, `3h`, `2d`. A clock that is behind gives `0s`.
pub fn span(since: Timestamp, now: Timestamp) -> String {
    seconds(now.as_second() - since.as_second())
}

/// A number of seconds, as [`span`] says it.
pub fn seconds(seconds: i64) -> String {
    let seconds = seconds.max(0);
    match seconds {
        0..=119 => format!("{seconds}s"),
        120..=7199 => format!("{}m", seconds / 60),
        7200..=172_799 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}
