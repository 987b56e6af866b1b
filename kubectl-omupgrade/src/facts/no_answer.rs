//! Why OpenMetadata's server gave no answer. A status that it gave instead is kept as a number beside the words. Looks that
//! were saved without it, and facts that are words alone, are read here and nowhere else.

/// How a reason says that the server itself answered, and not what it was asked for.
pub const ANSWERED: &str = "the server answered ";

/// The status of a server that was asked and failed. What it refuses (401, 403), and a way to it that is none (502, 503),
/// tell nothing of it.
pub const FAILED: u16 = 500;

/// The status of a server that knows nothing of what was asked for: of a search, that its index is gone.
pub const GONE: u16 = 404;

/// Why there is no answer, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct NoAnswer {
    /// The words.
    pub words: String,
    /// The status that it answered with instead; none where it did not answer, or not so that it can be read.
    pub status: Option<u16>,
}

impl NoAnswer {
    /// No answer, and no status.
    pub fn of(words: impl Into<String>) -> Self {
        Self { words: words.into(), status: None }
    }

    /// A status, and the server's own words, if there are any: `: words`.
    pub fn answered(status: u16, words: &str) -> Self {
        Self { words: format!("{ANSWERED}{status}{words}"), status: Some(status) }
    }

    /// The same, with what was being done.
    #[must_use]
    pub fn doing(self, what: &str) -> Self {
        Self { words: format!("{what}: {}", self.words), ..self }
    }
}

/// The status that a reason names.
pub fn status_in(reason: &str) -> Option<u16> {
    let (_, rest) = reason.split_once(ANSWERED)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok().filter(|status| (100..600).contains(status))
}

/// The server's own words in a reason that names a status; empty where it had none.
pub fn own_words(reason: &str) -> Option<&str> {
    let (_, rest) = reason.split_once(ANSWERED)?;
    status_in(reason).map(|_| rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches(": "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Fact;

    #[test]
    fn what_is_written_is_read() {
        let lost = NoAnswer::answered(FAILED, ": the database is lost").doing("logging in as a@b");
        assert_eq!(lost.to_string(), "logging in as a@b: the server answered 500: the database is lost");
        assert_eq!((lost.status, status_in(&lost.words)), (Some(500), Some(500)));
        assert_eq!(own_words(&lost.words), Some("the database is lost"));
        assert_eq!(own_words(&NoAnswer::answered(FAILED, "").words), Some(""));
        for reason in ["the server answered for admin and not for viewer", "the API server answered 500: no", "no"] {
            assert_eq!((status_in(reason), own_words(reason)), (None, None), "{reason}");
        }
    }

    /// A fact that was saved before there was a status says the same as one of now.
    #[test]
    fn an_older_fact_has_its_status_in_its_words() {
        let read = |more: &str| {
            let text = format!(
                r#"{{"unknown":{{"reason":"the server answered 503: away","source":"s","at":"2026-11-22T10:00:00Z"{more}}}}}"#
            );
            serde_json::from_str::<Fact<bool>>(&text).unwrap().status()
        };
        assert_eq!((read(""), read(r#","status":503"#)), (Some(503), Some(503)));
        let now = Fact::<bool>::unanswered(NoAnswer::answered(503, ": away"), "s", jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(serde_json::to_value(now).unwrap()["unknown"]["status"], 503);
    }
}
