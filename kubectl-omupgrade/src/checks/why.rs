//! Why something was not seen, told from the words of whoever refused it; and what lets it be seen. The words are those of
//! our own adapters and of Kubernetes' admission and kubelet.

use crate::facts::no_answer::{ANSWERED, FAILED, status_in};

/// How a reason begins where the tables know nothing of the target.
pub const ENDS: &str = "the tables end at";

/// How a reason begins where the tables have a hole at the target.
pub const HOLD_NO: &str = "the tables hold no";

/// The kinds of reasons that have a next step of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// OpenMetadata's server answered, and not what was asked for: its words are its own, whatever they look like.
    Server,
    /// `--no-probe` was given.
    NoProbe,
    /// `--offline` was given.
    Offline,
    /// The Pod for the search engine needs another image.
    SearchImage,
    /// A quota has no room for the Pod, or wants words that it does not have.
    Quota,
    /// A `LimitRange` does not take the Pod's size.
    LimitRange,
    /// Pod Security or an admission webhook does not take the Pod.
    Admission,
    /// The user may not.
    Forbidden,
    /// The credentials are not accepted.
    Credentials,
    /// The node cannot get the Pod's image.
    Image,
    /// No node takes the Pod.
    NoNode,
    /// The Pod did not start or end in time.
    TooLate,
    /// The API server did not answer in time.
    Slow,
    /// The way to the API server.
    Unreachable,
    /// A facts file that does not hold it.
    NotRecorded,
    /// The tables end before the target.
    Tables,
    /// The Pod asked the search engine and got no answer.
    SearchUnanswered,
    /// The Pod asked the database, or the target's image, and got no answer.
    Unanswered,
}

/// What a reason of a kind holds, one of them; the first row that fits counts. The API server says `forbidden` of all that
/// admission refuses, so that comes before rights; and what the server said may hold any word, so that comes first.
const WORDS: &[(Why, &[&str])] = &[
    (Why::Server, &[ANSWERED, "logging in as"]),
    (Why::NoProbe, &["--no-probe"]),
    (Why::Offline, &["--offline"]),
    (Why::SearchImage, &["--search-image"]),
    (Why::Quota, &["exceeded quota", "failed quota"]),
    (Why::LimitRange, &[" usage per ", "limit to request ratio per "]),
    (
        Why::Admission,
        &[
            "violates PodSecurity",
            "admission webhook",
            "ValidatingAdmissionPolicy",
            "error looking up service account",
            "is being terminated",
            "no PriorityClass",
        ],
    ),
    (Why::Forbidden, &["forbidden: ", "may not be read"]),
    (Why::Credentials, &["does not accept these credentials", "the credentials cannot be used"]),
    (Why::Image, &["--probe-image", "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"]),
    (Why::NoNode, &["gets no node"]),
    (Why::TooLate, &["did not start within", "did not end within"]),
    (Why::Slow, &["(--request-timeout)", "the API server is overloaded"]),
    (Why::Unreachable, &["the API server cannot be reached"]),
    (Why::NotRecorded, &["not looked at"]),
    (Why::Tables, &[ENDS, HOLD_NO]),
    (
        Why::SearchUnanswered,
        &["the search failed", "the search Pod", "search does not answer", "the search engine answers"],
    ),
    (Why::Unanswered, &["the probe failed", "the probe Pod", "the folders failed", "the folders Pod"]),
];

impl Why {
    /// The kind of a reason; none for one that only the check itself has a next step for.
    pub fn of(reason: &str) -> Option<Self> {
        WORDS.iter().find(|(_, words)| words.iter().any(|w| reason.contains(w))).map(|(why, _)| *why)
    }

    /// The command that helps, with the names of [`super::Names`]; none where the check's own helps best.
    pub fn next(self) -> Option<&'static str> {
        Some(match self {
            Self::Server => return None,
            Self::NoProbe => "{again} # without --no-probe: lets them be asked",
            Self::Offline => "{again} # without --offline",
            Self::SearchImage => "{again} --search-image IMAGE # one with curl",
            Self::Quota => {
                "kubectl describe resourcequota -n {namespace} # raise it by one small Pod, or leave the Pods out: --no-probe"
            }
            Self::LimitRange => {
                "kubectl describe limitrange -n {namespace} # make it take the Pod, or leave the Pods out: --no-probe"
            }
            Self::Admission => {
                "kubectl get namespace {namespace} -o yaml # what refuses the Pod stands in the reason: mend it, or leave the Pods out: --no-probe"
            }
            Self::Forbidden => "kubectl omupgrade rbac {verb} -n {namespace} # prints the rights that it needs",
            Self::Credentials => "kubectl auth whoami # who does the API server take you for?",
            Self::Image => "{again} --probe-image IMAGE # one that the nodes can pull",
            Self::NoNode => "kubectl get nodes # make room for one small Pod, or leave the Pods out: --no-probe",
            Self::TooLate => "kubectl events -n {namespace} # what held it up? then once more, or with --no-probe",
            Self::Slow => "{again} --request-timeout 60s # the API server is slow",
            Self::Unreachable => "kubectl version # does the API server answer from here?",
            Self::NotRecorded => "{again} # looks anew: the file of facts does not hold it",
            Self::Tables => "{again} --tables DIR # a folder with newer tables in place of the built-in ones",
            Self::SearchUnanswered => {
                "kubectl omupgrade diagnose {release} -n {namespace} # asks the search engine, and says what its answer means"
            }
            Self::Unanswered => {
                "kubectl omupgrade diagnose {release} -n {namespace} # asks once more, and says what the answer means"
            }
        })
    }
}

/// Whether a reason says that the server was not asked for want of a token, or did not take the one that there is.
pub fn wants_token(reason: &str) -> bool {
    let names = ["token", "login", "logging in"].iter().any(|word| reason.contains(word));
    names && status_in(reason).is_none_or(|status| status < FAILED)
}

/// The command that gives it one.
pub const WITH_TOKEN: &str = "{again} --token-secret NAME # a bot's token";

#[cfg(test)]
mod tests {
    use super::*;

    /// What Kubernetes and our adapters really say.
    #[test]
    fn a_reason_has_its_kind() {
        let refused =
            "starting the probe Pod om-omupgrade-probe-1: forbidden: pods \"om-omupgrade-probe-1\" is forbidden: ";
        for (reason, kind) in [
            ("not asked (--no-probe)", Some(Why::NoProbe)),
            ("not asked (--offline)", Some(Why::Offline)),
            (
                &format!("{refused}exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"),
                Some(Why::Quota),
            ),
            (&format!("{refused}failed quota: q: must specify limits.memory for: probe"), Some(Why::Quota)),
            (
                &format!("{refused}minimum memory usage per Container is 1Gi, but request is 64Mi"),
                Some(Why::LimitRange),
            ),
            (&format!("{refused}[maximum cpu usage per Pod is 10m, but limit is 1]"), Some(Why::LimitRange)),
            (&format!("{refused}violates PodSecurity \"restricted:latest\": seccompProfile"), Some(Why::Admission)),
            (
                "starting the probe Pod x: forbidden: admission webhook \"p\" denied the request: no",
                Some(Why::Admission),
            ),
            (&format!("{refused}error looking up service account data/om: not found"), Some(Why::Admission)),
            (
                &format!("{refused}unable to create new content in namespace data because it is being terminated"),
                Some(Why::Admission),
            ),
            (&format!("{refused}no PriorityClass with name high was found"), Some(Why::Admission)),
            ("the Secret s may not be read", Some(Why::Forbidden)),
            ("the credentials cannot be used: no such file", Some(Why::Credentials)),
            ("forbidden: pods is forbidden: User \"u\" cannot list resource \"pods\"", Some(Why::Forbidden)),
            ("the API server does not accept these credentials (401)", Some(Why::Credentials)),
            ("the probe Pod cannot start: ImagePullBackOff: postgres:18", Some(Why::Image)),
            ("the probe Pod gets no node: none of 2 nodes takes it: not enough cpu", Some(Why::NoNode)),
            ("the probe Pod did not end within 300 s: Pending", Some(Why::TooLate)),
            ("the search Pod did not start within 60 s: Pending", Some(Why::TooLate)),
            ("no answer within 20 s (--request-timeout)", Some(Why::Slow)),
            ("the API server is overloaded (429)", Some(Why::Slow)),
            // The server hangs: the API server does not.
            ("no answer within 20 s", None),
            ("the server answered 403: HTTP 403 Forbidden", Some(Why::Server)),
            ("logging in as a@b: the server answered 401: no such credentials", Some(Why::Server)),
            ("the API server answered 500: forbidden or not", None),
            ("the API server cannot be reached: connection refused", Some(Why::Unreachable)),
            ("not looked at", Some(Why::NotRecorded)),
            ("the tables end at 2.0.7 and do not hold 3.0.0", Some(Why::Tables)),
            ("the probe failed: could not translate host name", Some(Why::Unanswered)),
            ("the folders failed: ls: not found", Some(Why::Unanswered)),
            ("the search failed: curl: (7)", Some(Why::SearchUnanswered)),
            ("the search engine answers 503 to the question who it is", Some(Why::SearchUnanswered)),
            ("the search Pod gets no node: none of 2 nodes takes it", Some(Why::NoNode)),
            ("the manifest is not here", None),
        ] {
            assert_eq!(Why::of(reason), kind, "{reason}");
        }
    }
}
