//! Training runs from end to end: resume, kill, parts of batches, augmentation, trouble.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod augment;
mod kill;
mod labels;
mod measuring;
mod parts;
mod precision;
mod psp;
mod ranks;
mod resume;
mod small;
mod stylegan2;
mod trouble;
mod variants;
