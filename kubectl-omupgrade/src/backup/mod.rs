//! Backups, as far as they can be thought about without a cluster: what goes into one beside the dump, what a list of
//! them says, how far a dump is, what a receipt holds. Pure.

pub mod answers;
mod contents;
mod drill;
mod listing;
mod progress;
mod prune;
mod receipt;
mod snapshot;

pub use contents::{Known, Packed, of, pack};
pub use drill::{Drilled, drilled};
pub use listing::{Entry, Listing, Mark, State, read};
pub use progress::{Progress, Said, bytes};
pub use prune::{Fate, Keep, open_restore, prune};
pub use receipt::{Receipt, is_past, receipt};
pub use snapshot::{Around, Commands, brought_back, snapshot_name, snapshot_record};
