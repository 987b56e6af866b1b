//! How answers look: observers of one model. Pure: returns lines, prints nothing.

mod changes;
mod checks;
mod diagnosis;
mod junit;
mod line;
mod markdown;
mod text;
mod tree;

pub use changes::changes;
pub use checks::{checks, checks_on, height};
pub use diagnosis::diagnosis;
pub use junit::junit;
pub use line::{Line, Tone, plain, styled};
pub use markdown::markdown;
pub use text::{clip, hanging, one_line, wrap};
pub use tree::{Shape, lines};
