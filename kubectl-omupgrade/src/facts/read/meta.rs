//! Metadata, conditions, selectors.

use crate::facts::{Condition, Meta, Owner, Selector};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, Time};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;

/// The annotations that are kept: of others nobody knows what they hold (`last-applied-configuration` holds it all).
const KEPT: &[&str] =
    &["meta.helm.sh/", "helm.sh/", "deployment.kubernetes.io/", "omupgrade.io/", "skip.omupgrade.io/"];

/// An object's metadata.
pub fn meta(from: &ObjectMeta) -> Meta {
    let owner = from.owner_references.iter().flatten().find(|o| o.controller == Some(true));
    let annotations = from.annotations.iter().flatten();
    Meta {
        name: from.name.clone().unwrap_or_default(),
        uid: from.uid.clone().unwrap_or_default(),
        generation: from.generation.unwrap_or_default(),
        created: time(from.creation_timestamp.as_ref()),
        deleted: time(from.deletion_timestamp.as_ref()),
        owner: owner.map(|o| Owner { kind: o.kind.clone(), name: o.name.clone(), uid: o.uid.clone() }),
        labels: from.labels.clone().unwrap_or_default(),
        annotations: annotations
            .filter(|(key, _)| KEPT.iter().any(|kept| key.starts_with(kept)))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    }
}

/// A time.
pub fn time(from: Option<&Time>) -> Option<Timestamp> {
    from.map(|t| t.0)
}

/// A condition out of its parts. Some kinds declare type and status as optional, others do not.
pub fn condition<'a>(
    kind: impl Into<Option<&'a String>>,
    status: impl Into<Option<&'a String>>,
    reason: Option<&String>,
    message: Option<&String>,
    since: Option<&Time>,
) -> Condition {
    Condition {
        kind: kind.into().cloned().unwrap_or_default(),
        holds: match status.into().map(String::as_str) {
            Some("True") => Some(true),
            Some("False") => Some(false),
            _ => None,
        },
        reason: reason.cloned().unwrap_or_default(),
        message: message.cloned().unwrap_or_default(),
        since: time(since),
    }
}

/// The conditions of a status: kinds differ in type, not in fields.
macro_rules! conditions {
    ($from:expr) => {
        $from
            .iter()
            .flatten()
            .map(|c| {
                let since = c.last_transition_time.as_ref();
                super::meta::condition(&c.type_, &c.status, c.reason.as_ref(), c.message.as_ref(), since)
            })
            .collect()
    };
}
pub(super) use conditions;

/// A label selector.
pub fn selector(from: &LabelSelector) -> Selector {
    let expressions = from.match_expressions.iter().flatten();
    Selector {
        labels: from.match_labels.clone().unwrap_or_default(),
        expressions: expressions
            .map(|e| (e.key.clone(), e.operator.clone(), e.values.clone().unwrap_or_default()))
            .collect(),
    }
}

/// A number or percentage as written.
pub fn int_or_string(from: &IntOrString) -> String {
    match from {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(text) => text.clone(),
    }
}

/// Quantities by name.
pub fn quantities<Q>(from: Option<&BTreeMap<String, Q>>, text: impl Fn(&Q) -> String) -> BTreeMap<String, String> {
    from.into_iter().flatten().map(|(name, quantity)| (name.clone(), text(quantity))).collect()
}
