//! Structural similarity, of one scale (Wang et al. 2004, "Image Quality Assessment: From Error Visibility to Structural Similarity") and of several (Wang et al. 2003, "Multiscale Structural
//! Similarity for Image Quality Assessment").

use candle_core::{DType, Tensor};
use rayon::prelude::*;

use crate::MetricError;

/// Taps and width of the Gaussian window, in pixels.
const WINDOW: usize = 11;
const SIGMA: f64 = 1.5;

/// The constants that keep denominators from zero, for a range of values of 1.
const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;

/// Weights of the scales (Wang et al. 2003, section 3.2).
const WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// SSIM of each pair of two batches of images [N, C, H, W] in [-1, 1], in the mean over channels and positions: `[N]`.
///
/// The window is 11x11 within the image, smaller where the image is.
///
/// # Errors
/// [`MetricError::Settings`] if the batches differ in shape.
pub fn ssim(a: &Tensor, b: &Tensor) -> Result<Vec<f64>, MetricError> {
    pairs(a, b, |a, b| similarity(a, b).0)
}

/// MS-SSIM of each pair: `[N]`. At each of five scales contrast and structure, at the coarsest luminance too; images are halved by the mean of two by two. The
/// window shrinks with images smaller than itself, as in Progressive GAN's measurements.
///
/// # Errors
/// As [`ssim`], and if the images are smaller than 16x16.
pub fn ms_ssim(a: &Tensor, b: &Tensor) -> Result<Vec<f64>, MetricError> {
    if let [_, _, h, w] = *a.dims()
        && h.min(w) < 16
    {
        let said = format!("MS-SSIM halves images four times: 16x16 is the least, got {h}x{w}");
        return Err(MetricError::Settings(said));
    }
    pairs(a, b, |a, b| {
        let (mut a, mut b) = (a.clone(), b.clone());
        let mut product = 1.0;
        for (scale, weight) in WEIGHTS.iter().enumerate() {
            let (whole, structure) = similarity(&a, &b);
            let last = scale + 1 == WEIGHTS.len();
            // A negative correlation has no power, and counts as none.
            product *= if last { whole } else { structure }.max(0.0).powf(*weight);
            if !last {
                (a, b) = (a.halved(), b.halved());
            }
        }
        product
    })
}

/// One image's channels, values in [0, 1].
#[derive(Clone)]
struct Planes {
    height: usize,
    width: usize,
    /// [C, H, W]
    values: Vec<f64>,
}

impl Planes {
    fn size(&self) -> usize {
        self.height * self.width
    }

    /// The mean of two by two; what is left over of an odd side is dropped.
    fn halved(&self) -> Self {
        let (height, width) = (self.height / 2, self.width / 2);
        let mut values = Vec::with_capacity(self.values.len() / 4);
        for plane in self.values.chunks_exact(self.size()) {
            for y in 0..height {
                for x in 0..width {
                    let at = 2 * y * self.width + 2 * x;
                    let below = at + self.width;
                    let sum = plane[at] + plane[at + 1] + plane[below] + plane[below + 1];
                    values.push(sum / 4.0);
                }
            }
        }
        Self { height, width, values }
    }
}

fn pairs(
    a: &Tensor,
    b: &Tensor,
    of: impl Fn(&Planes, &Planes) -> f64 + Sync,
) -> Result<Vec<f64>, MetricError> {
    let [_, channels, height, width] = *a.dims() else {
        return Err(MetricError::Settings(format!("images are [N, C, H, W], got {:?}", a.dims())));
    };
    if a.dims() != b.dims() {
        let said = format!("images of {:?} and {:?} cannot be compared", a.dims(), b.dims());
        return Err(MetricError::Settings(said));
    }
    let planes = |images: &Tensor| -> Result<Vec<Planes>, MetricError> {
        let values =
            images.to_dtype(DType::F64)?.affine(0.5, 0.5)?.flatten_all()?.to_vec1::<f64>()?;
        let size = channels * height * width;
        let images = values.chunks_exact(size.max(1));
        Ok(images.map(|values| Planes { height, width, values: values.to_vec() }).collect())
    };
    let (a, b) = (planes(a)?, planes(b)?);
    Ok(a.par_iter().zip(&b).map(|(a, b)| of(a, b)).collect())
}

/// Of a pair: similarity, and its part of contrast and structure, in the mean over channels and positions.
fn similarity(a: &Planes, b: &Planes) -> (f64, f64) {
    let (mut whole, mut structure, mut count) = (0.0, 0.0, 0usize);
    let planes = a.values.chunks_exact(a.size()).zip(b.values.chunks_exact(b.size()));
    for (x, y) in planes {
        let product = |f: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
            let values: Vec<f64> = x.iter().zip(y).map(|(x, y)| f(*x, *y)).collect();
            blurred(&values, a.height, a.width)
        };
        let (mean_x, mean_y) = (product(&|x, _| x), product(&|_, y| y));
        let (xx, yy, xy) = (product(&|x, _| x * x), product(&|_, y| y * y), product(&|x, y| x * y));
        for i in 0..mean_x.len() {
            let (mx, my) = (mean_x[i], mean_y[i]);
            let (vx, vy, cov) = (xx[i] - mx * mx, yy[i] - my * my, xy[i] - mx * my);
            let contrast = (2.0 * cov + C2) / (vx + vy + C2);
            structure += contrast;
            whole += contrast * (2.0 * mx * my + C1) / (mx * mx + my * my + C1);
        }
        count += mean_x.len();
    }
    let count = count.max(1) as f64;
    (whole / count, structure / count)
}

/// The Gaussian window's weights along an axis of `size`.
fn window(size: usize) -> Vec<f64> {
    let taps = WINDOW.min(size).max(1);
    let sigma = SIGMA * taps as f64 / WINDOW as f64;
    let centre = (taps as f64 - 1.0) / 2.0;
    let weights: Vec<f64> = (0..taps)
        .map(|tap| (-(tap as f64 - centre).powi(2) / (2.0 * sigma * sigma)).exp())
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

/// The window's means wherever it lies within the plane.
fn blurred(plane: &[f64], height: usize, width: usize) -> Vec<f64> {
    let taps = window(height.min(width));
    let across = width + 1 - taps.len();
    let mut wide = Vec::with_capacity(height * across);
    for row in plane.chunks_exact(width) {
        wide.extend(
            (0..across)
                .map(|x| taps.iter().zip(&row[x..]).map(|(tap, value)| tap * value).sum::<f64>()),
        );
    }
    let down = height + 1 - taps.len();
    let mut out = vec![0.0; down * across];
    for (y, out) in out.chunks_exact_mut(across).enumerate() {
        for (tap, row) in taps.iter().zip(wide[y * across..].chunks_exact(across)) {
            out.iter_mut().zip(row).for_each(|(out, value)| *out += tap * value);
        }
    }
    out
}
