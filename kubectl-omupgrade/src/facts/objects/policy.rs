//! What limits pods: budgets, autoscalers, claims, quotas, nodes. And events, which say what went wrong.

use super::{Condition, Meta, Selector};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A disruption budget.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Budget {
    /// Its metadata.
    pub meta: Meta,
    /// Which pods it counts.
    pub selector: Selector,
    /// `minAvailable` as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_available: Option<String>,
    /// `maxUnavailable` as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<String>,
    /// How many pods may go now.
    pub allowed: i32,
    /// How many it counts as healthy.
    pub healthy: i32,
    /// How many it wants healthy.
    pub wanted: i32,
    /// How many it expects.
    pub expected: i32,
    /// The generation that its status speaks of.
    pub observed_generation: i64,
}

/// An autoscaler.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Autoscaler {
    /// Its metadata.
    pub meta: Meta,
    /// The kind and name of what it scales.
    pub target: (String, String),
    /// Fewest pods.
    pub min: i32,
    /// Most pods.
    pub max: i32,
    /// How many it wants.
    pub wanted: i32,
    /// Its conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// A volume claim.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Claim {
    /// Its metadata.
    pub meta: Meta,
    /// `Bound`, `Pending`, `Lost`.
    pub phase: String,
    /// Its storage class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
}

/// A quota.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Quota {
    /// Its metadata.
    pub meta: Meta,
    /// What may be used.
    pub hard: BTreeMap<String, String>,
    /// What is used.
    pub used: BTreeMap<String, String>,
    /// Of which pods it counts: those that all of these let in; every pod where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Scope>,
}

/// A scope of a quota.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Scope {
    /// `Terminating`, `PriorityClass` and so on.
    pub name: String,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`.
    pub operator: String,
    /// What the operator speaks of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// A node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Whether it is ready; none where the cluster does not know.
    pub ready: Option<bool>,
    /// Whether it is cordoned.
    pub cordoned: bool,
    /// What it has for pods.
    pub allocatable: BTreeMap<String, String>,
}

/// Something that a component reported about an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// Its own name.
    pub name: String,
    /// The kind of the object that it is about.
    pub about_kind: String,
    /// The name of that object.
    pub about: String,
    /// The identity of that object.
    pub about_uid: String,
    /// The part of the object: `spec.containers{server}`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// Whether it is a warning.
    pub warning: bool,
    /// One word.
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// How often it was seen.
    pub count: i32,
    /// When it was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
}
