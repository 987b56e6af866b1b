//! `helm-postrender`: manifest stream in, safer manifest stream out. A pure function with a command line around it.

pub mod backup;
pub mod caller;
pub mod cli;
pub mod database;
pub mod defaults;
pub mod diff;
pub mod explain;
pub mod failure;
pub mod layout;
pub mod mask;
pub mod plugin_dir;
pub mod pods;
pub mod policy;
pub mod proof;
pub mod proposal;
pub mod readback;
pub mod receipt;
pub mod replicas;
pub mod report;
pub mod rules;
pub mod scene;
pub mod selector;
pub mod spelling;
pub mod transform;
pub mod wellformed;
