//! Identity, transposes, second order, distributions, the heuristic.

use candle_core::{Device, Result, Tensor, Var};
use stylegan_ops::random::Stream;
use stylegan_testkit::{Tolerance, assert_close, gradcheck, synthetic, synthetic_f64};

use crate::matrix::{about_grey, grey, identity, product};
use crate::{AdaHeuristic, AdaPipeline, AdaState, Augmentation, DiffAugment};

const SHAPE: (usize, usize, usize, usize) = (6, 3, 9, 8);

/// Augmentations of every kind for images of [`SHAPE`].
fn drawn() -> Vec<Augmentation> {
    let stream = Stream::new(3, 1, 0);
    let pipeline = |blit, geometric, color| AdaPipeline { blit, geometric, color };
    let mut all: Vec<_> = [
        pipeline(true, false, false),
        pipeline(false, true, false),
        pipeline(false, false, true),
        AdaPipeline::BGC,
    ]
    .map(|pipeline| pipeline.draw(0.8, SHAPE, stream).unwrap())
    .into();
    let diff = |color, translation, cutout| DiffAugment { color, translation, cutout };
    all.extend(
        [
            diff(true, false, false),
            diff(false, true, false),
            diff(false, false, true),
            DiffAugment::ALL,
        ]
        .map(|how| how.draw(SHAPE, stream).unwrap()),
    );
    all
}

fn sum(x: &Tensor) -> f64 {
    x.sum_all().unwrap().to_scalar::<f64>().unwrap()
}

#[test]
fn without_probability_every_bit_stays() -> Result<()> {
    let x = synthetic("x", SHAPE, 0.0, 1.0);
    let drawn = AdaPipeline::BGC.draw(0.0, SHAPE, Stream::new(3, 1, 0))?;
    assert!(drawn.is_none());
    let bits = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
    assert_eq!(bits(&drawn.forward(&x)?)?, bits(&x)?);
    assert_eq!(bits(&drawn.vjp(&x)?)?, bits(&x)?);
    Ok(())
}

#[test]
fn the_vjp_is_the_transpose_of_the_linear_part() -> Result<()> {
    let (x, g) = (synthetic_f64("x", SHAPE, 0.0, 1.0), synthetic_f64("g", SHAPE, 0.0, 1.0));
    for drawn in drawn() {
        let linear = (drawn.forward(&x)? - drawn.forward(&x.zeros_like()?)?)?;
        let (left, right) = (sum(&(&linear * &g)?), sum(&(&x * drawn.vjp(&g)?)?));
        assert!((left - right).abs() < 1e-9, "{drawn:?}: {left} {right}");
        assert!(sum(&(&linear - &x)?.sqr()?) > 1e-3, "nothing happened: {drawn:?}");
    }
    Ok(())
}

#[test]
fn both_are_differentiable() {
    let shape = (2, 3, 5, 4);
    let stream = Stream::new(5, 1, 0);
    let x = [synthetic_f64("x", shape, 0.0, 1.0)];
    let ada = AdaPipeline::BGC.draw(0.9, shape, stream).unwrap();
    for drawn in [ada, DiffAugment::ALL.draw(shape, stream).unwrap()] {
        gradcheck(|a| drawn.forward(&a[0])?.sqr(), &x, Tolerance::FINITE_DIFFERENCE);
        gradcheck(|a| drawn.vjp(&a[0])?.sqr(), &x, Tolerance::FINITE_DIFFERENCE);
    }
}

/// R1 of a critic `sum(w * tanh(A x))`: its gradient with respect to w, by hand-made first order and candle's backward, against
/// finite differences of the whole.
#[test]
fn a_penalty_through_the_augmentation_is_exact() -> Result<()> {
    let shape = (2, 3, 5, 4);
    let x = synthetic_f64("x", shape, 0.0, 1.0);
    let stream = Stream::new(5, 1, 0);
    let ada = AdaPipeline::BGC.draw(0.9, shape, stream)?;
    for drawn in [ada, DiffAugment::ALL.draw(shape, stream)?] {
        let penalty = |w: &[Tensor]| {
            let y = drawn.forward(&x)?.tanh()?;
            // d tanh = 1 - tanh^2.
            let gradient = (&w[0] * y.sqr()?.affine(-1.0, 1.0)?)?;
            drawn.vjp(&gradient)?.sqr()
        };
        let w = [synthetic_f64("w", shape, 0.0, 1.0)];
        gradcheck(penalty, &w, Tolerance::FINITE_DIFFERENCE);
    }
    Ok(())
}

#[test]
fn an_images_draws_do_not_depend_on_its_neighbours() -> Result<()> {
    let x = synthetic("x", SHAPE, 0.0, 1.0);
    let stream = Stream::new(9, 2, 4);
    let few = x.narrow(0, 0, 2)?;
    let whole = AdaPipeline::BGC.draw(0.7, SHAPE, stream)?.forward(&x)?.narrow(0, 0, 2)?;
    let part = AdaPipeline::BGC.draw(0.7, few.dims4()?, stream)?.forward(&few)?;
    assert_close("ada", &part, &whole, Tolerance::KERNEL);
    let whole = DiffAugment::ALL.draw(SHAPE, stream)?.forward(&x)?.narrow(0, 0, 2)?;
    let part = DiffAugment::ALL.draw(few.dims4()?, stream)?.forward(&few)?;
    assert_close("diffaugment", &part, &whole, Tolerance::KERNEL);
    Ok(())
}

#[test]
fn the_share_of_changed_images_is_that_of_the_probabilities() -> Result<()> {
    // Of eight gates of the geometric groups, five are independent with p, two turns together have p, and mirroring and quarter turns do nothing
    // in a half and a quarter of the cases.
    let n = 4000;
    let p = 0.2f64;
    let x = Tensor::zeros((n, 1, 4, 4), candle_core::DType::F32, &Device::Cpu)?;
    let draw = |pipeline: AdaPipeline| pipeline.draw(p, x.dims4().unwrap(), Stream::new(1, 2, 3));
    let unchanged = |drawn: Augmentation| format!("{drawn:?}").matches("None").count() as f64;
    let found = unchanged(draw(AdaPipeline { color: false, ..AdaPipeline::BGC })?) / n as f64;
    let expected = (1.0 - p / 2.0) * (1.0 - 0.75 * p) * (1.0 - p).powi(5);
    assert!((found - expected).abs() < 0.03, "{found} {expected}");
    Ok(())
}

#[test]
fn colour_maps_are_what_they_say() {
    let apply = |map: [[f64; 4]; 4], color: [f64; 3]| {
        [0, 1, 2].map(|i| (0..3).map(|j| map[i][j] * color[j]).sum::<f64>() + map[i][3])
    };
    let close = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
    let color = [0.3, -0.2, 0.5];
    let mean = 0.2;
    // Inversion of the luma mirrors the grey part, and leaves the rest.
    assert!(close(apply(about_grey(-1., 1., 0.), color), color.map(|c| c - 2.0 * mean)));
    // A third of a turn about the grey axis changes the components' places.
    let third = about_grey(1., 1., 2.0 * std::f64::consts::PI / 3.0);
    assert!(close(apply(third, color), [0.5, 0.3, -0.2]), "{:?}", apply(third, color));
    assert!(close(apply(about_grey(1., 0., 0.), color), [mean; 3]));
    assert!(close(apply(grey(2.0, 0.1), color), color.map(|c| 2.0 * c + 0.1)));
    assert_eq!(product(&third, &identity()), third);
}

#[test]
fn grey_and_transparent_images_are_augmented_too() -> Result<()> {
    for channels in [1, 4] {
        let x = synthetic("x", (8, channels, 8, 8), 0.0, 1.0);
        let color = AdaPipeline { blit: false, geometric: false, color: true };
        let y = color.draw(1.0, x.dims4()?, Stream::new(1, 1, 1))?.forward(&x)?;
        let difference = (&y - &x)?.sqr()?.sum((0, 2, 3))?.to_vec1::<f32>()?;
        assert!(difference[0] > 0.1);
        if channels == 4 {
            assert_eq!(difference[3], 0.0, "opacity stays");
        }
    }
    Ok(())
}

#[test]
fn the_generator_learns_through_it() -> Result<()> {
    let x = Var::from_tensor(&synthetic("x", SHAPE, 0.0, 1.0))?;
    let drawn = AdaPipeline::BGC.draw(0.6, SHAPE, Stream::new(1, 1, 1))?;
    let g = synthetic("g", SHAPE, 0.0, 1.0);
    let gradients = (drawn.forward(&x)? * &g)?.sum_all()?.backward()?;
    let gradient = gradients.get(&x).cloned().ok_or(candle_core::Error::Msg("none".into()))?;
    assert_close("gradient", &gradient, &drawn.vjp(&g)?, Tolerance::KERNEL);
    Ok(())
}

#[test]
fn p_follows_the_signs() {
    let heuristic = AdaHeuristic { target: 0.6, interval: 4, speed_kimg: 1.0 };
    let mut state = AdaState::new(0.5);
    for step in 1..=4 {
        state.count(1.0, 16);
        state.adjust(&heuristic, step);
        assert_eq!(state.p, if step < 4 { 0.5 } else { 0.5 + 0.064 });
    }
    assert_eq!((state.r_t, state.images), (1.0, 0));
    for step in 5..=400 {
        state.count(0.5, 16);
        state.adjust(&heuristic, step);
    }
    assert_eq!(state.p, 0.0, "it does not fall below 0");
    state.count(f64::NAN, 16);
    assert_eq!((state.signs, state.images), (0.0, 0));
    let mut full = AdaState::new(0.99);
    for step in 1..=400 {
        full.count(1.0, 16);
        full.adjust(&heuristic, step);
    }
    assert_eq!(full.p, 1.0);
}
