//! The command line as a user meets it: what bad input gets, exit codes, files that are left.

mod arguments;
mod drawing;
mod folders;
mod harness;
mod training;
