//! Gradients of all three functions against finite differences in float64, and losses that contain a gradient.

use candle_core::{Result, Tensor, Var};

use super::{Case, random, relative_error, single, values};

/// The gradient of `f` at `at` by central differences, in float64.
fn differences(f: &dyn Fn(&Tensor) -> Result<Tensor>, at: &Tensor) -> Result<Tensor> {
    let step = 1e-4;
    let start = values(at)?;
    let mut gradient = Vec::with_capacity(start.len());
    for i in 0..start.len() {
        let mut sides = [0.0; 2];
        for (side, sign) in sides.iter_mut().zip([1.0, -1.0]) {
            let mut moved = start.clone();
            moved[i] += sign * step;
            *side = f(&Tensor::from_vec(moved, at.shape(), at.device())?)?.to_scalar::<f64>()?;
        }
        gradient.push((sides[0] - sides[1]) / (2.0 * step));
    }
    Tensor::from_vec(gradient, at.shape(), at.device())
}

/// A loss of one function's result whose second derivative is not zero: the sum of result^2 * weights.
fn loss(result: &Tensor) -> Result<Tensor> {
    let weights = random(result.shape(), 17)?.to_dtype(result.dtype())?;
    (result.sqr()? * weights)?.sum_all()
}

type Binary<'a> = &'a dyn Fn(&Tensor, &Tensor) -> Result<Tensor>;

/// Checks backward in both types, for both arguments, against differences of the reference in float64.
fn check(name: &str, case: Case, f: Binary<'_>, a: &Tensor, b: &Tensor) -> Result<()> {
    let expected = [differences(&|a| loss(&f(a, b)?), a)?, differences(&|b| loss(&f(a, b)?), b)?];
    for (kind, a, b, tolerance) in
        [("float64", a.clone(), b.clone(), 1e-7), ("float32", single(a)?, single(b)?, 2e-5)]
    {
        let (a, b) = (Var::from_tensor(&a)?, Var::from_tensor(&b)?);
        let gradients = loss(&f(&a, &b)?)?.backward()?;
        for (arg, expected) in [&a, &b].into_iter().zip(&expected) {
            let Some(gradient) = gradients.get(arg) else {
                panic!("{name} of {case:?} in {kind}: no gradient");
            };
            let error = relative_error(gradient, expected)?;
            assert!(error < tolerance, "{name} of {case:?} in {kind}: {error:e}");
        }
    }
    Ok(())
}

const CASES: [[usize; 8]; 7] = [
    [2, 2, 3, 4, 5, 3, 1, 1],
    [1, 3, 2, 4, 4, 1, 1, 0],
    [2, 2, 2, 6, 4, 4, 2, 1],
    [1, 2, 2, 5, 6, 3, 2, 0],
    [1, 2, 1, 5, 5, 5, 1, 2],
    [1, 1, 2, 4, 3, 2, 3, 2],
    [3, 2, 2, 4, 4, 4, 1, 0],
];

#[test]
fn gradients_match_finite_differences() -> Result<()> {
    for case in CASES.map(Case::new) {
        let (x, w, g) = (case.x()?, case.w()?, case.g()?);
        check("conv2d", case, &|x, w| case.forward(x, w), &x, &w)?;
        check("conv2d_input_vjp", case, &|g, w| case.input_vjp(g, w), &g, &w)?;
        check("conv2d_weight_vjp", case, &|x, g| case.weight_vjp(x, g), &x, &g)?;
    }
    Ok(())
}

/// The gradient penalty's form: the loss contains the gradient of a two-layer score with respect to its input. y = conv(x, w1),
/// score = sum(y^2 * v) / 2 after a second convolution, so dscore/dx needs both layers' input-VJPs.
#[test]
fn a_loss_with_an_input_gradient_has_exact_weight_gradients() -> Result<()> {
    let case = Case::new([2, 2, 2, 5, 4, 3, 1, 1]);
    let (x, w1) = (case.x()?, case.w()?);
    let w2 = random((2, 2, 3, 3), 5)?;
    let penalty = |w1: &Tensor, w2: &Tensor| -> Result<Tensor> {
        let x = x.to_dtype(w1.dtype())?;
        let first = case.forward(&x, w1)?;
        let squared = first.sqr()?;
        let second = case.forward(&squared, w2)?;
        // score = loss(second); its gradient flows back through both layers
        let cotangent = ((second * random((2, 2, 5, 4), 17)?.to_dtype(x.dtype())?)? * 2.0)?;
        let on_squared = case.input_vjp(&cotangent, w2)?;
        let on_first = ((on_squared * first)? * 2.0)?;
        case.input_vjp(&on_first, w1)?.sqr()?.sum_all()
    };
    // the composed gradient is the gradient of the score
    let score = |x: &Tensor| loss(&case.forward(&case.forward(x, &w1)?.sqr()?, &w2)?);
    let numeric = differences(&score, &x)?.sqr()?.sum_all()?;
    assert!(relative_error(&penalty(&w1, &w2)?, &numeric)? < 1e-6);

    for (arg, other) in [(0, &w2), (1, &w1)] {
        let f = |w: &Tensor| if arg == 0 { penalty(w, other) } else { penalty(other, w) };
        let at = if arg == 0 { &w1 } else { &w2 };
        let expected = differences(&f, at)?;
        let (v1, v2) = (Var::from_tensor(&single(&w1)?)?, Var::from_tensor(&single(&w2)?)?);
        let gradients = penalty(&v1, &v2)?.backward()?;
        let gradient = gradients.get(if arg == 0 { &v1 } else { &v2 });
        let error = relative_error(gradient.expect("a tracked weight"), &expected)?;
        assert!(error < 1e-4, "argument {arg}: {error:e}");
    }
    Ok(())
}

#[test]
fn untracked_arguments_get_no_gradient() -> Result<()> {
    let case = Case::new([1, 2, 2, 4, 4, 3, 1, 1]);
    let (x, w) = (single(&case.x()?)?, Var::from_tensor(&single(&case.w()?)?)?);
    let gradients = case.forward(&x, &w)?.sum_all()?.backward()?;
    assert!(gradients.get(&w).is_some());
    assert!(gradients.get(&x).is_none());
    Ok(())
}
