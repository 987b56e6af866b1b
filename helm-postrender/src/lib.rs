//! `helm-postrender`: manifest stream in, safer manifest stream out. A pure function with a command line around it.

pub mod policy;
pub mod proposal;
pub mod rules;
pub mod scene;
pub mod transform;
