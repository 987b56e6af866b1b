//! Which values a fault takes: only those with which it can strike. It never orders anything.

use crate::versions::STAND_IN;

/// The longest that anything is made to wait.
const HOUR: f64 = 3600.0;

/// `1.13.0:middle`, of a folder that some release has.
pub fn moment(value: &str) -> bool {
    let known = |folder| STAND_IN.iter().any(|release| release.folders.contains(&folder));
    value
        .split_once(':')
        .is_some_and(|(folder, moment)| known(folder) && matches!(moment, "before" | "middle" | "after"))
}

/// `0.5`, up to an hour.
pub fn seconds(value: &str) -> bool {
    value.parse().is_ok_and(|seconds: f64| seconds > 0.0 && seconds <= HOUR)
}

/// `60`, up to ten minutes.
pub fn dump(value: &str) -> bool {
    value.parse().is_ok_and(|seconds: u64| (1..=600).contains(&seconds))
}

/// `yes`
pub fn yes(value: &str) -> bool {
    value == "yes"
}

/// How many pods.
pub fn number(value: &str) -> bool {
    value.parse::<u32>().is_ok_and(|number| number.to_string() == value)
}

/// One word that is no flag.
pub fn name(value: &str) -> bool {
    !value.is_empty() && !value.starts_with('-') && !value.contains(char::is_whitespace)
}

/// The name of an object: labels with dots between them.
pub fn object(value: &str) -> bool {
    value.len() <= 253 && value.split('.').all(label)
}

/// The name of a namespace.
pub fn label(value: &str) -> bool {
    let right = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    (1..=63).contains(&value.len()) && value.chars().all(right) && !value.starts_with('-') && !value.ends_with('-')
}
