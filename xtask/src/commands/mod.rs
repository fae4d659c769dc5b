//! The commands, one file each: arguments, settings, execution.

pub mod ci;
pub mod docs;
pub mod tidy;
