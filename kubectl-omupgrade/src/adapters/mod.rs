//! The only rooms that talk to a cluster or start a process. What they find becomes facts; they judge nothing.

pub mod age;
pub mod archive;
pub mod bot;
pub mod claim;
pub mod cluster;
pub mod evidence;
pub mod exec;
pub mod flux;
pub mod helm;
pub mod job;
pub mod journal;
pub mod keys;
pub mod live;
pub mod lock;
pub mod openmetadata;
pub mod pod;
pub mod precheck;
pub mod probe;
pub mod registry;
pub mod release;
pub mod restore;
pub mod search;
pub mod secrets;
pub mod snapshots;
pub mod tls;
pub mod validation;
