//! Structural similarity, and distances of pyramids.

use candle_core::{Device, Tensor};
use stylegan_ops::random::Stream;

use crate::{FromFn, Silent, ms_ssim, sliced_wasserstein, sliced_wasserstein_limit, ssim};

fn noise(count: usize, size: usize, step: u64) -> Tensor {
    let images = Stream::new(9, step, 0).uniform((count, 3, size, size), &Device::Cpu).unwrap();
    images.affine(1.0, -0.5).unwrap()
}

#[test]
fn an_image_is_like_itself() {
    let images = noise(2, 32, 0);
    for value in
        ssim(&images, &images).unwrap().into_iter().chain(ms_ssim(&images, &images).unwrap())
    {
        assert!((value - 1.0).abs() < 1e-12, "{value}");
    }
}

#[test]
fn even_images_differ_in_luminance_alone() {
    // Means 0.25 and 0.75 in [0, 1], no variance.
    let a = Tensor::full(-0.5f32, (1, 3, 16, 16), &Device::Cpu).unwrap();
    let b = a.neg().unwrap();
    let expected = (2.0 * 0.25 * 0.75 + 1e-4) / (0.25f64.powi(2) + 0.75f64.powi(2) + 1e-4);
    assert!((ssim(&a, &b).unwrap()[0] - expected).abs() < 1e-9);
    assert!((ms_ssim(&a, &b).unwrap()[0] - expected.powf(0.1333)).abs() < 1e-9);
}

#[test]
fn noise_makes_images_less_alike_and_coarse_scales_suffer_less() {
    let smooth: Vec<f32> = (0..64 * 64).map(|i| ((i / 64 + i % 64) as f32 / 10.0).sin()).collect();
    let image = Tensor::from_vec(smooth, (1, 1, 64, 64), &Device::Cpu).unwrap();
    let image = image.repeat((1, 3, 1, 1)).unwrap().affine(0.5, 0.0).unwrap();
    let noisy = (&image + noise(1, 64, 1).affine(0.5, 0.0).unwrap()).unwrap();
    let (one, many) = (ssim(&image, &noisy).unwrap()[0], ms_ssim(&image, &noisy).unwrap()[0]);
    assert!(one > 0.05 && one < many && many < 1.0, "{one} {many}");
}

#[test]
fn images_of_other_sizes_are_refused() {
    assert!(ssim(&noise(1, 32, 0), &noise(1, 64, 0)).is_err());
    let error = ms_ssim(&noise(1, 8, 0), &noise(1, 8, 0)).unwrap_err().to_string();
    assert!(error.contains("8x8"), "{error}");
}

#[test]
fn a_set_is_as_far_from_itself_as_nothing_and_smooth_images_are_far_from_noise() {
    let source = |step: u64, smooth: bool| {
        FromFn::new("noise", Some(40), move |range: std::ops::Range<usize>| {
            let images = noise(40, 32, step).narrow(0, range.start, range.len())?;
            if !smooth {
                return Ok(images);
            }
            let coarse = images.avg_pool2d(4)?;
            Ok(coarse.upsample_nearest2d(32, 32)?)
        })
    };
    let itself =
        sliced_wasserstein(&mut source(1, false), &mut source(1, false), 40, 0, &Silent).unwrap();
    assert_eq!(itself.iter().map(|level| level.resolution).collect::<Vec<_>>(), [32, 16]);
    assert!(itself.iter().all(|level| level.value == 0.0));
    let near =
        sliced_wasserstein(&mut source(1, false), &mut source(2, false), 40, 0, &Silent).unwrap();
    let far =
        sliced_wasserstein(&mut source(1, false), &mut source(2, true), 40, 0, &Silent).unwrap();
    // Few images are never at no distance; but what differs is beyond chance.
    let (chance, apart) = (near[0].interval.unwrap(), far[0].interval.unwrap());
    assert!(apart.low > 1.5 * chance.high, "{near:?} {far:?}");
    let interval = far[0].interval.unwrap();
    assert!(interval.low < far[0].value && far[0].value < interval.high);
}

#[test]
fn memory_bounds_the_images_of_the_sliced_distance() {
    // 128 neighbourhoods of 7x7x3 numbers: 75,264 bytes an image, level and set. 16x16 has one level, 64x64 three.
    assert_eq!(sliced_wasserstein_limit((16, 16), 2 * 75_264), 1);
    assert_eq!(sliced_wasserstein_limit((64, 64), 60 * 75_264), 10);
}
