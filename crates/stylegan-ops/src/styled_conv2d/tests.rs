//! The layer as one operation against the operations that it is made of.

use candle_core::{Result, Tensor, Var};
use stylegan_testkit::{
    Tolerance, assert_same_at_any_thread_count, assert_same_bits, gradcheck, synthetic,
    synthetic_f64,
};

use super::{Blurred, StyledConv2d, reference};

const UPS: [Option<Blurred>; 3] = [None, Some(Blurred(false)), Some(Blurred(true))];

/// Shapes of x, w, maps, style and what has one number a channel.
fn shapes(
    up: Option<Blurred>,
    (n, inputs, outputs, h, w): (usize, usize, usize, usize, usize),
    maps: usize,
) -> [Vec<usize>; 5] {
    let (weight, h_out, w_out) = match up {
        None => (vec![outputs, inputs, 3, 3], h, w),
        Some(_) => (vec![inputs, outputs, 4, 4], 2 * h, 2 * w),
    };
    [
        vec![n, inputs, h, w],
        weight,
        vec![maps, 1, h_out, w_out],
        vec![n, 2 * outputs],
        vec![outputs],
    ]
}

/// One of the two forms.
type FormOf = fn(&StyledConv2d<'_>, &Tensor, &Tensor, &Tensor) -> Result<Tensor>;

const ONE: FormOf = |layer, x, w, style| layer.forward(x, w, style);

/// The output, then the gradients of x, w, style, bias and the noise's weights.
fn all(
    form: FormOf,
    up: Option<Blurred>,
    size: (usize, usize, usize, usize, usize),
    maps: Option<usize>,
) -> Result<Vec<Tensor>> {
    let [x, w, noise, style, channels] = shapes(up, size, maps.unwrap_or(1));
    let var = |name: &str, shape: &Vec<usize>| {
        Var::from_tensor(&synthetic(name, shape.clone(), 0.0, 1.0))
    };
    let (x, w, style) = (var("x", &x)?, var("w", &w)?, var("style", &style)?);
    let (bias, weight) = (var("b", &channels)?, var("noise weight", &channels)?);
    let noise = synthetic("noise", noise, 0.0, 1.0);
    let layer = StyledConv2d {
        up,
        scale: 0.3,
        noise: maps.map(|_| (&noise, weight.as_tensor())),
        bias: &bias,
        slope: 0.2,
        eps: 1e-8,
    };
    let y = form(&layer, &x, &w, &style)?;
    let g = synthetic("g", y.shape(), 0.0, 1.0);
    let grads = y.mul(&g)?.sum_all()?.backward()?;
    let mut found = vec![y];
    found.extend([&x, &w, &style, &bias].map(|v| grads.get(v).expect("tracked").clone()));
    found.extend(grads.get(&weight).cloned());
    assert_eq!(found.len(), 5 + usize::from(maps.is_some()));
    Ok(found)
}

#[test]
fn one_operation_gives_the_bits_of_all() -> Result<()> {
    for up in UPS {
        for (size, maps) in [
            ((2, 17, 19, 8, 8), Some(2)),
            ((2, 17, 19, 16, 16), Some(1)),
            ((3, 5, 7, 4, 6), None),
            ((1, 3, 2, 5, 3), Some(1)),
        ] {
            let one = all(ONE, up, size, maps)?;
            let apart = all(reference::forward, up, size, maps)?;
            let names = ["y", "gx", "gw", "gstyle", "gbias", "gweight"];
            for (name, (one, apart)) in names.iter().zip(one.iter().zip(&apart)) {
                assert_same_bits(&format!("{name} of {up:?} {size:?}"), one, apart);
            }
        }
    }
    Ok(())
}

#[test]
fn gradients_match_finite_differences() {
    for up in UPS {
        let shapes = shapes(up, (2, 2, 3, 2, 3), 2);
        let [x, w, noise, style, channels] = shapes;
        let inputs = [
            synthetic_f64("x", x, 0.0, 1.0),
            synthetic_f64("w", w, 0.0, 1.0),
            synthetic_f64("style", style, 0.0, 1.0),
            synthetic_f64("b", channels.clone(), 0.0, 1.0),
            synthetic_f64("noise weight", channels, 0.0, 1.0),
            synthetic_f64("noise", noise, 0.0, 1.0),
        ];
        gradcheck(
            |a| {
                let noise = Some((&a[5], &a[4]));
                let layer =
                    StyledConv2d { up, scale: 0.3, noise, bias: &a[3], slope: 0.2, eps: 1e-8 };
                layer.forward(&a[0], &a[1], &a[2])
            },
            &inputs,
            Tolerance::FINITE_DIFFERENCE,
        );
    }
}

#[test]
fn a_tracked_noise_gets_its_gradient() -> Result<()> {
    let [x, w, noise, style, channels] = shapes(None, (2, 3, 4, 5, 5), 1);
    let (x, w) = (synthetic("x", x, 0.0, 1.0), synthetic("w", w, 0.0, 1.0));
    let (style, channels) = (synthetic("s", style, 0.0, 1.0), synthetic("c", channels, 0.0, 1.0));
    let noise = Var::from_tensor(&synthetic("noise", noise, 0.0, 1.0))?;
    let layer = StyledConv2d {
        up: None,
        scale: 0.3,
        noise: Some((&noise, &channels)),
        bias: &channels,
        slope: 0.2,
        eps: 1e-8,
    };
    let grads = layer.forward(&x, &w, &style)?.sqr()?.sum_all()?.backward()?;
    assert!(grads.get(&noise).is_some());
    Ok(())
}

#[test]
fn bits_do_not_depend_on_threads() {
    for up in UPS {
        assert_same_at_any_thread_count("styled_conv2d", || {
            all(ONE, up, (3, 20, 33, 8, 12), Some(3))
        });
    }
}

#[test]
fn wrong_arguments_are_refused() {
    let [x, w, noise, style, channels] = shapes(None, (2, 3, 4, 5, 5), 1);
    let (x, w) = (synthetic("x", x, 0.0, 1.0), synthetic("w", w, 0.0, 1.0));
    let (style, c) = (synthetic("s", style, 0.0, 1.0), synthetic("c", channels, 0.0, 1.0));
    let (noise, other) = (synthetic("n", noise, 0.0, 1.0), synthetic("n", (1, 1, 4, 5), 0.0, 1.0));
    let three = synthetic("c", 3, 0.0, 1.0);
    let layer = StyledConv2d {
        up: None,
        scale: 1.0,
        noise: Some((&noise, &c)),
        bias: &c,
        slope: 0.2,
        eps: 1e-8,
    };
    let refused = |layer: StyledConv2d<'_>, style: &Tensor, what: &str| {
        let error = layer.forward(&x, &w, style).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    };
    refused(StyledConv2d { noise: Some((&other, &c)), ..layer }, &style, "[1 or 2, 1, 5, 5]");
    refused(StyledConv2d { noise: Some((&noise, &three)), ..layer }, &style, "noise weight [4]");
    refused(StyledConv2d { bias: &three, ..layer }, &style, "bias [4]");
    refused(StyledConv2d { slope: -1.0, ..layer }, &style, "slope");
    refused(layer, &c, "style [2, 8]");
}
