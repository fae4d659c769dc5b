//! Every operation in half precision against itself in float32 on the same numbers.

use candle_core::{DType, Result, Tensor, Var};
use stylegan_testkit::{Tolerance, assert_close, relative_error, synthetic};

use crate::{
    Affine, AffineWarps, BatchStatistics, Blurred, ModulatedConv2d, StyledConv2d, Upfirdn, Window,
    adain, affine_warp, affine_warp_vjp, avg_pool2d, batch_norm, batch_statistics, bias_act, blur,
    channel_dot, clamp, clamp_vjp, conv2d, conv2d_bias_act, conv2d_direct, conv2d_input_vjp,
    conv2d_weight_vjp, downsample_box2d, downsample_box2d_vjp, flip_kernel, fused_down_kernel,
    fused_up_kernel, instance_norm, kernel_energy, leaky_relu, leaky_relu_vjp, line_conv2d, linear,
    linear_input_vjp, linear_weight_vjp, max_pool2d, minibatch_stddev, minibatch_stddev_vjp,
    noise_bias_act, normalized_distance, pixel_norm, plane_means, prelu, scale_channels, upfirdn2d,
    upfirdn2d_vjp, upsample_nearest2d, upsample_nearest2d_vjp,
};

/// What an argument is.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// In half precision.
    Activation,
    /// In float32, and rounded for products.
    Weight,
    /// In float32, and not rounded.
    Parameter,
}

use Kind::{Activation, Parameter, Weight};

type Arguments = &'static [(Kind, &'static [usize])];

struct Case {
    name: &'static str,
    arguments: Arguments,
    run: fn(&[Tensor]) -> Result<Tensor>,
    /// Whether its result is in float32 for halves too.
    sums: bool,
}

const fn case(
    name: &'static str,
    arguments: Arguments,
    run: fn(&[Tensor]) -> Result<Tensor>,
) -> Case {
    Case { name, arguments, run, sums: false }
}

const X: (Kind, &[usize]) = (Activation, &[4, 6, 4, 8]);
const BIAS: (Kind, &[usize]) = (Parameter, &[6]);
const KERNEL: (Kind, &[usize]) = (Weight, &[6, 6, 3, 3]);

const TURNED: Affine = [[0.8, -0.6, 0.3], [0.6, 0.8, -0.2]];

fn warps() -> AffineWarps {
    AffineWarps::new(vec![Some(TURNED), None, None, Some(TURNED)])
}

const STYLE: (Kind, &[usize]) = (Parameter, &[4, 12]);

const CASES: &[Case] = &[
    case("leaky_relu", &[X], |a| leaky_relu(&a[0], 0.2)),
    case("leaky_relu_vjp", &[X, X], |a| leaky_relu_vjp(&a[0], &a[1].detach(), 0.2)),
    case("clamp", &[X], |a| clamp(&a[0], 0.75)),
    case("clamp_vjp", &[X, X], |a| clamp_vjp(&a[0], &a[1].detach(), 0.75)),
    case("bias_act", &[X, BIAS], |a| bias_act(&a[0], &a[1], 0.5, Some(0.2))),
    case("bias_act linear", &[X, BIAS], |a| bias_act(&a[0], &a[1], 0.5, None)),
    case("noise_bias_act", &[X, BIAS, BIAS], |a| {
        noise_bias_act(&a[0], &synthetic("maps", (4, 1, 4, 8), 0.0, 1.0), &a[1], &a[2], 0.5, 0.2)
    }),
    case("noise_bias_act of tracked maps", &[X, BIAS, BIAS, (Parameter, &[1, 1, 4, 8])], |a| {
        noise_bias_act(&a[0], &a[3], &a[1], &a[2], 0.5, 0.2)
    }),
    case("instance_norm", &[X], |a| instance_norm(&a[0], 1e-8)),
    case("adain", &[X, STYLE], |a| adain(&a[0], &a[1], 1e-8)),
    case("pixel_norm", &[X], |a| pixel_norm(&a[0], 1e-8)),
    case("minibatch_stddev", &[X], |a| minibatch_stddev(&a[0], 4, 2)),
    case("minibatch_stddev_vjp", &[X, (Activation, &[4, 8, 4, 8])], |a| {
        minibatch_stddev_vjp(&a[0], &a[1], 4, 2)
    }),
    case("scale_channels", &[X, (Parameter, &[4, 6])], |a| scale_channels(&a[0], &a[1])),
    Case { sums: true, ..case("channel_dot", &[X, X], |a| channel_dot(&a[0], &a[1])) },
    Case {
        sums: true,
        ..case("kernel_energy", &[(Activation, &[5, 6, 3, 3])], |a| kernel_energy(&a[0], 0.3))
    },
    case("flip_kernel", &[(Activation, &[5, 6, 3, 3])], |a| flip_kernel(&a[0])),
    case("fused_up_kernel", &[(Activation, &[5, 6, 3, 3])], |a| fused_up_kernel(&a[0], true)),
    case("fused_down_kernel", &[(Activation, &[5, 6, 3, 3])], |a| fused_down_kernel(&a[0])),
    case("blur", &[X], |a| blur(&a[0])),
    case("upfirdn2d", &[X], |a| upfirdn2d(&a[0], &Upfirdn::doubling())),
    case("upfirdn2d_vjp", &[(Activation, &[2, 3, 8, 12])], |a| {
        upfirdn2d_vjp(&a[0], &Upfirdn::doubling(), (4, 6))
    }),
    case("upsample_nearest2d", &[X], |a| upsample_nearest2d(&a[0])),
    case("upsample_nearest2d_vjp", &[X], |a| upsample_nearest2d_vjp(&a[0])),
    case("downsample_box2d", &[X], |a| downsample_box2d(&a[0])),
    case("downsample_box2d_vjp", &[X], |a| downsample_box2d_vjp(&a[0])),
    case("plane_means", &[X], |a| plane_means(&a[0])),
    case("prelu", &[X, BIAS], |a| prelu(&a[0], &a[1])),
    case("max_pool2d", &[X], |a| max_pool2d(&a[0], Window::new(3, 2))),
    case("avg_pool2d", &[X], |a| avg_pool2d(&a[0], Window::new(3, 1).padded(1))),
    case("batch_norm", &[X, BIAS, BIAS], |a| {
        let BatchStatistics { mean, variance } = batch_statistics(&a[0])?;
        assert_eq!((mean.dtype(), variance.dtype()), (DType::F32, DType::F32));
        batch_norm(&a[0], &a[1], &a[2], &BatchStatistics { mean, variance }, 1e-5, true)
    }),
    case("normalized_distance", &[X, X, BIAS], |a| normalized_distance(&a[0], &a[1], &a[2])),
    case("affine_warp", &[X], |a| affine_warp(&a[0], &warps())),
    case("affine_warp_vjp", &[X], |a| affine_warp_vjp(&a[0], &warps())),
    case("conv2d", &[X, KERNEL], |a| conv2d(&a[0], &a[1], 1, 1, 0.7)),
    case("conv2d_direct", &[X, KERNEL], |a| conv2d_direct(&a[0], &a[1], 2, 1, 0.7)),
    case("conv2d_input_vjp", &[X, KERNEL], |a| conv2d_input_vjp(&a[0], &a[1], (4, 8), 1, 1, 0.7)),
    case("conv2d_weight_vjp", &[X, X], |a| conv2d_weight_vjp(&a[0], &a[1], 3, 1, 1, 0.7)),
    case("line_conv2d", &[X, (Weight, &[5, 6, 1, 7])], |a| line_conv2d(&a[0], &a[1])),
    case("linear", &[(Activation, &[9, 13]), (Weight, &[11, 13])], |a| linear(&a[0], &a[1], 0.5)),
    case("linear_input_vjp", &[(Activation, &[9, 11]), (Weight, &[11, 13])], |a| {
        linear_input_vjp(&a[0], &a[1], 0.5)
    }),
    case("linear_weight_vjp", &[(Activation, &[9, 13]), (Activation, &[9, 11])], |a| {
        linear_weight_vjp(&a[0], &a[1], 0.5)
    }),
];

const HALVES: [DType; 2] = [DType::BF16, DType::F16];

/// The result for arguments of the given values, and the gradients of its product with a cotangent in its own type.
fn evaluate(
    run: impl Fn(&[Tensor]) -> Result<Tensor>,
    arguments: &[Tensor],
    cotangent: DType,
) -> Result<Vec<Tensor>> {
    let vars = arguments.iter().map(Var::from_tensor).collect::<Result<Vec<_>>>()?;
    let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let y = run(&tensors)?;
    let g = synthetic("g", y.shape().clone(), 0.0, 1.0).to_dtype(cotangent)?;
    // A product with a constant gives exactly that constant to the operation's backward pass.
    let gradients = y.mul(&g.to_dtype(y.dtype())?)?.sum_all()?.backward()?;
    let of = |var: &Var| match gradients.get(var) {
        Some(gradient) => Ok(gradient.clone()),
        None => var.as_tensor().zeros_like(),
    };
    let gradients = vars.iter().map(of).collect::<Result<Vec<_>>>()?;
    Ok(std::iter::once(y).chain(gradients).collect())
}

fn values(case: &Case, how: impl Fn(Kind, Tensor) -> Result<Tensor>) -> Result<Vec<Tensor>> {
    let arguments = case.arguments.iter().enumerate();
    let value = |(index, &(kind, shape)): (usize, &(Kind, &[usize]))| {
        how(kind, synthetic(&format!("{index}"), shape.to_vec(), 0.0, 1.0))
    };
    arguments.map(value).collect()
}

/// Numbers that half precision holds, in float32.
fn rounded(x: &Tensor, half: DType) -> Result<Tensor> {
    x.to_dtype(half)?.to_dtype(DType::F32)
}

#[track_caller]
fn assert_equal(what: &str, got: &Tensor, expected: &Tensor) {
    assert_eq!(got.dtype(), expected.dtype(), "{what}");
    let error = relative_error(got, expected);
    assert!(error == 0.0, "{what}: {error:e}");
}

#[test]
fn halves_are_computed_with_in_float32() -> Result<()> {
    for half in HALVES {
        for case in CASES {
            let got = values(case, |kind, x| match kind {
                Activation => x.to_dtype(half),
                Weight | Parameter => Ok(x),
            })?;
            let got = evaluate(case.run, &got, half)?;
            let expected = values(case, |kind, x| match kind {
                Activation | Weight => rounded(&x, half),
                Parameter => Ok(x),
            })?;
            let expected = evaluate(case.run, &expected, half)?;
            let y = if case.sums { DType::F32 } else { half };
            let what = format!("{} in {half:?}", case.name);
            assert_equal(&what, &got[0], &expected[0].to_dtype(y)?);
            for (index, (got, expected)) in got.iter().zip(&expected).enumerate().skip(1) {
                // A weight's gradient passes through the half that the product took, and comes back as float32.
                let expected = match case.arguments[index - 1].0 {
                    Activation => expected.to_dtype(half)?,
                    Weight => rounded(expected, half)?,
                    Parameter => expected.clone(),
                };
                assert_equal(&format!("{what}, gradient {}", index - 1), got, &expected);
            }
        }
    }
    Ok(())
}

#[test]
fn parameters_may_be_halves_too() -> Result<()> {
    for half in HALVES {
        for case in CASES {
            let all = values(case, |_, x| x.to_dtype(half))?;
            let got = evaluate(case.run, &all, half)?;
            let expected = values(case, |_, x| rounded(&x, half))?;
            let expected = evaluate(case.run, &expected, half)?;
            let y = if case.sums { DType::F32 } else { half };
            let what = format!("{} in {half:?} alone", case.name);
            assert_equal(&what, &got[0], &expected[0].to_dtype(y)?);
            for (index, (got, expected)) in got.iter().zip(&expected).enumerate().skip(1) {
                let what = format!("{what}, gradient {}", index - 1);
                assert_equal(&what, got, &expected.to_dtype(half)?);
            }
        }
    }
    Ok(())
}

#[test]
fn layers_round_between_their_parts() -> Result<()> {
    for half in HALVES {
        let x = synthetic("x", (4, 6, 4, 8), 0.0, 1.0).to_dtype(half)?;
        let (w, bias) = (synthetic("w", (6, 6, 3, 3), 0.0, 1.0), synthetic("b", 6, 0.0, 1.0));
        let arguments = [x.clone(), w, bias.clone()];
        let layer =
            |a: &[Tensor]| conv2d_bias_act(&a[0], &a[1], (1, 1), 0.7, &a[2], 0.5, Some(0.2));
        let parts =
            |a: &[Tensor]| bias_act(&conv2d(&a[0], &a[1], 1, 1, 0.7)?, &a[2], 0.5, Some(0.2));
        assert_all_equal("conv2d_bias_act", &arguments, half, layer, parts)?;

        let (style, maps) =
            (synthetic("s", (4, 12), 0.0, 1.0), synthetic("maps", (1, 1, 8, 16), 0.0, 1.0));
        let up = synthetic("w", (6, 6, 4, 4), 0.0, 1.0);
        let arguments = [x, up, style, bias.clone(), bias];
        let layer = |a: &[Tensor]| {
            let (up, noise) = (Some(Blurred(true)), Some((&maps, &a[4])));
            let layer = StyledConv2d { up, scale: 0.3, noise, bias: &a[3], slope: 0.2, eps: 1e-8 };
            layer.forward(&a[0], &a[1], &a[2])
        };
        let parts = |a: &[Tensor]| {
            let y = blur(&conv2d_input_vjp(&a[0], &a[1], (8, 16), 2, 1, 0.3)?)?;
            adain(&noise_bias_act(&y, &maps, &a[4], &a[3], 1.0, 0.2)?, &a[2], 1e-8)
        };
        assert_all_equal("styled_conv2d", &arguments, half, layer, parts)?;
    }
    Ok(())
}

/// Asserts that a layer and its parts give the same values, gradients and types.
fn assert_all_equal(
    what: &str,
    arguments: &[Tensor],
    half: DType,
    layer: impl Fn(&[Tensor]) -> Result<Tensor>,
    parts: impl Fn(&[Tensor]) -> Result<Tensor>,
) -> Result<()> {
    let (got, expected) = (evaluate(layer, arguments, half)?, evaluate(parts, arguments, half)?);
    assert_eq!(got[0].dtype(), half, "{what}");
    for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
        assert_equal(&format!("{what} in {half:?}, {index}"), got, expected);
    }
    Ok(())
}

#[test]
fn modulated_convolutions_round_between_their_parts() -> Result<()> {
    for (half, exact) in [(DType::BF16, 1e-2), (DType::F16, 2e-3)] {
        for (up, demodulate) in [(false, true), (true, true), (false, false)] {
            let how = ModulatedConv2d { up, demodulate, scale: 0.3, gain: 1.4 };
            let x = synthetic("x", (4, 6, 4, 8), 0.0, 1.0);
            let w = synthetic("w", (5, 6, 3, 3), 0.0, 1.0);
            // Far from one, so that squares and sums of it would not fit float16.
            let style = synthetic("style", (4, 6), 0.0, 300.0);
            let x_half = x.to_dtype(half)?;
            let run = |a: &[Tensor]| how.forward(&a[0], &a[1], &a[2]);
            let got = evaluate(run, &[x_half.clone(), w.clone(), style.clone()], half)?;
            let wide = [x_half.to_dtype(DType::F32)?, w, style];
            let expected = evaluate(run, &wide, half)?;
            let types = [half, half, DType::F32, DType::F32];
            let all = got.iter().zip(&expected).zip(types).enumerate();
            for (index, ((got, expected), dtype)) in all {
                assert_eq!(got.dtype(), dtype, "{how:?}, {index}");
                let what = format!("{how:?} in {half:?}, {index}");
                // With demodulation the style's gradient is the difference of two that nearly cancel.
                let exact = if index == 3 && demodulate { 10.0 * exact } else { exact };
                assert_close(&what, got, expected, Tolerance::new(exact, "rounded parts"));
            }
        }
    }
    Ok(())
}
