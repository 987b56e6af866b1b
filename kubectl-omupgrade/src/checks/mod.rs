//! The frame of `precheck` and `validate`: a check is a row, a fact that should be true with a function that looks
//! whether it is. Facts in, answers out; no check asks a cluster, knows another check, or prints.
//!
//! A list of rows, facts of any one type, and [`run`] make [`Finding`]s; [`Waivers`] take known ones out of the count;
//! a [`Report`] holds them for every view. [`faults`] is how a list of rows tests itself.

mod answer;
pub mod precheck;
mod registry;
mod report;
mod row;
mod seen;
pub mod validate;
mod waiver;
pub mod why;

pub use answer::{Answer, Outcome, fail, pass, skip, unknown, warn};
pub use registry::{commands, faults};
pub use report::{Counts, Decision, Finding, Report, SCHEMA, Step, Strictness, Waived};
pub use row::{Check, Names, REINDEX, Row, quoted, run};
pub use seen::Seen;
pub use waiver::{Waiver, Waivers};
pub use why::Why;
