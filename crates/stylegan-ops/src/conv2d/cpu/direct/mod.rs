//! Direct sums for any kernel and stride, without patches: the taps read a padded copy of the map at shifted places.
//!
//! The copy is split by the stride: element (q * stride + v) of an axis goes to place q of phase v. Then what one tap reads for neighbouring outputs is
//! contiguous for every stride, and one output row is as far from the next as one row of the copy.

mod forward;
mod input_vjp;
mod padded;
mod weight_vjp;

pub(super) use forward::forward;
pub(super) use input_vjp::input_vjp;
pub(super) use weight_vjp::weight_vjp;

/// Outputs of one task, roughly.
const POSITIONS: usize = 1024;

/// Floats of the padded copies that a task holds at a time: half a megabyte.
const HELD: usize = 1 << 17;
