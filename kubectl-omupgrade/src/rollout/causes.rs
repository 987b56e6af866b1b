//! Why something stands still, one cause a file. Each says when waiting does not mend it, and is silent otherwise.

pub mod at_zero;
pub mod budget;
pub mod crash;
pub mod deadline;
pub mod foreign;
pub mod guard;
pub mod image;
pub mod init;
pub mod probe;
pub mod quota;
pub mod scheduling;
pub mod volume;
