//! Vector-Jacobian products as values.

use candle_core::{Result, Tensor};

/// The vector-Jacobian product of a forward computation with respect to its input: takes the
/// gradient of the output, gives the gradient of the input.
///
/// It is made of tracked candle operations, so that one `backward()` of a loss that contains its
/// result is exact to the second order (see `ARCHITECTURE.md`).
pub struct Pullback(Box<Vjp>);

/// From the gradient of an output to the gradient of an input.
type Vjp = dyn Fn(&Tensor) -> Result<Tensor>;

impl Pullback {
    /// Wraps a function from output gradient to input gradient.
    pub fn new(f: impl Fn(&Tensor) -> Result<Tensor> + 'static) -> Self {
        Self(Box::new(f))
    }

    /// Applies it to the gradient of the output.
    pub fn apply(&self, gradient: &Tensor) -> Result<Tensor> {
        (self.0)(gradient)
    }

    /// The pullback of `self` followed by `next` (in the order of the forward computation).
    pub fn then(self, next: Pullback) -> Pullback {
        Pullback::new(move |g| self.apply(&next.apply(g)?))
    }
}
