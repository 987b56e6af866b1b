//! The journal: what omupgrade is about to do to a release, does, and did. Pure: the model and what is read off it; the
//! adapter `journal` stores it. It holds references and digests, never content of a Secret.

mod past;
mod run;

pub use past::{Open, RESTORED, last_recorded, last_validated, open_run, open_way_back, recorded, search_due};
pub use run::{Entry, Outcome, Phase, Recorded, Run};
