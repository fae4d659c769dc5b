//! Training of classifiers.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::{DType, Device, Result as TensorResult, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use stylegan::{Discriminator, DiscriminatorConfig, Parameters, Structure};
use stylegan_dataset::Dataset;
use stylegan_losses::softplus;
use stylegan_ops::random::Stream;

use super::{About, Classifier, ClassifierError};
use crate::gradients::Gradients;
use crate::optimizer::{Adam, AdamConfig};
use crate::reals;

/// Streams of random numbers.
const ORDER: u32 = 0xc1a0;
const MIRROR: u32 = 0xc1a1;
const SPLIT: u32 = 0xc1a2;

/// How classifiers are trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassifierConfig {
    /// Thousands of images that each is shown.
    pub kimg: f64,
    /// Images a step (32).
    pub batch: usize,
    /// The rate of Adam (0.001); it falls to zero over the second half.
    pub learning_rate: f64,
    /// Overall multiplier of the number of feature maps.
    pub fmap_base: usize,
    /// Upper bound of that number.
    pub fmap_max: usize,
    /// The share of images that is held out (0.1).
    pub held_out: f64,
    /// Whether images are mirrored at random.
    pub mirror: bool,
    /// The seed of weights and order.
    pub seed: u64,
}

impl Default for ClassifierConfig {
    /// Networks of a size for a laptop: those of the paper have 8192 and 512 feature maps at 256x256.
    fn default() -> Self {
        Self {
            kimg: 20.0,
            batch: 32,
            learning_rate: 1e-3,
            fmap_base: 1024,
            fmap_max: 64,
            held_out: 0.1,
            mirror: true,
            seed: 0,
        }
    }
}

/// The network for images of a data set: StyleGAN's discriminator at full resolution. It does without the minibatch standard deviation, so that
/// what is said of an image does not depend on those beside it.
pub fn network_config(config: &ClassifierConfig, dataset: &dyn Dataset) -> DiscriminatorConfig {
    DiscriminatorConfig {
        resolution: dataset.resolution().0,
        channels: dataset.channels(),
        fmap_base: config.fmap_base,
        fmap_max: config.fmap_max,
        mbstd_group_size: 0,
        structure: Structure::Fixed,
        ..DiscriminatorConfig::default()
    }
}

/// What became of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Trained {
    /// Its classifier was in the folder.
    Found(About),
    /// It was trained now.
    Done(About),
    /// Training was stopped before.
    Stopped {
        /// The attribute's name.
        attribute: String,
    },
}

/// Trains a classifier for each component of the label, several at a time, and writes each into `folder` when it is done; those
/// whose files are there already are left as they are, so that a stopped training continues.
///
/// Each learns the cross-entropy of the sigmoid of twice its score. The same last part of a random order is held out from all, to
/// tell their accuracy. `progress` hears the images shown so far, over all attributes, and how many there will be.
///
/// The files do not depend on the number of threads.
///
/// # Errors
/// A data set without labels or with too few images, and what keeps a file from being written.
pub fn train(
    dataset: &dyn Dataset,
    config: &ClassifierConfig,
    folder: &Path,
    device: &Device,
    stop: &AtomicBool,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Vec<Trained>, ClassifierError> {
    let names = dataset.label_names();
    let count = dataset.label_dim();
    if count == 0 {
        return Err(ClassifierError::NoLabels { dataset: dataset.describe() });
    }
    let held_out = (dataset.len() as f64 * config.held_out).round().max(1.0) as usize;
    let needed = 2 * config.batch.max(1);
    if dataset.len() < held_out + needed {
        return Err(ClassifierError::TooFew { images: dataset.len(), needed: held_out + needed });
    }
    let order = Stream::new(config.seed, 0, SPLIT).permutation(dataset.len());
    let (seen, held_out) = order.split_at(dataset.len() - held_out);
    let images = (config.kimg * 1000.0).max(1.0) as u64;
    let shown = std::sync::atomic::AtomicU64::new(0);
    let one = |index: usize| -> Result<Trained, ClassifierError> {
        let attribute = names.get(index).cloned().unwrap_or_else(|| format!("label_{index}"));
        let report = |more: u64| {
            let before = shown.fetch_add(more, Ordering::Relaxed);
            progress(before + more, images * count as u64);
        };
        let path = Classifier::file(folder, &attribute);
        if path.is_file() {
            let about = Classifier::open(&path, device)?.about;
            if about.dataset == dataset.fingerprint() {
                report(images);
                return Ok(Trained::Found(about));
            }
        }
        let job = Job { dataset, config, device, index, seen, held_out };
        let parameters = Parameters::new(config.seed ^ (index as u64) << 32, DType::F32, device);
        let network = network_config(config, dataset);
        let Some(accuracy) = job.run(&network, &parameters, images, stop, &report)? else {
            return Ok(Trained::Stopped { attribute });
        };
        let about = About {
            attribute,
            index,
            network,
            dataset: dataset.fingerprint(),
            accuracy: accuracy.right,
            share: accuracy.share,
            held_out: held_out.len(),
            kimg: config.kimg,
            seed: config.seed,
        };
        Classifier::save(folder, &about, &parameters)?;
        Ok(Trained::Done(about))
    };
    if device.is_cpu() {
        return (0..count).into_par_iter().with_max_len(1).map(one).collect();
    }
    // A GPU is full with one of them.
    (0..count).map(one).collect()
}

/// The training of one attribute.
struct Job<'a> {
    dataset: &'a dyn Dataset,
    config: &'a ClassifierConfig,
    device: &'a Device,
    index: usize,
    seen: &'a [usize],
    held_out: &'a [usize],
}

/// What a classifier makes of the images that are held out.
struct Accuracy {
    right: f64,
    share: f64,
}

impl Job<'_> {
    /// Trains and judges; `None` if it was stopped.
    fn run(
        &self,
        network: &DiscriminatorConfig,
        parameters: &Parameters,
        images: u64,
        stop: &AtomicBool,
        report: &dyn Fn(u64),
    ) -> Result<Option<Accuracy>, ClassifierError> {
        let tracked = Discriminator::new(network, parameters.builder())?;
        let mut adam = Adam::new(AdamConfig::default());
        let batch = self.config.batch.max(1);
        let steps = images.div_ceil(batch as u64);
        for step in 0..steps {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let indices = self.batch(step, batch);
            let (x, sides) = self.read(&indices, Some(step))?;
            let scores = tracked.forward(&x, 0.0, None)?.score;
            let loss = softplus(&(scores * sides.affine(-2.0, 0.0)?)?)?.mean_all()?;
            let gradients = Gradients::of(parameters, loss.backward()?);
            let done = step as f64 / steps as f64;
            let rate = self.config.learning_rate * (2.0 * (1.0 - done)).min(1.0);
            adam.step(parameters, &gradients, rate)?;
            report((batch as u64).min(images - step * batch as u64));
        }
        let frozen = Discriminator::new(network, parameters.frozen_builder())?;
        Ok(Some(self.judge(&frozen)?))
    }

    fn judge(&self, network: &Discriminator) -> Result<Accuracy, ClassifierError> {
        let (mut right, mut positive) = (0usize, 0usize);
        for indices in self.held_out.chunks(100) {
            let (x, sides) = self.read(indices, None)?;
            let scores = network.forward(&x, 0.0, None)?.score.to_vec1::<f32>()?;
            for (score, side) in scores.into_iter().zip(sides.to_vec1::<f32>()?) {
                right += usize::from((score > 0.0) == (side > 0.0));
                positive += usize::from(side > 0.0);
            }
        }
        let count = self.held_out.len() as f64;
        Ok(Accuracy { right: right as f64 / count, share: positive as f64 / count })
    }

    /// The images of a step: each pass over them has an order of its own.
    fn batch(&self, step: u64, batch: usize) -> Vec<usize> {
        let n = self.seen.len() as u64;
        let first = step * batch as u64;
        let mut order: Option<(u64, Vec<usize>)> = None;
        (first..first + batch as u64)
            .map(|position| {
                let pass = position / n;
                if order.as_ref().is_none_or(|(of, _)| *of != pass) {
                    let stream = Stream::new(self.config.seed, pass, ORDER);
                    order = Some((pass, stream.permutation(self.seen.len())));
                }
                let place = (position % n) as usize;
                order.as_ref().map_or(0, |(_, order)| self.seen[order[place]])
            })
            .collect()
    }

    /// Images `[N, C, H, W]` and sides `[N]`, 1 or -1; mirrored at random in a step of training.
    fn read(
        &self,
        indices: &[usize],
        step: Option<u64>,
    ) -> Result<(Tensor, Tensor), ClassifierError> {
        let ((height, width), channels) = (self.dataset.resolution(), self.dataset.channels());
        let (mut bytes, mut sides) = (Vec::new(), Vec::new());
        for (place, &index) in indices.iter().enumerate() {
            let mut sample = self.dataset.get(index)?;
            let coin =
                |step| Stream::new(self.config.seed, step, MIRROR).bits_at(place as u64)[0] & 1;
            if self.config.mirror && step.map(coin) == Some(1) {
                sample.image.data.chunks_exact_mut(width).for_each(<[u8]>::reverse);
                self.dataset.mirror_label(&mut sample.label);
            }
            bytes.extend_from_slice(&sample.image.data);
            sides.push(if sample.label[self.index] > 0.5 { 1f32 } else { -1.0 });
        }
        let tensors = || -> TensorResult<_> {
            let shape = (indices.len(), channels, height, width);
            let images = reals::process(&bytes, shape, 0, 0.0, self.device)?;
            Ok((images, Tensor::from_vec(sides, indices.len(), self.device)?))
        };
        Ok(tensors()?)
    }
}
