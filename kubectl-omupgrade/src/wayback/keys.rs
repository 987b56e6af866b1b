//! Whether a revision runs with the keys that a backup was made under. Pure: fingerprints of keys go in, answers come
//! out; what is not known is never the same.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The key without which what is encrypted in the database cannot be read.
pub const FERNET: &str = "env/FERNET_KEY";

/// Where a key stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stands {
    /// In the manifest: every revision brings its own.
    Manifest,
    /// In a Secret that is not the chart's.
    Cluster {
        /// The Secret.
        secret: String,
        /// The key in it.
        key: String,
        /// Since when nobody changed it, as far as the API server remembers.
        since: Option<Timestamp>,
    },
}

/// The keys of a revision, as fingerprints under one salt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// By name: `env/FERNET_KEY`, `file/VOLUME/FILE`.
    pub hmac: BTreeMap<String, String>,
    /// Where each stands.
    pub stands: BTreeMap<String, Stands>,
    /// A Secret that may not be read and may hold any of them.
    pub any: Option<String>,
}

/// What is compared.
#[derive(Debug, Clone, Default)]
pub struct Sides {
    /// The fingerprints of the record; the post-renderer's hook makes none.
    pub record: BTreeMap<String, String>,
    /// The revision that will read the database.
    pub target: Known,
    /// The revision that served when the backup was made, where that is of this release's history.
    pub served: Option<(u64, Known)>,
    /// When the backup was made.
    pub made: Option<Timestamp>,
}

/// How a key of the revision stands to the backup's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "is", content = "because", rename_all = "kebab-case")]
pub enum Answer {
    /// The same, and why.
    Same(String),
    /// Another one, and why.
    Other(String),
    /// Nothing tells it, and why.
    Unknown(String),
}

/// All keys, compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// The Fernet key.
    pub fernet: Answer,
    /// Of the other keys (JWT), those that are not the same.
    pub others: BTreeMap<String, Answer>,
}

/// Compares them.
pub fn compare(sides: &Sides) -> Compared {
    let served = sides.served.as_ref().map(|(_, known)| &known.hmac);
    let names = if sides.record.is_empty() { served } else { Some(&sides.record) };
    let others = names.into_iter().flatten().map(|(name, _)| name).filter(|name| *name != FERNET);
    let others = others.map(|name| (name.clone(), one(sides, name)));
    Compared { fernet: one(sides, FERNET), others: others.filter(|(_, a)| !matches!(a, Answer::Same(_))).collect() }
}

fn one(sides: &Sides, name: &str) -> Answer {
    let Some(target) = sides.target.hmac.get(name) else {
        return match &sides.target.any {
            Some(secret) => Answer::Unknown(format!("the Secret {secret} of the revision may not be read")),
            None => Answer::Unknown("the revision names none".to_owned()),
        };
    };
    if let Some(recorded) = sides.record.get(name) {
        return judged(recorded == target, "the backup's record holds its fingerprint");
    }
    let Some((number, served)) = &sides.served else {
        return Answer::Unknown(
            "the record holds no fingerprint of it, and it is not known which revision served when it was made"
                .to_owned(),
        );
    };
    let because = format!("revision {number} served when it was made");
    let Some(then) = served.hmac.get(name) else {
        return Answer::Unknown(format!("the record holds no fingerprint of it; {because} and names none"));
    };
    match served.stands.get(name) {
        Some(Stands::Manifest) => judged(then == target, &format!("{because} and brings its own")),
        Some(Stands::Cluster { secret, since: Some(since), .. }) if sides.made.is_some_and(|made| *since < made) => {
            judged(then == target, &format!("{because}, and its Secret {secret} was not changed since {since:.0}"))
        }
        Some(Stands::Cluster { secret, .. }) => Answer::Unknown(format!(
            "the record holds no fingerprint of it; {because}, and its Secret {secret} may have been changed since"
        )),
        None => Answer::Unknown(format!("the record holds no fingerprint of it; {because}")),
    }
}

fn judged(same: bool, because: &str) -> Answer {
    if same { Answer::Same(because.to_owned()) } else { Answer::Other(because.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(key: &str, stands: Stands) -> Known {
        let name = FERNET.to_owned();
        Known { hmac: [(name.clone(), key.to_owned())].into(), stands: [(name, stands)].into(), any: None }
    }

    fn live(since: &str) -> Stands {
        Stands::Cluster { secret: "keys".into(), key: "k".into(), since: since.parse().ok() }
    }

    fn word(answer: &Answer) -> &'static str {
        match answer {
            Answer::Same(_) => "same",
            Answer::Other(_) => "other",
            Answer::Unknown(_) => "unknown",
        }
    }

    #[test]
    fn what_is_not_known_is_never_the_same() {
        let record: BTreeMap<String, String> = [(FERNET.to_owned(), "a".to_owned())].into();
        let made = "2026-11-22T10:00:00Z".parse().ok();
        let unread = Known { any: Some("x".into()), ..Known::default() };
        let (rendered, before, after) = (
            known("a", Stands::Manifest),
            known("a", live("2026-11-22T09:59:59Z")),
            known("a", live("2026-11-22T10:00:01Z")),
        );
        let with = |record: &BTreeMap<String, String>, target: &Known, served: Option<&Known>| Sides {
            record: record.clone(),
            target: target.clone(),
            served: served.map(|s| (1, s.clone())),
            made,
        };
        let none = BTreeMap::new();
        let other = known("b", Stands::Manifest);
        for (case, sides, expected) in [
            ("recorded", with(&record, &rendered, None), "same"),
            ("recorded, in a Secret", with(&record, &after, None), "same"),
            ("recorded, another", with(&record, &other, Some(&other)), "other"),
            ("recorded, unread", with(&record, &unread, None), "unknown"),
            ("recorded, none there", with(&record, &Known::default(), None), "unknown"),
            ("hook, nothing known", with(&none, &rendered, None), "unknown"),
            ("hook, rendered then and now", with(&none, &rendered, Some(&rendered)), "same"),
            ("hook, rendered then, another now", with(&none, &other, Some(&rendered)), "other"),
            ("hook, a Secret from before", with(&none, &before, Some(&before)), "same"),
            ("hook, a Secret from before, another now", with(&none, &other, Some(&before)), "other"),
            ("hook, a Secret changed since", with(&none, &after, Some(&after)), "unknown"),
            ("hook, times unknown", Sides { made: None, ..with(&none, &before, Some(&before)) }, "unknown"),
            ("hook, no key then", with(&none, &rendered, Some(&Known::default())), "unknown"),
        ] {
            assert_eq!(word(&compare(&sides).fernet), expected, "{case}: {:?}", compare(&sides));
        }
    }

    #[test]
    fn of_the_others_only_what_differs_is_told() {
        let keys = |jwt: &str| -> BTreeMap<String, String> {
            [(FERNET.to_owned(), "a".to_owned()), ("file/jwt/private.der".to_owned(), jwt.to_owned())].into()
        };
        let target = Known { hmac: keys("new"), ..known("a", Stands::Manifest) };
        let sides = |jwt| Sides { record: keys(jwt), target: target.clone(), ..Sides::default() };
        assert!(compare(&sides("new")).others.is_empty());
        assert_eq!(word(&compare(&sides("old")).others["file/jwt/private.der"]), "other");
    }
}
