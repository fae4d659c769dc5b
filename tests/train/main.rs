//! Training runs from end to end: resume, kill, parts of batches, trouble.

mod kill;
mod parts;
mod resume;
mod small;
mod trouble;
mod variants;
