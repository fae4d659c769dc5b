//! Against weights made for each image, and gradients of both orders.

use candle_core::{Result, Tensor};
use stylegan_testkit::{
    Form, Tolerance, assert_same_at_any_thread_count, every_form, gradcheck, synthetic,
    synthetic_f64,
};

use super::{EPS, ModulatedConv2d};
use crate::{Upfirdn, conv2d, flip_kernel, upfirdn2d};

const PLAIN: ModulatedConv2d =
    ModulatedConv2d { up: false, demodulate: true, scale: 0.3, gain: 1.7 };

/// Every image with weights of its own, as the paper writes it. Doubling inserts zeros, convolves and filters.
fn image_by_image(how: &ModulatedConv2d, x: &Tensor, w: &Tensor, style: &Tensor) -> Result<Tensor> {
    let (_, ci, _, kernel) = w.dims4()?;
    let mut images = Vec::new();
    for n in 0..x.dim(0)? {
        let style = style.narrow(0, n, 1)?.reshape((1, ci, 1, 1))?;
        let mut w = w.affine(how.scale, 0.0)?.broadcast_mul(&style)?;
        if how.demodulate {
            let energy = w.sqr()?.sum_keepdim((1, 2, 3))?.affine(1.0, EPS)?;
            w = w.broadcast_div(&energy.sqrt()?)?;
        }
        let x = x.narrow(0, n, 1)?;
        images.push(if how.up {
            // A transposed convolution spreads the kernel: a convolution with zeros between, mirrored.
            let pad = kernel as isize - 1;
            let zeros =
                Upfirdn { taps: vec![1.0], up: 2, down: 1, padding: (pad, pad - 1), gain: 1.0 };
            let y = conv2d(&upfirdn2d(&x, &zeros)?, &mirrored(&w)?, 1, 0, how.gain)?;
            upfirdn2d(&y, &Upfirdn::filtering(1, 4.0))?
        } else {
            conv2d(&x, &w, 1, kernel / 2, how.gain)?
        });
    }
    Tensor::cat(&images, 0)
}

fn mirrored(w: &Tensor) -> Result<Tensor> {
    if w.dtype() == candle_core::DType::F32 {
        return flip_kernel(w);
    }
    let reversed = Tensor::new(&[2u32, 1, 0], w.device())?;
    w.contiguous()?.index_select(&reversed, 2)?.index_select(&reversed, 3)
}

every_form!(equals_weights_made_for_each_image, |form: &Form| {
    let x = form.tensor("x", (3, 4, 5, 6));
    let style = form.tensor("s", (3, 4));
    for (kernel, up, demodulate) in
        [(3, false, true), (3, true, true), (3, true, false), (1, false, false), (3, false, false)]
    {
        let w = form.tensor("w", (5, 4, kernel, kernel));
        let how = ModulatedConv2d { up, demodulate, ..PLAIN };
        let ours = how.forward(&x, &w, &style).unwrap();
        assert_eq!(ours.dim(2).unwrap(), if up { 10 } else { 5 });
        form.assert_close("y", &ours, &image_by_image(&how, &x, &w, &style).unwrap());
    }
});

#[test]
fn the_result_does_not_depend_on_the_size_of_the_weights() -> Result<()> {
    let x = synthetic("x", (2, 4, 5, 6), 0.0, 1.0);
    let (w, style) = (synthetic("w", (5, 4, 3, 3), 0.0, 1.0), synthetic("s", (2, 4), 0.0, 1.0));
    let one = PLAIN.forward(&x, &w, &style)?;
    let other = PLAIN.forward(&x, &w.affine(7.0, 0.0)?, &style)?;
    stylegan_testkit::assert_close("y", &other, &one, Tolerance::REDUCTION);
    Ok(())
}

#[test]
fn gradients_match_finite_differences_to_the_second_order() {
    for (up, demodulate) in [(false, true), (true, true), (true, false)] {
        let how = ModulatedConv2d { up, demodulate, ..PLAIN };
        let side = if up { 6 } else { 3 };
        let inputs = [
            synthetic_f64("x", (2, 2, 3, 3), 0.0, 1.0),
            synthetic_f64("w", (3, 2, 3, 3), 0.0, 1.0),
            synthetic_f64("s", (2, 2), 1.0, 0.5),
            synthetic_f64("g", (2, 3, side, side), 0.0, 1.0),
        ];
        let forward = |a: &[Tensor]| how.forward(&a[0], &a[1], &a[2]);
        gradcheck(forward, &inputs[..3], Tolerance::FINITE_DIFFERENCE);
        let vjp = |a: &[Tensor]| -> Result<Tensor> {
            let (_, tape) = how.forward_with_vjp(&a[0], &a[1], &a[2])?;
            let (gx, gstyle) = tape.vjp(&a[3])?;
            gx.sqr()?.sum_all()? + gstyle.sqr()?.sum_all()?
        };
        gradcheck(vjp, &inputs, Tolerance::FINITE_DIFFERENCE);
    }
}

#[test]
fn the_tape_gives_what_backward_gives() -> Result<()> {
    let how = ModulatedConv2d { up: true, ..PLAIN };
    let var =
        |name, shape: &[usize]| candle_core::Var::from_tensor(&synthetic(name, shape, 0.0, 1.0));
    let (x, style) = (var("x", &[2, 4, 5, 6])?, var("s", &[2, 4])?);
    let w = synthetic("w", (5, 4, 3, 3), 0.0, 1.0);
    let (y, tape) = how.forward_with_vjp(&x, &w, &style)?;
    let g = synthetic("g", y.shape().clone(), 0.0, 1.0);
    let grads = y.mul(&g)?.sum_all()?.backward()?;
    let (gx, gstyle) = tape.vjp(&g)?;
    for (ours, var) in [(gx, &x), (gstyle, &style)] {
        let expected = grads.get(var).expect("a gradient");
        stylegan_testkit::assert_close("gradient", &ours, expected, Tolerance::REDUCTION);
    }
    Ok(())
}

#[test]
fn bits_do_not_depend_on_threads() {
    let x = synthetic("x", (3, 20, 16, 18), 0.0, 1.0);
    let (w, style) = (synthetic("w", (24, 20, 3, 3), 0.0, 1.0), synthetic("s", (3, 20), 1.0, 0.5));
    assert_same_at_any_thread_count("modulated_conv2d", || {
        let (y, tape) = ModulatedConv2d { up: true, ..PLAIN }.forward_with_vjp(&x, &w, &style)?;
        let (gx, gstyle) = tape.vjp(&y)?;
        Ok(vec![y, gx, gstyle])
    });
}
