//! Helm's release storage: finds, lists and decodes revisions in Secrets and in `ConfigMaps`, of Helm 3 and Helm 4.
//! Writes nothing.

mod decode;
mod find;
mod list;

pub use decode::decode;
pub use find::{Found, LIST, candidates, find};
pub use list::{Stored, defaults, history, latest, one, stored};
