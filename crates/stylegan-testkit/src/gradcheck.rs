//! Gradients against central differences, in double precision.

use candle_core::{DType, Error, Result, Tensor, Var};

use crate::compare::{Tolerance, relative_error};
use crate::synthetic::synthetic_f64;

/// Step of the central difference, relative to the size of the value (at least 1).
const STEP: f64 = 1e-5;

/// The relative error, one per input, of backward's gradient of `sum(f(inputs) * cotangent)` against
/// central differences, for a fixed random cotangent.
///
/// `inputs` must be `f64`; each becomes a variable. An input without a gradient counts as zeros.
///
/// # Errors
/// If `f` fails, or an input is not `f64`.
pub fn gradient_errors<F>(f: F, inputs: &[Tensor]) -> Result<Vec<f64>>
where
    F: Fn(&[Tensor]) -> Result<Tensor>,
{
    for (index, input) in inputs.iter().enumerate() {
        if input.dtype() != DType::F64 {
            let dtype = input.dtype();
            return Err(Error::Msg(format!("gradient check: input {index} is {dtype:?}, not F64")));
        }
    }
    let vars = inputs
        .iter()
        .map(|input| Var::from_tensor(&input.contiguous()?))
        .collect::<Result<Vec<_>>>()?;
    let tracked: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let output = f(&tracked)?;
    let cotangent = synthetic_f64("gradcheck/cotangent", output.shape().clone(), 0.0, 1.0);
    let objective = |output: &Tensor| output.mul(&cotangent)?.sum_all();
    let gradients = objective(&output)?.backward()?;

    let mut errors = Vec::with_capacity(inputs.len());
    for (index, input) in inputs.iter().enumerate() {
        let analytic = match gradients.get(&tracked[index]) {
            Some(gradient) => gradient.clone(),
            None => input.zeros_like()?,
        };
        let values = input.flatten_all()?.to_vec1::<f64>()?;
        let mut numeric = Vec::with_capacity(values.len());
        for (position, &value) in values.iter().enumerate() {
            let step = STEP * value.abs().max(1.0);
            let at = |value: f64| -> Result<f64> {
                let mut moved = values.clone();
                moved[position] = value;
                let mut arguments = inputs.to_vec();
                arguments[index] = Tensor::from_vec(moved, input.shape().clone(), input.device())?;
                objective(&f(&arguments)?)?.to_scalar::<f64>()
            };
            numeric.push((at(value + step)? - at(value - step)?) / (2.0 * step));
        }
        let numeric = Tensor::from_vec(numeric, input.shape().clone(), input.device())?;
        errors.push(relative_error(&analytic, &numeric));
    }
    Ok(errors)
}

/// Asserts that backward's gradients of `f` at `inputs` equal central differences within `tolerance`.
///
/// The inputs must be `f64` and keep clear of kinks by more than 1e-5. To check a second order, pass an `f` that
/// contains the explicit vector-Jacobian product.
///
/// # Panics
/// With the index of the input whose gradient is off, or the error of `f`.
#[track_caller]
pub fn gradcheck<F>(f: F, inputs: &[Tensor], tolerance: Tolerance)
where
    F: Fn(&[Tensor]) -> Result<Tensor>,
{
    match gradient_errors(f, inputs) {
        Err(error) => panic!("gradient check: {error}"),
        Ok(errors) => {
            for (index, error) in errors.iter().enumerate() {
                assert!(
                    *error <= tolerance.relative,
                    "gradient of input {index}: relative error {error:.3e} exceeds {:.1e} ({})",
                    tolerance.relative,
                    tolerance.reason
                );
            }
        }
    }
}

/// Asserts that backward's gradient of a number by each of some variables equals its central difference along a random direction, relative to
/// at least `floor`: for networks, whose parameters are too many to move one by one.
///
/// The variables must be `f64`. A variable without a gradient counts as zeros.
///
/// # Errors
/// If `loss` fails.
///
/// # Panics
/// With the name of the variable whose gradient is off.
pub fn directional_gradcheck<F>(loss: F, vars: &[(String, Var)], floor: f64) -> Result<()>
where
    F: Fn() -> Result<Tensor>,
{
    const STEP: f64 = 1e-6;
    let gradients = loss()?.backward()?;
    for (name, var) in vars {
        let direction = synthetic_f64(name, var.shape().clone(), 0.0, 1.0);
        let at = |t: f64| -> Result<f64> {
            let saved = var.as_detached_tensor().copy()?;
            var.set(&(&saved + (&direction * t)?)?)?;
            let value = loss()?.to_scalar::<f64>()?;
            var.set(&saved)?;
            Ok(value)
        };
        let expected = (at(STEP)? - at(-STEP)?) / (2.0 * STEP);
        let found = match gradients.get(var) {
            Some(gradient) => (gradient * &direction)?.sum_all()?.to_scalar::<f64>()?,
            None => 0.0,
        };
        let error = (found - expected).abs() / expected.abs().max(floor);
        assert!(error < 1e-4, "gradient of {name}: {found} instead of {expected}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{CpuStorage, CustomOp1, Layout, Shape};

    #[test]
    fn accepts_right_gradients() {
        let a = synthetic_f64("a", (2, 3), 0.0, 1.0);
        let b = synthetic_f64("b", (3, 4), 0.0, 1.0);
        gradcheck(|x| x[0].matmul(&x[1])?.sqr(), &[a, b], Tolerance::FINITE_DIFFERENCE);
    }

    /// Doubles its argument and claims that the derivative is 2.1.
    struct WrongDouble;

    impl CustomOp1 for WrongDouble {
        fn name(&self) -> &'static str {
            "wrong-double"
        }

        fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
            let doubled = storage.as_slice::<f64>()?.iter().map(|v| 2.0 * v).collect();
            Ok((CpuStorage::F64(doubled), layout.shape().clone()))
        }

        fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
            Ok(Some((gradient * 2.1)?))
        }
    }

    #[test]
    #[should_panic(expected = "gradient of input 0")]
    fn refuses_a_wrong_gradient() {
        let a = synthetic_f64("a", 5, 0.0, 1.0);
        gradcheck(|x| x[0].apply_op1(WrongDouble), &[a], Tolerance::FINITE_DIFFERENCE);
    }

    #[test]
    #[should_panic(expected = "gradient of input 1")]
    fn refuses_a_missing_gradient() {
        let a = synthetic_f64("a", 5, 0.0, 1.0);
        let b = synthetic_f64("b", 5, 0.0, 1.0);
        gradcheck(|x| x[0].mul(&x[1].detach()), &[a, b], Tolerance::FINITE_DIFFERENCE);
    }

    #[test]
    fn directions_accept_right_gradients() -> Result<()> {
        let vars = ["a", "b"].map(|name| {
            let var = Var::from_tensor(&synthetic_f64(name, 5, 0.0, 1.0)).expect("a variable");
            (name.to_owned(), var)
        });
        directional_gradcheck(|| vars[0].1.sqr()?.sum_all(), &vars, 1e-4)
    }

    #[test]
    #[should_panic(expected = "gradient of a")]
    fn directions_refuse_a_wrong_gradient() {
        let a = Var::from_tensor(&synthetic_f64("a", 5, 0.0, 1.0)).expect("a variable");
        let vars = [("a".to_owned(), a.clone())];
        let _ = directional_gradcheck(|| a.apply_op1(WrongDouble)?.sum_all(), &vars, 1e-4);
    }

    #[test]
    fn refuses_single_precision() {
        let a = crate::synthetic("a", 5, 0.0, 1.0);
        assert!(gradient_errors(|x| x[0].sqr(), &[a]).is_err());
    }
}
