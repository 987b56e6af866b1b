//! The vocabulary that omupgrade's tools have in common. Pure: no network, no processes, no files, no clock.
//!
//! A thing lives here only if two of the tools use it and would be wrong together if it differed.

pub mod backup;
pub mod component;
pub mod endpoints;
pub mod manifest;
pub mod marks;
pub mod versions;
