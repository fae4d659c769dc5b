//! Comparing tensors: relative errors, and tolerances that carry their reason.

use candle_core::{DType, Result, Tensor};

/// How far apart two tensors may be, and why that far.
///
/// The measure is the relative error of [`relative_error`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// The largest relative L2 error that passes.
    pub relative: f64,
    /// Why it is not smaller.
    pub reason: &'static str,
}

impl Tolerance {
    /// Outputs of whole networks against the golden cases.
    pub const OUTPUT: Self =
        Self::new(1e-4, "a network's f32 output against numbers computed in f64");
    /// Gradients of whole networks against the golden cases.
    pub const GRADIENT: Self = Self::new(
        1e-3,
        "a network's f32 gradient, which cancels more, against numbers computed in f64",
    );
    /// One f32 kernel against its reference form in f64.
    pub const KERNEL: Self = Self::new(1e-6, "a few f32 roundings per element");
    /// An f32 kernel that sums many terms, or a chain of several, against its reference in f64.
    pub const REDUCTION: Self = Self::new(5e-6, "f32 sums of many terms");
    /// Two forms computed in f64.
    pub const DOUBLE: Self = Self::new(1e-12, "f64 rounding only");
    /// Gradients against central differences in f64.
    pub const FINITE_DIFFERENCE: Self = Self::new(
        1e-7,
        "central differences: truncation h^2 and cancellation eps/h are both near 1e-10",
    );
    /// No difference at all.
    pub const EXACT: Self = Self::new(0.0, "the same arithmetic in the same order");

    /// A tolerance of one's own, with the reason for its size.
    pub const fn new(relative: f64, reason: &'static str) -> Self {
        Self { relative, reason }
    }
}

fn values(tensor: &Tensor) -> Result<Vec<f64>> {
    tensor.detach().to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()
}

/// `|got - expected| / |expected|` in the L2 norm over all elements, computed in `f64`.
///
/// Where `expected` is all zeros the norm of `got` is returned. Different shapes, a NaN or an
/// infinity on either side, or tensors that cannot be read, give infinity: they never pass.
pub fn relative_error(got: &Tensor, expected: &Tensor) -> f64 {
    if got.dims() != expected.dims() {
        return f64::INFINITY;
    }
    let (Ok(got), Ok(expected)) = (values(got), values(expected)) else { return f64::INFINITY };
    let difference = got.iter().zip(&expected).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    let norm = expected.iter().map(|b| b.powi(2)).sum::<f64>().sqrt();
    let error = if norm > 0.0 { difference / norm } else { difference };
    if error.is_finite() && norm.is_finite() { error } else { f64::INFINITY }
}

/// Panics unless `got` has the shape of `expected` and lies within `tolerance` of it.
///
/// # Panics
/// With `what`, the error, the tolerance and the first values of both sides.
#[track_caller]
pub fn assert_close(what: &str, got: &Tensor, expected: &Tensor, tolerance: Tolerance) {
    assert_eq!(got.dims(), expected.dims(), "{what}: shapes differ (got, expected)");
    let error = relative_error(got, expected);
    // Written so that a NaN fails.
    if error <= tolerance.relative {
        return;
    }
    let head = |tensor: &Tensor| -> Vec<f64> {
        values(tensor).map(|v| v.into_iter().take(6).collect()).unwrap_or_default()
    };
    panic!(
        "{what}: relative error {error:.3e} exceeds {:.1e} ({})\n      got {:?}\n expected {:?}",
        tolerance.relative,
        tolerance.reason,
        head(got),
        head(expected)
    );
}

/// Panics unless both tensors have the same shape, type and bits (so that NaNs compare, and -0 differs from 0).
///
/// # Panics
/// With `what` and the first element that differs.
#[track_caller]
pub fn assert_same_bits(what: &str, a: &Tensor, b: &Tensor) {
    assert_eq!(a.dims(), b.dims(), "{what}: shapes differ");
    assert_eq!(a.dtype(), b.dtype(), "{what}: types differ");
    // Widening to f64 is injective for every float type.
    let (Ok(a), Ok(b)) = (values(a), values(b)) else { panic!("{what}: cannot read the tensors") };
    if let Some(i) = a.iter().zip(&b).position(|(x, y)| x.to_bits() != y.to_bits()) {
        panic!("{what}: element {i} differs: {:e} and {:e}", a[i], b[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn tensor(values: &[f32]) -> Tensor {
        Tensor::new(values, &Device::Cpu).unwrap()
    }

    #[test]
    fn hand_worked_error() {
        let error = relative_error(&tensor(&[3.0, 5.0]), &tensor(&[3.0, 4.0]));
        assert!((error - 0.2).abs() < 1e-12);
    }

    #[test]
    fn nan_infinity_and_shape_never_pass() {
        let good = tensor(&[1.0, 2.0]);
        assert_eq!(relative_error(&tensor(&[f32::NAN, 2.0]), &good), f64::INFINITY);
        assert_eq!(relative_error(&good, &tensor(&[f32::NAN, 2.0])), f64::INFINITY);
        assert_eq!(relative_error(&good, &tensor(&[f32::INFINITY, 2.0])), f64::INFINITY);
        assert_eq!(relative_error(&good, &tensor(&[1.0])), f64::INFINITY);
    }

    #[test]
    fn zeros_are_compared_absolutely() {
        assert_eq!(relative_error(&tensor(&[0.0, 2.0]), &tensor(&[0.0, 0.0])), 2.0);
    }

    #[test]
    #[should_panic(expected = "relative error")]
    fn a_difference_panics() {
        assert_close("x", &tensor(&[1.0]), &tensor(&[1.1]), Tolerance::OUTPUT);
    }

    #[test]
    #[should_panic(expected = "element 1 differs")]
    fn one_bit_is_seen() {
        assert_same_bits("x", &tensor(&[1.0, 0.0]), &tensor(&[1.0, -0.0]));
    }
}
