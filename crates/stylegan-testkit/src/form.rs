//! One test body on every form of an operation.

use candle_core::{DType, Device, Shape, Tensor};

use crate::compare::{Tolerance, assert_close};
use crate::synthetic::synthetic;

/// A form in which an operation may run: a device, a type, and how exact it must be there.
#[derive(Debug, Clone)]
pub struct Form {
    /// Where the operation runs.
    pub device: Device,
    /// The type of its tensors.
    pub dtype: DType,
    /// How close to the truth one kernel of this form comes.
    pub tolerance: Tolerance,
}

impl Form {
    /// The `f32` kernels of the CPU.
    pub fn cpu_f32() -> Self {
        Self { device: Device::Cpu, dtype: DType::F32, tolerance: Tolerance::REDUCTION }
    }

    /// The reference form, in double precision.
    pub fn cpu_f64() -> Self {
        Self { device: Device::Cpu, dtype: DType::F64, tolerance: Tolerance::DOUBLE }
    }

    /// The synthetic tensor `name` (mean 0, standard deviation 1) on this form's device, in its type.
    ///
    /// # Panics
    /// If candle cannot make it.
    pub fn tensor(&self, name: &str, shape: impl Into<Shape>) -> Tensor {
        self.to(&synthetic(name, shape, 0.0, 1.0))
    }

    /// `tensor` moved to this form's device and type.
    ///
    /// # Panics
    /// If candle cannot convert it.
    pub fn to(&self, tensor: &Tensor) -> Tensor {
        tensor
            .to_dtype(self.dtype)
            .and_then(|tensor| tensor.to_device(&self.device))
            .unwrap_or_else(|error| panic!("converting to {self:?}: {error}"))
    }

    /// Asserts that `got` is as close to `expected` as this form's kernels come.
    ///
    /// # Panics
    /// As [`assert_close`].
    #[track_caller]
    pub fn assert_close(&self, what: &str, got: &Tensor, expected: &Tensor) {
        assert_close(what, got, expected, self.tolerance);
    }
}

/// Makes a module of tests that run one body on every form of an operation.
///
/// ```
/// use stylegan_testkit::{Form, every_form};
///
/// every_form!(doubling_is_adding, |form: &Form| {
///     let x = form.tensor("x", (2, 3));
///     form.assert_close("2x", &(&x * 2.0).unwrap(), &(&x + &x).unwrap());
/// });
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! every_form {
    ($name:ident, $body:expr) => {
        mod $name {
            use super::*;

            fn check(form: $crate::Form) {
                let body: fn(&$crate::Form) = $body;
                body(&form);
            }

            #[test]
            fn cpu_f32() {
                check($crate::Form::cpu_f32());
            }

            #[test]
            fn cpu_f64() {
                check($crate::Form::cpu_f64());
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    every_form!(the_form_gives_its_type, |form: &Form| {
        let x = form.tensor("x", (2, 3));
        assert_eq!(x.dtype(), form.dtype);
        form.assert_close("x", &x, &synthetic("x", (2, 3), 0.0, 1.0));
    });
}
