//! The kernel inception distance (Bińkowski et al. 2018, "Demystifying MMD GANs", section 4): the unbiased estimate of the squared maximum mean discrepancy under the
//! kernel `(x y / D + 1)^3`.

use candle_core::{Device, Tensor};
use stylegan_ops::linear;
use stylegan_ops::random::Stream;

use crate::bootstrap::{self, Interval};
use crate::features::Features;
use crate::{MetricError, Watch};

/// The streams of random numbers that subsets are drawn with.
const STREAMS: [u32; 2] = [0x61d0, 0x61d1];

const METRIC: &str = "KID";

/// Sums of the kernel over all pairs of a set's rows and another's, without the diagonal where the two are one.
fn kernel_sum(a: &Features, b: &Features, same: bool) -> Result<f64, MetricError> {
    let dims = a.dims();
    let scale = 1.0 / dims as f64;
    let mut sum = 0.0;
    for first in a.blocks() {
        let (at, rows) = first?;
        let left = Tensor::from_slice(&rows, (rows.len() / dims, dims), &Device::Cpu)?;
        for second in b.blocks() {
            let (other, rows) = second?;
            let right = Tensor::from_slice(&rows, (rows.len() / dims, dims), &Device::Cpu)?;
            let products = linear(&left, &right, scale)?.to_vec2::<f32>()?;
            for (i, row) in products.iter().enumerate() {
                let cubes = row.iter().map(|x| (f64::from(*x) + 1.0).powi(3));
                sum += cubes.sum::<f64>();
                if same && (other..other + row.len()).contains(&(at + i)) {
                    sum -= (f64::from(row[at + i - other]) + 1.0).powi(3);
                }
            }
        }
    }
    Ok(sum)
}

/// The estimate from all rows of both sets.
///
/// # Errors
/// [`MetricError::TooFew`] for fewer than two rows, [`MetricError::Settings`] for different dimensions.
pub fn kernel_distance(a: &Features, b: &Features) -> Result<f64, MetricError> {
    check(a, b)?;
    let (m, n) = (a.count() as f64, b.count() as f64);
    let own = kernel_sum(a, a, true)? / (m * (m - 1.0)) + kernel_sum(b, b, true)? / (n * (n - 1.0));
    Ok(own - 2.0 * kernel_sum(a, b, false)? / (m * n))
}

/// The mean over subsets, and its bootstrap interval over them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KernelDistance {
    /// The mean.
    pub value: f64,
    /// Its interval.
    pub interval: Option<Interval>,
    /// Rows of a subset.
    pub subset: usize,
}

/// The mean of the estimate over `subsets` pairs of random subsets of at most `size` rows each, drawn without repetition: as published figures are made.
///
/// # Errors
/// As [`kernel_distance`], and [`MetricError::Stopped`] on request.
pub fn kernel_distance_of_subsets(
    a: &Features,
    b: &Features,
    subsets: usize,
    size: usize,
    seed: u64,
    watch: &dyn Watch,
) -> Result<KernelDistance, MetricError> {
    check(a, b)?;
    let size = size.min(a.count()).min(b.count());
    let mut values = Vec::with_capacity(subsets);
    for subset in 0..subsets {
        if watch.stop() {
            return Err(MetricError::Stopped { what: "subsets", done: subset, total: subsets });
        }
        let draw = |features: &Features, stream: u32| -> Result<Features, MetricError> {
            let stream = Stream::new(seed, subset as u64, stream);
            let chosen = chosen(&stream, features.count(), size);
            let shape = (size, features.dims());
            let rows = Tensor::from_vec(features.select(&chosen)?, shape, &Device::Cpu)?;
            Features::from_tensor(&rows)
        };
        values.push(kernel_distance(&draw(a, STREAMS[0])?, &draw(b, STREAMS[1])?)?);
        watch.reached("subsets", subset + 1, subsets);
    }
    let value = values.iter().sum::<f64>() / values.len().max(1) as f64;
    Ok(KernelDistance { value, interval: bootstrap::of_mean(&values, seed), subset: size })
}

/// `size` of `count` indices without repetition, in rising order so that a file is read forwards.
fn chosen(stream: &Stream, count: usize, size: usize) -> Vec<usize> {
    let mut order = stream.permutation(count);
    order.truncate(size);
    order.sort_unstable();
    order
}

fn check(a: &Features, b: &Features) -> Result<(), MetricError> {
    if a.dims() != b.dims() {
        let (a, b) = (a.dims(), b.dims());
        let said = format!("features of {a} and of {b} numbers cannot be compared");
        return Err(MetricError::Settings(said));
    }
    match a.count().min(b.count()) {
        found @ 0..2 => {
            Err(MetricError::TooFew { metric: METRIC, what: "images", needed: 2, found })
        }
        _ => Ok(()),
    }
}
