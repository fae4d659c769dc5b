//! What the workspace's tests share: golden cases, synthetic tensors, tolerances, gradient checks.
//!
//! Outside of tests it is named by what checks a GPU: `stylegan-parity` and `cargo xtask gpu-check`. Its functions are assertions: where a library would
//! return an error, they panic with a sentence that says what was compared and how far apart it was.
//!
//! - [`golden`]: numbers of independent implementations, read from `tests/golden`.
//! - [`synthetic()`]: tensors that any program can regenerate bit for bit from a name.
//! - [`compare`]: relative errors and [`Tolerance`] values that carry their reason.
//! - [`gradcheck()`]: gradients against finite differences, in double precision.
//! - [`every_form!`]: one test body, run on every form of an operation.
//! - [`pickle`]: files of arrays as other programs write them.
//! - [`threads`]: the same bits at any number of threads.

pub mod compare;
pub mod form;
pub mod golden;
mod gradcheck;
pub mod pickle;
mod synthetic;
pub mod threads;

pub use compare::{Tolerance, assert_close, assert_same_bits, relative_error};
pub use form::Form;
pub use gradcheck::{directional_gradcheck, gradcheck, gradient_errors};
pub use synthetic::{synthetic, synthetic_f64, synthetic_values};
pub use threads::assert_same_at_any_thread_count;
