//! Looking at collections: what is in them, what is there twice, how two of them differ.

mod compare;
mod duplicates;
mod stats;

pub use compare::{Difference, compare};
pub use duplicates::{Look, Pair, near_duplicates};
pub use stats::{Stats, stats};
