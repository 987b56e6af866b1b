//! `kubectl omupgrade`: looks, decides, does, says.
//!
//! The house, from the door inwards: [`cli`] reads the command line and maps every end to an [`exit`] code;
//! [`commands`] hold one file a verb; [`adapters`] are the only rooms that talk to a cluster or start a process; what
//! they find becomes [`facts`], which are data. The rooms [`checks`], [`rollout`], [`verdict`], [`fingerprint`],
//! [`beside`], [`backup`], [`fernet`], [`redact`] and [`view`] are pure: synchronous, no clock, no adapter, facts in and answers out. `tests/house.rs` keeps
//! that true.

pub mod adapters;
pub mod backup;
pub mod beside;
pub mod checks;
pub mod cli;
pub mod commands;
pub mod diagnose;
pub mod exit;
pub mod facts;
pub mod failure;
pub mod fernet;
pub mod fingerprint;
pub mod journal;
pub mod preview;
pub mod redact;
pub mod rollout;
pub mod session;
pub mod verdict;
pub mod view;
pub mod wayback;
