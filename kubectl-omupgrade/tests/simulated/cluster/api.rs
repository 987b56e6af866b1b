//! What an API server, or the way to it, makes of one request.

use super::Answer;
use serde_json::json;

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiFault {
    /// It is not done, and this code is the answer.
    Says(u16),
    /// It is not done, and no answer comes.
    Silent,
    /// It is done, and no answer comes.
    SilentAfterwards,
    /// It is not done, and the connection breaks.
    Cut,
    /// It is done, and the connection breaks.
    CutAfterwards,
}

impl ApiFault {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Says(403),
        Self::Says(404),
        Self::Says(409),
        Self::Says(429),
        Self::Says(500),
        Self::Silent,
        Self::SilentAfterwards,
        Self::Cut,
        Self::CutAfterwards,
    ];

    /// The answer of one that is not done.
    pub(super) fn instead(self) -> Option<Answer> {
        match self {
            Self::Says(code) => {
                let reason = match code {
                    403 => "Forbidden",
                    404 => "NotFound",
                    409 => "Conflict",
                    429 => "TooManyRequests",
                    _ => "InternalError",
                };
                let words = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": "a fault"});
                Some(Answer::Says(code, words))
            }
            Self::Silent => Some(Answer::Silence),
            Self::Cut => Some(Answer::Cut),
            Self::SilentAfterwards | Self::CutAfterwards => None,
        }
    }

    /// The answer of one that was done.
    pub(super) fn afterwards(self) -> Answer {
        if self == Self::CutAfterwards { Answer::Cut } else { Answer::Silence }
    }
}
