//! The measurement: pair after pair, from a cache where they are in it.

use std::ops::Range;

use candle_core::{DType, Device, Result, Tensor};
use stylegan_ops::random::Stream;

use super::filter::filter;
use super::images::prepare;
use super::interpolate::{lerp, slerp};
use super::protocol::{Protocol, Sampling, Space};
use crate::{BlockCache, MetricError, MetricResult, Watch, bootstrap};

/// Streams of a minibatch.
const LATENTS: u32 = 0x9910;
const POSITIONS: u32 = 0x9911;
const LABELS: u32 = 0x9912;

/// A generator whose paths are measured: no truncation anywhere.
pub trait PathGenerator {
    /// What it is, for the keys of caches: it must change whenever its images would.
    fn identity(&self) -> String;

    /// Components of a latent.
    fn z_dim(&self) -> usize;

    /// Labels `[n, label_dim]` for `n` pairs, drawn from `stream`; none for a generator without classes.
    ///
    /// # Errors
    /// Whatever stands in the way.
    fn labels(&self, _n: usize, _stream: Stream) -> Result<Option<Tensor>> {
        Ok(None)
    }

    /// `z` `[N, z_dim]` and labels `[N, label_dim]` to `w` `[N, w_dim]`.
    ///
    /// # Errors
    /// Whatever stands in the way.
    fn map(&self, z: &Tensor, labels: Option<&Tensor>) -> Result<Tensor>;

    /// `w` `[N, w_dim]` to images `[N, C, H, W]`, nominal range [-1, 1]. All images of the call share one noise, drawn from
    /// `seed` and `step`.
    ///
    /// # Errors
    /// Whatever stands in the way.
    fn images(&self, w: &Tensor, seed: u64, step: u64) -> Result<Tensor>;
}

/// What is measured; [`PplSettings::new`] gives a protocol's own numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct PplSettings {
    /// Whose numbers it is to be compared with.
    pub protocol: Protocol,
    /// The space of the paths.
    pub space: Space,
    /// Where on a path.
    pub sampling: Sampling,
    /// The number of pairs.
    pub pairs: usize,
    /// The distance of the two points of a pair, as a share of the path (1e-4).
    pub epsilon: f64,
    /// Pairs that share one noise (16).
    pub minibatch: usize,
    /// Whether images are cropped to the middle of a face.
    pub crop: bool,
    /// The seed of latents, positions, noise and bootstrap.
    pub seed: u64,
}

impl PplSettings {
    /// The numbers of a protocol.
    pub fn new(protocol: Protocol, space: Space, sampling: Sampling) -> Self {
        Self {
            protocol,
            space,
            sampling,
            pairs: protocol.pairs(),
            epsilon: 1e-4,
            minibatch: 16,
            crop: protocol.crop(),
            seed: 0,
        }
    }

    /// How many minibatches the pairs make; the last one may be shorter.
    ///
    /// # Errors
    /// Numbers that nothing can be measured with.
    pub fn minibatches(&self) -> std::result::Result<usize, MetricError> {
        let &Self { pairs, epsilon, minibatch, .. } = self;
        if pairs == 0 || minibatch == 0 || epsilon.is_nan() || epsilon <= 0.0 {
            return Err(MetricError::Settings(format!(
                "path length needs pairs, a minibatch and an epsilon above 0, got {pairs}, {minibatch} and {epsilon}"
            )));
        }
        Ok(pairs.div_ceil(minibatch))
    }

    /// The metric's name: `ppl_w_end`.
    pub fn metric(&self) -> String {
        format!("ppl_{}_{}", self.space, self.sampling)
    }

    /// The protocol with all that tells it from its variants, of images of `side` pixels.
    fn description(&self, side: usize) -> String {
        let Self { protocol, pairs, epsilon, minibatch, .. } = self;
        let crop = if self.crop { "face crop" } else { "no crop" };
        format!(
            "{protocol} ({pairs} pairs, epsilon {epsilon:e}, {minibatch} a noise, {crop}, compared at {side}x{side})"
        )
    }
}

/// Perceptual path length (Karras et al. 2019, section 4.1): the mean distance of the images of two points that are `epsilon` of a path
/// apart, over `epsilon^2`, without the lowest and highest percentile.
///
/// `distance` takes two batches of images `[N, C, H, W]`, nominal range [-1, 1], and gives a distance a pair `[N]`: LPIPS on VGG16 in
/// all published figures. Minibatch after minibatch goes through `cache`, so that an interrupted measurement continues.
///
/// # Errors
/// Those of generator and distance, a distance that is not finite, a cache that cannot be written, and [`MetricError::Stopped`].
pub fn path_length(
    generator: &dyn PathGenerator,
    distance: &mut dyn FnMut(&Tensor, &Tensor) -> std::result::Result<Tensor, MetricError>,
    settings: &PplSettings,
    cache: &mut dyn BlockCache,
    watch: &dyn Watch,
) -> std::result::Result<MetricResult, MetricError> {
    let PplSettings { pairs, epsilon, .. } = *settings;
    let all = 0..settings.minibatches()?;
    let distances = path_distances(generator, distance, settings, all, cache, watch)?;
    let scale = 1.0 / (epsilon * epsilon);
    let distances: Vec<f64> = distances.into_iter().map(|value| f64::from(value) * scale).collect();
    let too_few = || MetricError::TooFew { metric: "ppl", what: "pairs", needed: 1, found: 0 };
    let filtered = filter(&distances).ok_or_else(too_few)?;
    // The size is the same for all; one image tells it.
    let (image, _) = pair_images(generator, settings, 0, 1)?;
    let all = distances.iter().sum::<f64>() / distances.len() as f64;
    let interval = bootstrap::of_mean(&filtered.kept, settings.seed);
    let description = settings.description(image.dim(3)?);
    Ok(MetricResult::new(settings.metric(), description, filtered.mean, pairs, settings.seed)
        .with_interval(interval)
        .with_detail("mean of all pairs", all)
        .with_detail("pairs between the percentiles", filtered.kept.len() as f64))
}

/// The distances of the pairs of some minibatches, not yet over `epsilon^2`. A pair does not depend on the others: who has them all in a cache has
/// [`path_length`]'s work done.
///
/// # Errors
/// As [`path_length`].
pub fn path_distances(
    generator: &dyn PathGenerator,
    distance: &mut dyn FnMut(&Tensor, &Tensor) -> std::result::Result<Tensor, MetricError>,
    settings: &PplSettings,
    minibatches: Range<usize>,
    cache: &mut dyn BlockCache,
    watch: &dyn Watch,
) -> std::result::Result<Vec<f32>, MetricError> {
    let PplSettings { pairs, minibatch, .. } = *settings;
    let mut distances = Vec::new();
    for step in minibatches {
        let start = step * minibatch;
        if watch.stop() {
            return Err(MetricError::Stopped { what: "pairs", done: start, total: pairs });
        }
        let (step, count) = (step as u64, minibatch.min(pairs - start));
        let values = match cache.get(step) {
            Some(values) if values.len() == count => values,
            _ => {
                let (a, b) = pair_images(generator, settings, step, count)?;
                let values = distance(&a, &b)?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
                if let Some(row) = values.iter().position(|value| !value.is_finite()) {
                    let (what, index) = ("path", start + row);
                    let images = generator.identity();
                    return Err(MetricError::NotFinite { what, index, images });
                }
                cache.put(step, &values)?;
                values
            }
        };
        distances.extend(values);
        watch.reached("pairs", start + count, pairs);
    }
    Ok(distances)
}

/// The images of both points of each pair of a minibatch, as they are compared.
fn pair_images(
    generator: &dyn PathGenerator,
    settings: &PplSettings,
    step: u64,
    count: usize,
) -> Result<(Tensor, Tensor)> {
    let stream = |id| Stream::new(settings.seed, step, id);
    let dim = generator.z_dim();
    // Latents of a whole minibatch even for a shorter last one, so that a pair does not depend on the number of pairs.
    let whole = settings.minibatch;
    let z = stream(LATENTS).normal((2 * whole, dim), &Device::Cpu)?;
    let (a, b) = (z.narrow(0, 0, count)?, z.narrow(0, whole, count)?);
    let start: Vec<f64> = match settings.sampling {
        Sampling::Full => (0..count as u64).map(|i| stream(POSITIONS).uniform_at(i)).collect(),
        Sampling::End => vec![0.0; count],
    };
    let end: Vec<f64> = start.iter().map(|t| t + settings.epsilon).collect();
    let labels = generator.labels(whole, stream(LABELS))?;
    let labels = labels.map(|labels| labels.narrow(0, 0, count)).transpose()?;
    let twice = labels.map(|labels| Tensor::cat(&[&labels, &labels], 0)).transpose()?;
    let w = match settings.space {
        Space::Z => {
            let points = Tensor::cat(&[slerp(&a, &b, &start)?, slerp(&a, &b, &end)?], 0)?;
            // Slerp gives unit lengths. A mapping network that normalises z alone does not see that; one that normalises it together with
            // a label would take the label for nearly everything, and gets the length that it was trained on.
            let length = if twice.is_some() { (dim as f64).sqrt() } else { 1.0 };
            generator.map(&points.affine(length, 0.0)?, twice.as_ref())?
        }
        Space::W => {
            let w = generator.map(&Tensor::cat(&[&a, &b], 0)?, twice.as_ref())?;
            let (a, b) = (w.narrow(0, 0, count)?, w.narrow(0, count, count)?);
            Tensor::cat(&[lerp(&a, &b, &start)?, lerp(&a, &b, &end)?], 0)?
        }
    };
    let images = generator.images(&w, settings.seed, step)?;
    let images = prepare(&images, settings.protocol, settings.crop)?;
    Ok((images.narrow(0, 0, count)?.contiguous()?, images.narrow(0, count, count)?.contiguous()?))
}
