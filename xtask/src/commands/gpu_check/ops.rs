//! Every operation and its gradients on the device: in float32 against the reference forms in float64 on the processor, in half precision against the same on the
//! processor; random numbers bit for bit.

use candle_core::{DType, Device, Result, Tensor, Var};
use stylegan_ops::random::Stream;
use stylegan_ops::{
    AffineWarps, BatchStatistics, Blurred, ModulatedConv2d, ScaledActivation, StyledConv2d,
    Upfirdn, Window, adain, affine_warp, allow_tf32, avg_pool2d, batch_norm, batch_statistics,
    bias_act, blur, channel_dot, clamp, clamp_vjp, conv2d, conv2d_bias_act, conv2d_input_vjp,
    conv2d_weight_vjp, downsample_box2d, flip_kernel, half_supported, instance_norm, kernel_energy,
    leaky_relu, leaky_relu_vjp, line_conv2d, linear, linear_input_vjp, linear_weight_vjp,
    max_pool2d, minibatch_stddev, minibatch_stddev_vjp, noise_bias_act, normalized_distance,
    pixel_norm, plane_means, prelu, scale_channels, tf32_allowed, upfirdn2d, upfirdn2d_vjp,
    upsample_bilinear2d, upsample_nearest2d,
};
use stylegan_testkit::relative_error;

use super::report::Report;
use crate::failure::Failure;

/// Relative errors that may be: of float32; of products with factors rounded to TF32's 10 bits; of results and of what lies between the parts of an operation, rounded
/// to bfloat16's 8 bits and to float16's 11.
const FLOAT32: f64 = 1e-4;
const TF32: f64 = 5e-3;
/// Of a product whose result is activated: what lies near zero may come to lie on its other side, where the slope is another.
const TF32_LAYER: f64 = 0.2;
const BFLOAT16: f64 = 4e-2;
const FLOAT16: f64 = 5e-3;

/// An operation on tensors of the given shapes, whose gradients are taken with respect to all of them.
struct Op {
    name: &'static str,
    shapes: &'static [&'static [usize]],
    run: fn(&[Tensor]) -> Result<Tensor>,
    /// The error that may be where TF32 is allowed.
    tf32: f64,
    /// Whether half precision is compared too.
    halves: bool,
}

const fn op(
    name: &'static str,
    shapes: &'static [&'static [usize]],
    run: fn(&[Tensor]) -> Result<Tensor>,
) -> Op {
    Op { name, shapes, run, tf32: FLOAT32, halves: true }
}

const fn products(
    name: &'static str,
    shapes: &'static [&'static [usize]],
    run: fn(&[Tensor]) -> Result<Tensor>,
) -> Op {
    Op { tf32: TF32, ..op(name, shapes, run) }
}

const fn layer(
    name: &'static str,
    shapes: &'static [&'static [usize]],
    run: fn(&[Tensor]) -> Result<Tensor>,
) -> Op {
    Op { tf32: TF32_LAYER, ..op(name, shapes, run) }
}

const SLOPE: f64 = 0.2;
const X: &[usize] = &[4, 6, 5, 7];
/// Two groups of four: in groups of two, the second order is a difference of nearly equal numbers.
const EIGHT: &[usize] = &[8, 6, 5, 7];
const LARGE: &[usize] = &[2, 5, 40, 33];

/// Shapes are odd and not square where they may be. A vector-Jacobian product beside its operation makes its gradients the second order.
const OPS: &[Op] = &[
    op("leaky_relu", &[X], |a| leaky_relu(&a[0], SLOPE)),
    op("leaky_relu_vjp", &[X], |a| leaky_relu_vjp(&a[0], &a[0].detach(), SLOPE)),
    op("clamp", &[X], |a| clamp(&a[0], 0.75)),
    op("clamp_vjp", &[X], |a| clamp_vjp(&a[0], &a[0].detach(), 0.75)),
    op("bias_act", &[X, &[6]], |a| bias_act(&a[0], &a[1], 0.5, Some(SLOPE))),
    op("bias_act large", &[LARGE, &[5]], |a| bias_act(&a[0], &a[1], 1.0, Some(SLOPE))),
    op("bias_act matrix", &[&[9, 13], &[13]], |a| bias_act(&a[0], &a[1], 0.01, Some(SLOPE))),
    op("bias_act linear", &[X, &[6]], |a| bias_act(&a[0], &a[1], 1.0, None)),
    op("noise_bias_act", &[X, &[6], &[6]], |a| {
        let maps = maps(&a[1], &[4, 1, 5, 7])?;
        noise_bias_act(&a[0], &maps, &a[1], &a[2], 0.5, SLOPE)
    }),
    op("noise_bias_act one map", &[X, &[6], &[6]], |a| {
        let maps = maps(&a[1], &[1, 1, 5, 7])?;
        noise_bias_act(&a[0], &maps, &a[1], &a[2], 1.0, SLOPE)
    }),
    op("instance_norm", &[X], |a| instance_norm(&a[0], 1e-8)),
    op("instance_norm large", &[LARGE], |a| instance_norm(&a[0], 1e-8)),
    op("adain", &[X, &[4, 12]], |a| adain(&a[0], &a[1], 1e-8)),
    op("pixel_norm", &[X], |a| pixel_norm(&a[0], 1e-8)),
    op("pixel_norm large", &[LARGE], |a| pixel_norm(&a[0], 1e-8)),
    op("pixel_norm matrix", &[&[7, 129]], |a| pixel_norm(&a[0], 1e-8)),
    op("minibatch_stddev", &[X], |a| minibatch_stddev(&a[0], 4, 1)),
    op("minibatch_stddev groups", &[EIGHT], |a| minibatch_stddev(&a[0], 4, 3)),
    op("minibatch_stddev_vjp", &[X, &[4, 7, 5, 7]], |a| minibatch_stddev_vjp(&a[0], &a[1], 4, 1)),
    op("minibatch_stddev_vjp groups", &[EIGHT, &[8, 9, 5, 7]], |a| {
        minibatch_stddev_vjp(&a[0], &a[1], 4, 3)
    }),
    op("scale_channels", &[X, &[4, 6]], |a| scale_channels(&a[0], &a[1])),
    op("channel_dot", &[X, X], |a| channel_dot(&a[0], &a[1])),
    op("kernel_energy", &[&[5, 6, 3, 3]], |a| kernel_energy(&a[0], 0.3)),
    op("flip_kernel", &[&[5, 6, 3, 3]], |a| flip_kernel(&a[0])),
    op("blur", &[X], |a| blur(&a[0])),
    op("blur large", &[LARGE], |a| blur(&a[0])),
    op("upfirdn2d doubling", &[X], |a| upfirdn2d(&a[0], &Upfirdn::doubling())),
    op("upfirdn2d halving", &[X], |a| upfirdn2d(&a[0], &Upfirdn::halving())),
    op("upfirdn2d filtering", &[LARGE], |a| upfirdn2d(&a[0], &Upfirdn::filtering(1, 4.0))),
    op("upfirdn2d_vjp", &[&[4, 6, 10, 14]], |a| upfirdn2d_vjp(&a[0], &Upfirdn::doubling(), (5, 7))),
    op("upsample_nearest2d", &[X], |a| upsample_nearest2d(&a[0])),
    op("upsample_bilinear2d", &[X], |a| upsample_bilinear2d(&a[0])),
    op("downsample_box2d", &[&[4, 6, 6, 10]], |a| downsample_box2d(&a[0])),
    op("plane_means", &[X], |a| plane_means(&a[0])),
    op("prelu", &[X, &[6]], |a| prelu(&a[0], &a[1])),
    // Halves are often equal, and then the largest of them is any.
    Op { halves: false, ..op("max_pool2d", &[X], |a| max_pool2d(&a[0], Window::new(3, 2))) },
    op("avg_pool2d", &[X], |a| avg_pool2d(&a[0], Window::new(3, 1).padded(1))),
    op("batch_norm", &[X, &[6], &[6]], |a| {
        let BatchStatistics { mean, variance } = batch_statistics(&a[0].detach())?;
        let statistics = BatchStatistics { mean, variance };
        batch_norm(&a[0], &a[1], &a[2], &statistics, 1e-5, true)
    }),
    op("normalized_distance", &[X, X, &[6]], |a| normalized_distance(&a[0], &a[1], &a[2])),
    op("affine_warp", &[&[2, 3, 8, 8]], |a| {
        let turned = [[0.8, -0.6, 0.3], [0.6, 0.8, -0.2]];
        affine_warp(&a[0], &AffineWarps::new(vec![Some(turned), None]))
    }),
    products("conv2d 3x3", &[X, &[5, 6, 3, 3]], |a| conv2d(&a[0], &a[1], 1, 1, 0.7)),
    products("conv2d 1x1", &[X, &[5, 6, 1, 1]], |a| conv2d(&a[0], &a[1], 1, 0, 1.0)),
    products("conv2d 4x4 stride 2", &[&[2, 6, 8, 12], &[5, 6, 4, 4]], |a| {
        conv2d(&a[0], &a[1], 2, 1, 1.0)
    }),
    products("conv2d 3x3 stride 2", &[X, &[5, 6, 3, 3]], |a| conv2d(&a[0], &a[1], 2, 0, 1.0)),
    products("conv2d_input_vjp", &[&[4, 5, 5, 7], &[5, 6, 3, 3]], |a| {
        conv2d_input_vjp(&a[0], &a[1], (5, 7), 1, 1, 0.7)
    }),
    products("conv2d_input_vjp stride 2", &[X, &[6, 5, 4, 4]], |a| {
        conv2d_input_vjp(&a[0], &a[1], (10, 14), 2, 1, 1.0)
    }),
    products("conv2d_weight_vjp", &[X, &[4, 5, 5, 7]], |a| {
        conv2d_weight_vjp(&a[0], &a[1], 3, 1, 1, 0.7)
    }),
    products("conv2d_weight_vjp stride 2", &[&[4, 6, 10, 14], &[4, 3, 5, 7]], |a| {
        conv2d_weight_vjp(&a[0], &a[1], 4, 2, 1, 1.0)
    }),
    products("line_conv2d", &[X, &[5, 6, 1, 7]], |a| line_conv2d(&a[0], &a[1])),
    products("linear", &[&[9, 13], &[11, 13]], |a| linear(&a[0], &a[1], 0.5)),
    products("linear of a part", &[&[9, 3, 13], &[11, 13]], |a| {
        linear(&a[0].narrow(1, 1, 1)?.squeeze(1)?, &a[1], 0.5)
    }),
    products("linear_input_vjp", &[&[9, 11], &[11, 13]], |a| linear_input_vjp(&a[0], &a[1], 0.5)),
    products("linear_weight_vjp", &[&[9, 13], &[9, 11]], |a| linear_weight_vjp(&a[0], &a[1], 0.5)),
    products("modulated_conv2d", &[X, &[5, 6, 3, 3], &[4, 6]], |a| modulated(a, false)),
    products("modulated_conv2d up", &[X, &[5, 6, 3, 3], &[4, 6]], |a| modulated(a, true)),
    products("modulated_conv2d second order", &[X, &[5, 6, 3, 3], &[4, 6]], |a| {
        let (y, tape) = how(true).forward_with_vjp(&a[0], &a[1], &a[2])?;
        tape.vjp(&maps(&y, y.dims())?)?.1.sqr()
    }),
    layer("modulated_conv2d activated", &[X, &[5, 6, 3, 3], &[4, 6], &[5], &[5]], |a| {
        activated(a, true, Some(&maps(&a[2], &[1, 1, 10, 14])?))
    }),
    layer("modulated_conv2d without noise", &[X, &[5, 6, 3, 3], &[4, 6], &[5]], |a| {
        activated(a, false, None)
    }),
    layer("conv2d_bias_act", &[X, &[5, 6, 3, 3], &[5]], |a| {
        conv2d_bias_act(&a[0], &a[1], (1, 1), 0.7, &a[2], 0.5, Some(SLOPE))
    }),
    layer("conv2d_bias_act stride 2", &[&[2, 6, 8, 12], &[5, 6, 4, 4], &[5]], |a| {
        conv2d_bias_act(&a[0], &a[1], (2, 1), 1.0, &a[2], 1.0, None)
    }),
    layer("styled_conv2d", &[X, &[5, 6, 3, 3], &[4, 10], &[5], &[5]], |a| {
        styled(a, None, Some(&maps(&a[2], &[4, 1, 5, 7])?))
    }),
    layer("styled_conv2d without noise", &[X, &[5, 6, 3, 3], &[4, 10], &[5]], |a| {
        styled(a, None, None)
    }),
    layer("styled_conv2d up", &[X, &[6, 5, 4, 4], &[4, 10], &[5], &[5]], |a| {
        styled(a, Some(Blurred(false)), Some(&maps(&a[2], &[1, 1, 10, 14])?))
    }),
    layer("styled_conv2d up, blurred", &[X, &[6, 5, 4, 4], &[4, 10], &[5], &[5]], |a| {
        styled(a, Some(Blurred(true)), Some(&maps(&a[2], &[1, 1, 10, 14])?))
    }),
];

/// A layer of StyleGAN2: x, weight, style, bias and, with noise, its weights.
fn activated(a: &[Tensor], up: bool, maps: Option<&Tensor>) -> Result<Tensor> {
    let noise = maps.map(|maps| (maps, &a[4]));
    let activation = ScaledActivation { noise, bias: &a[3], bias_scale: 1.4, slope: SLOPE };
    Ok(how(up).forward_activated(&a[0], &a[1], &a[2], &activation)?.0)
}

/// A layer of x, weight, style, bias and, with noise, its weights.
fn styled(a: &[Tensor], up: Option<Blurred>, maps: Option<&Tensor>) -> Result<Tensor> {
    let noise = maps.map(|maps| (maps, &a[4]));
    let layer = StyledConv2d { up, scale: 0.3, noise, bias: &a[3], slope: SLOPE, eps: 1e-8 };
    layer.forward(&a[0], &a[1], &a[2])
}

fn how(up: bool) -> ModulatedConv2d {
    ModulatedConv2d { up, demodulate: true, scale: 0.3, gain: 1.4 }
}

fn modulated(a: &[Tensor], up: bool) -> Result<Tensor> {
    how(up).forward(&a[0], &a[1], &a[2])
}

/// Numbers that no gradient is asked for, of the type and on the device of `like`.
fn maps(like: &Tensor, shape: &[usize]) -> Result<Tensor> {
    Stream::new(3, 0, 0)
        .normal(shape, &Device::Cpu)?
        .to_dtype(like.dtype())?
        .to_device(like.device())
}

/// Checks all of them.
///
/// # Errors
///
/// When an operation cannot be computed at all.
pub fn check(device: &Device, report: &mut Report) -> std::result::Result<(), Failure> {
    in_float32(|_| true, "", device, report)?;
    if device.is_cuda() && !tf32_allowed() {
        allow_tf32(true);
        let checked = in_float32(|op| op.tf32 > FLOAT32, " with TF32", device, report);
        allow_tf32(false);
        checked?;
    }
    for dtype in [DType::BF16, DType::F16] {
        match half_supported(device, dtype) {
            Ok(()) => in_half(dtype, device, report)?,
            Err(error) => report.note(&format!("nothing in {}: {error}", dtype.as_str())),
        }
    }
    random(device, report)?;
    Ok(())
}

/// Against float64 on the processor.
fn in_float32(
    which: fn(&Op) -> bool,
    how: &str,
    device: &Device,
    report: &mut Report,
) -> Result<()> {
    for (number, op) in OPS.iter().enumerate().filter(|(_, op)| which(op)) {
        let inputs = inputs(op, number as u64)?;
        let got = evaluate(op, &inputs, DType::F32, device)?;
        let expected = evaluate(op, &inputs, DType::F64, &Device::Cpu)?;
        let tolerance = if tf32_allowed() { op.tf32 } else { FLOAT32 };
        compare(&format!("{}{how}", op.name), &got, &expected, tolerance, report);
    }
    Ok(())
}

/// Against the same on the processor.
fn in_half(dtype: DType, device: &Device, report: &mut Report) -> Result<()> {
    let tolerance = if dtype == DType::BF16 { BFLOAT16 } else { FLOAT16 };
    for (number, op) in OPS.iter().enumerate().filter(|(_, op)| op.halves) {
        let inputs = inputs(op, number as u64)?;
        let got = evaluate(op, &inputs, dtype, device)?;
        let expected = evaluate(op, &inputs, dtype, &Device::Cpu)?;
        let name = format!("{} in {}", op.name, dtype.as_str());
        compare(&name, &got, &expected, tolerance, report);
    }
    Ok(())
}

/// Lines for a result and its gradients.
fn compare(name: &str, got: &[Tensor], expected: &[Tensor], tolerance: f64, report: &mut Report) {
    for (place, (got, expected)) in got.iter().zip(expected).enumerate() {
        let what = match place {
            0 => name.to_owned(),
            _ => format!("{name}, gradient {}", place - 1),
        };
        let error = if got.dtype() == expected.dtype() || expected.dtype() == DType::F64 {
            relative_error(got, expected)
        } else {
            f64::INFINITY
        };
        report.compare(&what, error, tolerance);
    }
}

fn inputs(op: &Op, number: u64) -> Result<Vec<Tensor>> {
    let stream = |place: usize| Stream::new(1, number, place as u32);
    let shapes = op.shapes.iter().enumerate();
    shapes.map(|(place, shape)| stream(place).normal(*shape, &Device::Cpu)).collect()
}

/// The result, and its gradients for a fixed cotangent. What has other dimensions than the first argument is a parameter of channels, and never a half.
fn evaluate(op: &Op, inputs: &[Tensor], dtype: DType, device: &Device) -> Result<Vec<Tensor>> {
    let parameters = if dtype == DType::F64 { dtype } else { DType::F32 };
    let input = |x: &Tensor| {
        let dtype = if x.rank() == inputs[0].rank() { dtype } else { parameters };
        Var::from_tensor(&x.to_dtype(dtype)?.to_device(device)?)
    };
    let vars = inputs.iter().map(input).collect::<Result<Vec<_>>>()?;
    let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let y = (op.run)(&tensors)?;
    let cotangent = Stream::new(2, 0, 0).normal(y.shape().clone(), &Device::Cpu)?;
    let cotangent = cotangent.to_dtype(y.dtype())?.to_device(device)?;
    let gradients = (&y * cotangent)?.sum_all()?.backward()?;
    let mut all = vec![y];
    for var in &vars {
        // A gradient that is left out is one of zero.
        all.push(match gradients.get(var) {
            Some(gradient) => gradient.clone(),
            None => var.as_tensor().zeros_like()?,
        });
    }
    Ok(all)
}

/// Random numbers, whose bits are the same everywhere.
fn random(device: &Device, report: &mut Report) -> Result<()> {
    let stream = Stream::new(0x1234_5678_9abc_def0, 7, 11);
    let on = |device: &Device| -> Result<[Tensor; 3]> {
        Ok([
            stream.normal(100_003, device)?,
            stream.uniform(100_003, device)?,
            stream.salt_and_pepper(100_003, device)?,
        ])
    };
    let names = ["normal", "uniform", "salt and pepper"];
    for ((name, got), expected) in names.into_iter().zip(on(device)?).zip(on(&Device::Cpu)?) {
        let bits = |x: &Tensor| -> Result<Vec<u32>> {
            Ok(x.to_vec1::<f32>()?.into_iter().map(f32::to_bits).collect())
        };
        let same = bits(&got)? == bits(&expected)?;
        report.verdict(&format!("random numbers, {name}"), same, "the same bits");
    }
    Ok(())
}
