//! Kubernetes objects, reduced to what a judgement of a rollout needs. Data only. Environment variables, commands and
//! annotations of others are left out: they can hold secrets.

mod meta;
mod pod;
mod policy;
mod workload;

pub use meta::{Condition, Meta, Owner, Selector};
pub use pod::{Container, Pod, Probe, Role, STUCK, State, Terminated};
pub use policy::{Autoscaler, Budget, Claim, Event, Node, Quota, Scope};
pub use workload::{Component, Job, ReplicaSet, Workload, WorkloadKind};
