//! Values, gradients, threads.

use candle_core::{Result, Tensor, Var};
use stylegan_testkit::{
    Tolerance, assert_close, assert_same_at_any_thread_count, gradcheck, synthetic, synthetic_f64,
};

use super::{kernel_energy, reference};

fn both(
    f: impl Fn(&Tensor, f64) -> Result<Tensor>,
    dims: (usize, usize, usize, usize),
) -> Result<Vec<Tensor>> {
    let w = Var::from_tensor(&synthetic("w", dims, 0.0, 1.0))?;
    let y = f(&w, 0.3)?;
    let g = synthetic("g", (dims.0, dims.1), 0.0, 1.0);
    let gradient = y.mul(&g)?.sum_all()?.backward()?.get(&w).expect("a gradient").clone();
    Ok(vec![y, gradient])
}

#[test]
fn kernels_equal_the_reference() -> Result<()> {
    for dims in [(5, 7, 3, 3), (3, 2, 1, 1), (70, 90, 3, 3), (2, 3, 4, 4)] {
        for (ours, expected) in both(kernel_energy, dims)?.iter().zip(&both(reference, dims)?) {
            assert_close("energy", ours, expected, Tolerance::KERNEL);
        }
    }
    Ok(())
}

#[test]
fn gradients_match_finite_differences() {
    let w = [synthetic_f64("w", (2, 3, 2, 2), 0.0, 1.0)];
    gradcheck(|a| kernel_energy(&a[0], 0.7), &w, Tolerance::FINITE_DIFFERENCE);
}

#[test]
fn bits_do_not_depend_on_threads() {
    assert_same_at_any_thread_count("kernel_energy", || both(kernel_energy, (90, 80, 3, 3)));
}

#[test]
fn other_shapes_are_refused() {
    assert!(kernel_energy(&synthetic("w", (3, 3), 0.0, 1.0), 1.0).is_err());
}
