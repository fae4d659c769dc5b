//! The command line as a user meets it: what bad input gets, exit codes, files that are left.

#![allow(clippy::unwrap_used, reason = "the helpers of tests panic as tests do")]

mod arguments;
mod data;
mod devices;
mod drawing;
mod editing;
mod encoding;
mod evaluating;
mod folders;
mod harness;
mod importing;
mod launching;
mod learning;
mod measuring;
#[cfg(unix)]
mod system;
mod training;
