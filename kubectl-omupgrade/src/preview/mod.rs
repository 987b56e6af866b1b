//! What going from one revision's manifest to another's would change: objects, the database's settings, what would be
//! deleted for good, which pods would stop at the guard. Pure: manifests in, words and data out; contents of Secrets
//! never leave it.

mod changes;
mod losses;
mod mask;
mod objects;
mod server;
mod settings;

pub use changes::{Change, Field, Preview, fields, preview};
pub use losses::{Loss, losses};
pub use mask::{redacted, sensitive};
pub use objects::{Object, objects};
pub use server::{Server, elsewhere, engine, servers};
pub use settings::settings;
