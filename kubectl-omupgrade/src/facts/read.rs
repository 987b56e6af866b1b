//! From the API's objects to facts. Pure; leaves out what can hold secrets; reads missing fields as Kubernetes does.

mod job;
mod meta;
mod pod;
mod policy;
mod workload;

pub use job::job;
pub use meta::{meta, selector};
pub use pod::{migrating_main, pod};
pub use policy::{autoscaler, budget, claim, event, node, quota};
pub use workload::{daemon_set, deployment, replica_set, stateful_set};
