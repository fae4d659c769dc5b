//! The sliced Wasserstein distance of Laplacian pyramids (Karras et al. 2018, "Progressive Growing of GANs", section 5): how alike two sets of images are at each scale.
//!
//! From every level of every image's pyramid, 128 neighbourhoods of 7x7 pixels are taken at random. Per level and set they are normalised to mean 0 and deviation 1 in each
//! channel; then the Wasserstein distance of the two sets' projections on random directions is averaged over 512 directions, times 1000.

mod pyramid;

use candle_core::{Device, Tensor};
use rayon::prelude::*;
use stylegan_ops::linear;
use stylegan_ops::random::Stream;

use crate::bootstrap::{self, Interval};
use crate::{ImageSource, MetricError, Watch, batches, check_images, quantised};
use pyramid::pyramid;

/// Side of a neighbourhood.
const SIDE: usize = 7;

/// Neighbourhoods of each level of each image.
const PER_IMAGE: usize = 128;

/// Directions, in groups that are projected at a time.
const DIRECTIONS: usize = 128;
const GROUPS: u64 = 4;

/// Images at a time.
const BATCH: usize = 16;

/// The coarsest level.
const COARSEST: usize = 16;

/// The streams of random numbers of places and directions.
const PLACES: u32 = 0x5e0d;
const DIRECTION: u32 = 0x5e0e;

/// The distance at one level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelDistance {
    /// The level's larger side.
    pub resolution: usize,
    /// The distance, times 1000.
    pub value: f64,
    /// Its interval over the directions.
    pub interval: Option<Interval>,
}

/// Bytes of an image's neighbourhoods of one level: see [`sliced_wasserstein_limit`].
const LEVEL_BYTES: usize = PER_IMAGE * 3 * SIDE * SIDE * size_of::<f32>();

/// The most images of this size whose neighbourhoods, of both sets, fit into `bytes`.
pub fn sliced_wasserstein_limit((height, width): (usize, usize), bytes: usize) -> usize {
    let levels = (height.min(width).max(COARSEST) / COARSEST).ilog2() as usize + 1;
    bytes / (2 * levels * LEVEL_BYTES)
}

/// The distance at every level of two sources' first `count` images (the paper: 16384), the finest first.
///
/// Neighbourhoods are held in memory, 75 kB an image, level and set; [`sliced_wasserstein_limit`] says how many images that allows.
///
/// # Errors
/// Of the sources; [`MetricError::Shape`] if the second's images have another size; [`MetricError::Settings`] for images smaller than 16x16; [`MetricError::TooFew`] for no
/// image; [`MetricError::Stopped`] on request.
pub fn sliced_wasserstein(
    a: &mut dyn ImageSource,
    b: &mut dyn ImageSource,
    count: usize,
    seed: u64,
    watch: &dyn Watch,
) -> Result<Vec<LevelDistance>, MetricError> {
    let count = [a.count(), b.count()].into_iter().flatten().fold(count, usize::min);
    if count == 0 {
        let metric = "the sliced Wasserstein distance";
        return Err(MetricError::TooFew { metric, what: "images", needed: 1, found: 0 });
    }
    let mut size = None;
    let first = descriptors(a, count, seed, &mut size, watch)?;
    let second = descriptors(b, count, seed, &mut size, watch)?;
    first
        .into_iter()
        .zip(second)
        .enumerate()
        .map(|(level, (a, b))| distance(level, a, b, seed))
        .collect()
}

/// The neighbourhoods of one level of one set: `[count * 128, 7 * 7 * C]`.
struct Level {
    resolution: usize,
    channels: usize,
    rows: Vec<f32>,
}

fn descriptors(
    source: &mut dyn ImageSource,
    count: usize,
    seed: u64,
    size: &mut Option<(usize, usize)>,
    watch: &dyn Watch,
) -> Result<Vec<Level>, MetricError> {
    let mut levels: Vec<Level> = Vec::new();
    for range in batches(count, BATCH) {
        if watch.stop() {
            return Err(MetricError::Stopped { what: "images", done: range.start, total: count });
        }
        let images = quantised(&check_images(source, range.clone())?)?;
        let (_, channels, height, width) = images.dims4()?;
        let expected = *size.get_or_insert((height, width));
        if expected != (height, width) {
            return Err(MetricError::Shape {
                images: source.identity(),
                range,
                expected: format!("images of {}x{}", expected.0, expected.1),
                found: images.dims().to_vec(),
            });
        }
        if height.min(width) < COARSEST {
            let said = format!("pyramids end at 16x16: got images of {height}x{width}");
            return Err(MetricError::Settings(said));
        }
        let values = images.flatten_all()?.to_vec1::<f32>()?;
        let all: Vec<Vec<Level>> = values
            .par_chunks_exact(channels * height * width)
            .enumerate()
            .map(|(index, image)| {
                let levels = pyramid(image, channels, (height, width), COARSEST);
                let image = (range.start + index) as u64;
                let levels = levels.iter().enumerate();
                levels.map(|(level, plane)| taken(plane, channels, seed, image, level)).collect()
            })
            .collect();
        for image in all {
            if levels.is_empty() {
                levels = image;
            } else {
                levels.iter_mut().zip(image).for_each(|(all, one)| all.rows.extend(one.rows));
            }
        }
        watch.reached("images", range.end, count);
    }
    Ok(levels)
}

/// Random neighbourhoods of one level of one image.
fn taken(map: &pyramid::Map, channels: usize, seed: u64, image: u64, level: usize) -> Level {
    let stream = Stream::new(seed, image, PLACES + level as u32 * 16);
    let (height, width) = (map.height, map.width);
    let mut rows = Vec::with_capacity(PER_IMAGE * channels * SIDE * SIDE);
    for index in 0..PER_IMAGE as u64 {
        let y = stream.below_at(2 * index, (height + 1 - SIDE) as u64) as usize;
        let x = stream.below_at(2 * index + 1, (width + 1 - SIDE) as u64) as usize;
        for plane in map.values.chunks_exact(height * width) {
            for y in y..y + SIDE {
                rows.extend_from_slice(&plane[y * width + x..][..SIDE]);
            }
        }
    }
    Level { resolution: height.max(width), channels, rows }
}

/// Mean 0 and deviation 1 in every channel.
fn normalise(level: &mut Level) {
    let area = SIDE * SIDE;
    let channels = level.channels;
    for channel in 0..channels {
        let (mut sum, mut squares, mut count) = (0f64, 0f64, 0usize);
        for part in level.rows.chunks_exact(area).skip(channel).step_by(channels) {
            for x in part {
                sum += f64::from(*x);
                squares += f64::from(*x).powi(2);
            }
            count += area;
        }
        let mean = sum / count.max(1) as f64;
        let deviation = (squares / count.max(1) as f64 - mean * mean).max(0.0).sqrt();
        // A level of one colour has nothing to be scaled.
        let gain = if deviation > 0.0 { 1.0 / deviation } else { 0.0 };
        for part in level.rows.chunks_exact_mut(area).skip(channel).step_by(channels) {
            part.iter_mut().for_each(|x| *x = ((f64::from(*x) - mean) * gain) as f32);
        }
    }
}

fn distance(
    index: usize,
    mut a: Level,
    mut b: Level,
    seed: u64,
) -> Result<LevelDistance, MetricError> {
    normalise(&mut a);
    normalise(&mut b);
    let dims = a.channels * SIDE * SIDE;
    let resolution = a.resolution;
    let rows = |level: Level| {
        let count = level.rows.len() / dims;
        Tensor::from_vec(level.rows, (count, dims), &Device::Cpu)
    };
    let (a, b) = (rows(a)?, rows(b)?);
    let mut values = Vec::new();
    for group in 0..GROUPS {
        let stream = Stream::new(seed, group, DIRECTION + index as u32 * 16);
        let directions = stream.normal((DIRECTIONS, dims), &Device::Cpu)?;
        let lengths = directions.sqr()?.sum_keepdim(1)?.sqrt()?;
        let directions = directions.broadcast_div(&lengths)?;
        // [directions, samples]
        let (a, b) = (linear(&directions, &a, 1.0)?, linear(&directions, &b, 1.0)?);
        let (a, b) = (a.to_vec2::<f32>()?, b.to_vec2::<f32>()?);
        let group: Vec<f64> = a
            .into_par_iter()
            .zip(b)
            .map(|(mut a, mut b)| {
                a.sort_unstable_by(f32::total_cmp);
                b.sort_unstable_by(f32::total_cmp);
                let sum: f64 = a.iter().zip(&b).map(|(a, b)| f64::from((a - b).abs())).sum();
                1e3 * sum / a.len() as f64
            })
            .collect();
        values.extend(group);
    }
    let value = values.iter().sum::<f64>() / values.len() as f64;
    Ok(LevelDistance { resolution, value, interval: bootstrap::of_mean(&values, seed) })
}
