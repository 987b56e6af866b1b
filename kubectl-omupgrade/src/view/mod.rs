//! How answers look: observers of one model. Pure: returns lines, prints nothing.

mod changes;
mod line;
mod text;
mod tree;

pub use changes::changes;
pub use line::{Line, Tone, plain, styled};
pub use text::{clip, wrap};
pub use tree::{Shape, lines};
