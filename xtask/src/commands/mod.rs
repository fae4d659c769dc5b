//! The commands, one file each: arguments, settings, execution.

pub mod bench;
pub mod check_cuda;
pub mod ci;
pub mod data;
pub mod docs;
pub mod edit;
pub mod encode;
pub mod eval;
pub mod eval_fid;
pub mod eval_ppl;
pub mod eval_separability;
pub mod export;
pub mod generate;
pub mod gpu_check;
pub mod import;
pub mod inspect;
pub mod interpolate;
pub mod mix;
pub mod prepare;
pub mod project;
pub mod tidy;
pub mod train;
pub mod train_classifiers;
pub mod train_psp;
pub mod truncate;
pub mod weights;
