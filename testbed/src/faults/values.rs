//! Which values the stand-ins understand. It never orders anything.

use std::time::Duration;

/// `1.13.0:middle`
pub fn moment(value: &str) -> bool {
    let version = |text: &str| text.split('.').count() == 3 && text.split('.').all(|part| part.parse::<u32>().is_ok());
    value
        .split_once(':')
        .is_some_and(|(folder, moment)| version(folder) && matches!(moment, "before" | "middle" | "after"))
}

/// `0.5`
pub fn seconds(value: &str) -> bool {
    value.parse().is_ok_and(|seconds| Duration::try_from_secs_f64(seconds).is_ok())
}

/// `yes`
pub fn yes(value: &str) -> bool {
    value == "yes"
}

/// One word.
pub fn name(value: &str) -> bool {
    !value.is_empty() && !value.contains(char::is_whitespace)
}
