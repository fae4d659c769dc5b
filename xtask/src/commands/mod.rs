//! The commands, one file each: arguments, settings, execution.

pub mod bench;
pub mod ci;
pub mod data;
pub mod docs;
pub mod edit;
pub mod export;
pub mod generate;
pub mod import;
pub mod inspect;
pub mod interpolate;
pub mod mix;
pub mod prepare;
pub mod project;
pub mod tidy;
pub mod train;
pub mod truncate;
