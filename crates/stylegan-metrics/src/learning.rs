//! How near generated faces are to the bundled ones: one protocol for all training recipes, on features of [`FaceAttributes`].
//!
//! N generated images are compared with the first N real ones by the Fréchet distance (with all of them where N is below 2,000), and the first 2,000 of either
//! side by precision and recall; and the share of each attribute among the generated faces is set beside the real share. The network knows only these faces, so
//! that the figures compare with each other, and only where N is the same: the distance falls as N grows.

use candle_core::{Device, Tensor};
use stylegan_features::{FaceAttributes, FeatureError, Weights};

use crate::extract::network_id;
use crate::features::Features;
use crate::{
    Divisor, Extractor, Gaussian, MetricError, NetworkId, Watch, frechet_distance, precision_recall,
};

/// Images of either side that precision and recall look at; and generated ones from which on the distance takes as many real ones.
const FIRST: usize = 2000;

/// Neighbours of precision and recall.
const NEIGHBOURS: usize = 3;

/// The bundled faces' network as an extractor.
#[derive(Debug, Clone)]
pub struct FaceExtractor {
    network: FaceAttributes,
    id: NetworkId,
}

impl FaceExtractor {
    /// Takes its weights.
    ///
    /// # Errors
    /// As [`FaceAttributes::new`].
    pub fn new(weights: &Weights) -> Result<Self, FeatureError> {
        let id = network_id("faces-attributes", weights);
        Ok(Self { network: FaceAttributes::new(weights)?, id })
    }

    /// The network.
    pub fn network(&self) -> &FaceAttributes {
        &self.network
    }
}

impl Extractor for FaceExtractor {
    fn id(&self) -> NetworkId {
        self.id.clone()
    }

    fn dims(&self) -> usize {
        FaceAttributes::DIMS
    }

    fn features(&self, images: &Tensor) -> Result<Tensor, FeatureError> {
        self.network.features(images)
    }
}

/// The share of the rows whose logit is above 0, attribute by attribute.
///
/// # Errors
/// [`MetricError::TooFew`] without rows; if the features are not the network's.
pub fn attribute_shares(
    features: &Features,
    network: &FaceAttributes,
) -> Result<Vec<f64>, MetricError> {
    let mut counts = vec![0usize; FaceAttributes::LABELS.len()];
    for block in features.blocks() {
        let (_, rows) = block?;
        let shape = (rows.len() / features.dims(), features.dims());
        let logits = network.logits(&Tensor::from_slice(&rows, shape, &Device::Cpu)?)?;
        count_positive(&logits.to_vec2::<f32>()?, &mut counts);
    }
    if features.count() == 0 {
        let (metric, what) = ("the attributes' shares", "images");
        return Err(MetricError::TooFew { metric, what, needed: 1, found: 0 });
    }
    Ok(counts.iter().map(|&count| count as f64 / features.count() as f64).collect())
}

fn count_positive(logits: &[Vec<f32>], counts: &mut [usize]) {
    for row in logits {
        for (count, logit) in counts.iter_mut().zip(row) {
            *count += usize::from(*logit > 0.0);
        }
    }
}

/// The place where two lists of shares differ most; the first of several.
pub fn farthest(a: &[f64], b: &[f64]) -> Option<usize> {
    let mut farthest: Option<(usize, f64)> = None;
    for (index, (a, b)) in a.iter().zip(b).enumerate() {
        let difference = (a - b).abs();
        if farthest.is_none_or(|(_, largest)| difference > largest) {
            farthest = Some((index, difference));
        }
    }
    farthest.map(|(index, _)| index)
}

/// The real images, as far as samples of one number are compared with them.
#[derive(Debug)]
pub struct Reference {
    /// Real images that the distance is of.
    gaussian: Gaussian,
    /// Those of precision and recall.
    first: Features,
    /// The share of each attribute among all of them.
    shares: Vec<f64>,
    floor: Floor,
}

/// What a perfect generator would get: distances of real images from other real ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    /// Of the real images in even places and those in odd places.
    pub halves: f64,
    /// Of the first N and the following N, where there are so many: what N samples are compared with.
    pub samples: Option<f64>,
}

/// How near generated images came.
#[derive(Debug, Clone, PartialEq)]
pub struct LearningScore {
    /// The Fréchet distance.
    pub distance: f64,
    /// The share of generated images among the real ones.
    pub precision: f64,
    /// The share of real images among the generated ones.
    pub recall: f64,
    /// The share of each attribute among the generated images.
    pub shares: Vec<f64>,
}

impl Reference {
    /// Of the features of real images, for `samples` generated ones.
    ///
    /// # Errors
    /// [`MetricError::TooFew`] for fewer than four real images.
    pub fn new(
        real: &Features,
        samples: usize,
        network: &FaceAttributes,
    ) -> Result<Self, MetricError> {
        let count = real.count();
        if count < 4 {
            let (metric, what) = ("the real images' halves", "real images");
            return Err(MetricError::TooFew { metric, what, needed: 4, found: count });
        }
        let gaussian = |features: &Features| Gaussian::of(features, Divisor::Unbiased);
        let half = |first: usize| -> Result<_, MetricError> {
            gaussian(&rows(real, &(first..count).step_by(2).collect::<Vec<_>>())?)
        };
        let halves = frechet_distance(&half(0)?, &half(1)?)?.value();
        let range = |range: std::ops::Range<usize>| rows(real, &range.collect::<Vec<_>>());
        let own = gaussian(&range(0..compared(samples, count))?)?;
        let other = samples >= 2 && 2 * samples <= count;
        let samples = if other {
            let first = if own.count == samples { &own } else { &gaussian(&range(0..samples)?)? };
            let next = gaussian(&range(samples..2 * samples)?)?;
            Some(frechet_distance(first, &next)?.value())
        } else {
            None
        };
        Ok(Self {
            gaussian: own,
            first: range(0..count.min(FIRST))?,
            shares: attribute_shares(real, network)?,
            floor: Floor { halves, samples },
        })
    }

    /// What a perfect generator would get.
    pub fn floor(&self) -> Floor {
        self.floor
    }

    /// The share of each attribute among the real images.
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// How near the features of generated images are, whose number is the one that the reference was made for.
    ///
    /// # Errors
    /// [`MetricError::TooFew`] for fewer than four images; [`MetricError::Stopped`] on request.
    pub fn score(
        &self,
        generated: &Features,
        network: &FaceAttributes,
        watch: &dyn Watch,
    ) -> Result<LearningScore, MetricError> {
        let own = Gaussian::of(generated, Divisor::Unbiased)?;
        let distance = frechet_distance(&self.gaussian, &own)?.value();
        let first: Vec<usize> = (0..generated.count().min(FIRST)).collect();
        let first = rows(generated, &first)?;
        let both = precision_recall(&self.first, &first, NEIGHBOURS, 0, watch)?;
        let shares = attribute_shares(generated, network)?;
        Ok(LearningScore { distance, precision: both.precision, recall: both.recall, shares })
    }
}

/// Real images, of `count`, that the distance of so many samples is taken of.
fn compared(samples: usize, count: usize) -> usize {
    if samples >= FIRST { samples.min(count) } else { count }
}

/// Some rows in memory.
fn rows(features: &Features, indices: &[usize]) -> Result<Features, MetricError> {
    let rows = features.select(indices)?;
    let shape = (indices.len(), features.dims());
    Features::from_tensor(&Tensor::from_vec(rows, shape, &Device::Cpu)?)
}

#[cfg(test)]
mod tests {
    use stylegan_ops::random::Stream;

    use super::*;
    use crate::Silent;

    fn network() -> FaceAttributes {
        FaceAttributes::new(&FaceAttributes::bundled().unwrap()).unwrap()
    }

    fn features(count: usize, step: u64, shift: f64) -> Features {
        let rows = Stream::new(5, step, 0).normal((count, FaceAttributes::DIMS), &Device::Cpu);
        Features::from_tensor(&rows.unwrap().affine(1.0, shift).unwrap()).unwrap()
    }

    #[test]
    fn logits_above_zero_are_counted() {
        let mut counts = vec![0; 3];
        count_positive(&[vec![0.0, 1.0, -1.0], vec![f32::NAN, 0.1, 2.0]], &mut counts);
        assert_eq!(counts, [0, 2, 1]);
    }

    #[test]
    fn the_largest_difference_is_found_in_either_direction() {
        assert_eq!(farthest(&[0.5, 0.1, 0.9], &[0.4, 0.4, 0.8]), Some(1));
        assert_eq!(farthest(&[0.5, 0.9], &[0.4, 0.1]), Some(1));
        assert_eq!(farthest(&[], &[]), None);
    }

    #[test]
    fn shares_are_those_of_the_networks_logits() {
        let network = network();
        let features = features(1500, 0, 0.0);
        let rows = features.block(0..1500).unwrap().to_vec();
        let rows = Tensor::from_vec(rows, (1500, FaceAttributes::DIMS), &Device::Cpu).unwrap();
        let logits = network.logits(&rows).unwrap().to_vec2::<f32>().unwrap();
        let shares = attribute_shares(&features, &network).unwrap();
        for (attribute, share) in shares.iter().enumerate() {
            let positive = logits.iter().filter(|row| row[attribute] > 0.0).count();
            assert_eq!(*share, positive as f64 / 1500.0);
        }
        let none = Features::from_tensor(&rows.narrow(0, 0, 0).unwrap()).unwrap();
        assert!(matches!(attribute_shares(&none, &network), Err(MetricError::TooFew { .. })));
    }

    #[test]
    fn as_many_real_images_are_compared_from_two_thousand_on() {
        assert_eq!(compared(1999, 10_000), 10_000);
        assert_eq!(compared(2000, 10_000), 2000);
        assert_eq!(compared(20_000, 10_000), 10_000);
    }

    #[test]
    fn a_shift_of_all_features_is_its_squared_length_farther() {
        let network = network();
        let real = features(120, 0, 0.0);
        let reference = Reference::new(&real, 40, &network).unwrap();
        let same = reference.score(&features(120, 0, 0.0), &network, &Silent).unwrap();
        assert!(same.distance.abs() < 1e-3, "{same:?}");
        assert_eq!((same.precision, same.recall), (1.0, 1.0));
        assert_eq!(same.shares, reference.shares());
        let moved = reference.score(&features(120, 0, 0.5), &network, &Silent).unwrap();
        let squared = 0.25 * FaceAttributes::DIMS as f64;
        assert!((moved.distance - squared).abs() < 1e-2, "{moved:?}");
        let Floor { halves, samples } = reference.floor();
        assert!(halves > 0.0 && samples.unwrap() > halves, "fewer samples are farther apart");
        assert_eq!(Reference::new(&real, 61, &network).unwrap().floor().samples, None);
    }
}
