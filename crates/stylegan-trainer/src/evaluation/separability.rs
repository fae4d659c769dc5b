//! Linear separability of a generator, by classifiers of attributes.

use std::collections::BTreeMap;
use std::time::Instant;

use candle_core::{Device, Tensor};
use stylegan::{Noise, NoiseKind};
use stylegan_metrics::separability::{Separability, SeparabilitySettings, Targets, evaluate};
use stylegan_metrics::{BlockCache, MetricError, MetricResult, NetworkId, Watch};
use stylegan_ops::random::Stream;

use super::Subject;
use crate::classifier::ClassifierSet;

/// Streams of a batch.
const LATENTS: u32 = 0x9920;
const LABELS: u32 = 0x9921;

/// How many images are judged, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeparabilityRun {
    /// Generated images (200,000).
    pub samples: usize,
    /// Those that each attribute keeps (100,000).
    pub keep: usize,
    /// Images at a time (50).
    pub batch: usize,
    /// The seed of latents, noise and bootstrap.
    pub seed: u64,
}

impl Default for SeparabilityRun {
    /// The official numbers.
    fn default() -> Self {
        Self { samples: 200_000, keep: 100_000, batch: 50, seed: 0 }
    }
}

/// The latents of all samples.
#[derive(Debug, Clone)]
pub struct Latents {
    /// `[n, z_dim]`.
    pub z: Tensor,
    /// `[n, w_dim]`, before any truncation.
    pub w: Tensor,
}

/// The metric in one space.
#[derive(Debug, Clone)]
pub struct SpaceResult {
    /// `z` or `w`.
    pub space: &'static str,
    /// What was found.
    pub found: Separability,
    /// As it is reported.
    pub result: MetricResult,
}

/// What each classifier makes of each generated image, `[samples, attributes]`: positive for those that have the attribute. Images
/// have random noise and no truncation. Batch after batch goes through `cache`.
///
/// # Errors
/// Those of the networks, a score that is not finite, a cache that cannot be written, and [`MetricError::Stopped`].
pub fn scores(
    subject: &Subject<'_>,
    classifiers: &ClassifierSet,
    run: &SeparabilityRun,
    cache: &mut dyn BlockCache,
    watch: &dyn Watch,
) -> Result<Vec<f32>, MetricError> {
    let attributes = classifiers.len();
    let mut all = Vec::with_capacity(run.samples * attributes);
    for (block, start) in (0..run.samples).step_by(run.batch.max(1)).enumerate() {
        if watch.stop() {
            return Err(MetricError::Stopped { what: "images", done: start, total: run.samples });
        }
        let count = run.batch.min(run.samples - start);
        let block = block as u64;
        let values = match cache.get(block) {
            Some(values) if values.len() == count * attributes => values,
            _ => {
                let (_, w) = block_latents(subject, run, block, count)?;
                let (seed, kind) = (run.seed, NoiseKind::Gaussian);
                let images = subject.draw(&w, Noise::Random { seed, step: block, kind })?;
                let values = classifiers.scores(&images)?;
                if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                    let (index, images) = (start + at / attributes, subject.identity.to_owned());
                    return Err(MetricError::NotFinite { what: "a score of image", index, images });
                }
                cache.put(block, &values)?;
                values
            }
        };
        all.extend(values);
        watch.reached("images", start + count, run.samples);
    }
    Ok(all)
}

/// The latents that [`scores`] judged the images of.
///
/// # Errors
/// Those of the mapping network.
pub fn latents(subject: &Subject<'_>, run: &SeparabilityRun) -> Result<Latents, MetricError> {
    let (mut z, mut w) = (Vec::new(), Vec::new());
    for (block, start) in (0..run.samples).step_by(run.batch.max(1)).enumerate() {
        let count = run.batch.min(run.samples - start);
        let (of_z, of_w) = block_latents(subject, run, block as u64, count)?;
        z.push(of_z);
        // Planes are found in main memory.
        w.push(of_w.to_device(&Device::Cpu)?);
    }
    Ok(Latents { z: Tensor::cat(&z, 0)?, w: Tensor::cat(&w, 0)? })
}

fn block_latents(
    subject: &Subject<'_>,
    run: &SeparabilityRun,
    block: u64,
    count: usize,
) -> candle_core::Result<(Tensor, Tensor)> {
    let dim = subject.generator.config().mapping.z_dim;
    let z = Stream::new(run.seed, block, LATENTS).normal((count, dim), &Device::Cpu)?;
    let labels = subject.labels(count, &Stream::new(run.seed, block, LABELS))?;
    let w = subject.generator.map(&z, labels.as_ref())?;
    Ok((z, w))
}

/// The metric in both spaces, from scores `[samples, attributes]`.
///
/// # Errors
/// Where nothing is kept, and those of the computation.
pub fn separability(
    latents: &Latents,
    scores: &[f32],
    classifiers: &ClassifierSet,
    run: &SeparabilityRun,
) -> Result<Vec<SpaceResult>, MetricError> {
    if run.keep == 0 || run.samples == 0 {
        let needed = 1;
        return Err(MetricError::TooFew { metric: "ls", what: "images", needed, found: 0 });
    }
    let targets = Targets::most_confident(scores, classifiers.len(), run.keep);
    let settings = SeparabilitySettings { seed: run.seed, ..SeparabilitySettings::default() };
    let spaces = [("z", &latents.z), ("w", &latents.w)];
    let evaluated = spaces.into_iter().map(|(space, x)| {
        let start = Instant::now();
        let found = evaluate(x, &targets, &settings)?;
        let mut result = report(space, &found, classifiers, run);
        result.seconds = start.elapsed().as_secs_f64();
        Ok(SpaceResult { space, found, result })
    });
    evaluated.collect()
}

fn report(
    space: &str,
    found: &Separability,
    classifiers: &ClassifierSet,
    run: &SeparabilityRun,
) -> MetricResult {
    let protocol = format!(
        "stylegan1 ({} of {} kept per attribute, linear SVM with C = 1, {} attributes, classifiers at {}x{} trained on {})",
        run.keep.min(run.samples),
        run.samples,
        classifiers.len(),
        classifiers.resolution(),
        classifiers.resolution(),
        classifiers.dataset(),
    );
    let mut result =
        MetricResult::new(format!("ls_{space}"), protocol, found.score, run.samples, run.seed)
            .with_interval(Some(found.interval));
    if let Some(score) = found.discriminant_score {
        result = result.with_detail("with linear discriminants", score);
    }
    for (classifier, attribute) in classifiers.iter().zip(&found.attributes) {
        let name = &classifier.about.attribute;
        let entropy = attribute.table.conditional_entropy();
        result = result.with_detail(format!("bits of {name}"), entropy);
        if let Some(ratio) = attribute.distance_ratio {
            result = result.with_detail(format!("nearest apart / farthest alike, {name}"), ratio);
        }
        if attribute.table.one_class() {
            result = result.with_note(format!(
                "{name}: all kept samples are of one class; as in the official metric, the attribute counts as perfectly separable"
            ));
        }
        let checksum = classifier.checksum.clone();
        result = result.with_network(NetworkId { name: name.clone(), checksum, random: None });
    }
    result.with_note(
        "the interval is of the samples, for the planes that were fitted; 0 bits are perfectly separable",
    )
}

/// The normals of a space as directions to edit with: a unit vector `[dim]` for each attribute, and what a file of them says about
/// itself.
///
/// # Errors
/// Those of the device.
pub fn directions(
    space: &SpaceResult,
    classifiers: &ClassifierSet,
    identity: &str,
) -> candle_core::Result<(BTreeMap<String, Tensor>, BTreeMap<String, String>)> {
    let mut tensors = BTreeMap::new();
    let mut metadata = BTreeMap::from([
        ("stylegan.directions".to_owned(), "1".to_owned()),
        ("space".to_owned(), space.space.to_owned()),
        ("model".to_owned(), identity.to_owned()),
    ]);
    for (classifier, attribute) in classifiers.iter().zip(&space.found.attributes) {
        let name = &classifier.about.attribute;
        let weight = &attribute.plane.weight;
        let length = weight.iter().map(|w| w * w).sum::<f64>().sqrt().max(1e-30);
        let unit: Vec<f32> = weight.iter().map(|w| (w / length) as f32).collect();
        tensors.insert(name.clone(), Tensor::from_vec(unit, weight.len(), &Device::Cpu)?);
        metadata.insert(format!("{name}.accuracy"), attribute.table.accuracy().to_string());
        // Where the plane lies along the unit normal: w . unit = offset on it.
        metadata.insert(format!("{name}.offset"), (-attribute.plane.bias / length).to_string());
    }
    Ok((tensors, metadata))
}
