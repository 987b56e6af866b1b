//! The manifest stream: split at document boundaries, read as Kubernetes reads it, edited surgically, proven.
//!
//! This is the only place in the workspace that writes YAML. The road of one document:
//!
//! ```text
//! text ─read▶ Value ─rules▶ Plan (RFC 6902 operations) ─edit▶ new text ─prove▶ accepted or refused
//! ```
//!
//! The reader ([`read`]) and the editor ([`edit`]) stand on two different parsers, so that a mistake of one is
//! not repeated by the other: the reader is a port of libyaml, the family that Helm's own decoder belongs to;
//! the editor addresses bytes with granit-parser.

mod dialect;
mod edit;
mod error;
mod libyaml;
mod locate;
mod overlay;
mod plan;
mod prove;
mod read;
mod render;
mod scalar;
mod splice;
mod stream;
mod tree;

pub use dialect::{Dialect, FILENAME_ANNOTATION, detect};
pub use edit::{Edited, Part, edit, edited};
pub use error::{EditError, Place, ReadError, StreamError};
pub use locate::locate;
pub use plan::{Plan, PlanError, escape};
pub use prove::{ProofError, prove};
pub use read::read;
pub use render::document;
pub use scalar::plain_scalar;
pub use stream::{Document, Stream};
