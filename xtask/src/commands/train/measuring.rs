//! Metrics during training: from names such as `ppl_w@100` to what measures them.

use std::path::PathBuf;
use std::sync::Arc;

use stylegan_dataset::Dataset;
use stylegan_features::{Backbone, Inception, Sampling as Pixels};
use stylegan_metrics::ppl::{PplSettings, Protocol, Sampling, Space};
use stylegan_metrics::{InceptionExtractor, MetricError};
use stylegan_trainer::Scheduled;
use stylegan_trainer::config::TrainConfig;
use stylegan_trainer::evaluation::{FeatureDistance, FidMetric, PplMetric};

use crate::device;
use crate::evaluating::{cache_folder, fits_crop};
use crate::failure::{Failure, OrFail};
use crate::weights::WeightsArgs;

/// Every name that is known.
const NAMES: &str = "fid, kid, ppl_z, ppl_w, ppl_z_full, ppl_z_end, ppl_w_full and ppl_w_end";

/// Generated images of fid and kid, and training images that they are compared with at most, where the protocol's number is wanted.
const IMAGES: usize = 50_000;

/// A metric whose network is open; some want the training images too.
pub struct Opened {
    metric: Metric,
    every_kimg: f64,
}

enum Metric {
    Path(Box<PplMetric>),
    Images { distance: FeatureDistance, network: Box<InceptionExtractor>, cache: PathBuf },
}

/// What a configuration schedules; networks are opened here, so that what is missing is said before images are read.
///
/// # Errors
///
/// A name or interval that is none, and weights that cannot be had.
pub fn open(config: &TrainConfig, weights: &WeightsArgs) -> Result<Vec<Opened>, Failure> {
    config.run.metrics.iter().map(|typed| one(typed, config, weights)).collect()
}

impl Opened {
    /// The metric over these training images.
    pub fn over(self, data: &Arc<dyn Dataset>, config: &TrainConfig) -> Scheduled {
        let every_kimg = self.every_kimg;
        let (distance, network, cache) = match self.metric {
            Metric::Path(metric) => return Scheduled { metric, every_kimg },
            Metric::Images { distance, network, cache } => (distance, network, cache),
        };
        let samples = match config.run.metric_samples {
            0 => IMAGES,
            samples => samples,
        };
        let metric = FidMetric {
            distance,
            network,
            data: data.clone(),
            mirror: config.data.mirror,
            samples,
            seed: config.run.seed,
            cache: Some(cache),
            real: None,
            device: device::chosen().clone(),
        };
        Scheduled { metric: Box::new(metric), every_kimg }
    }
}

fn one(typed: &str, config: &TrainConfig, weights: &WeightsArgs) -> Result<Opened, Failure> {
    let (name, every_kimg) = parse(typed)?;
    let metric = match name {
        "fid" => images(FeatureDistance::Frechet, weights)?,
        "kid" => images(FeatureDistance::Kernel, weights)?,
        _ => path(name, config, weights)?,
    };
    Ok(Opened { metric, every_kimg })
}

fn images(distance: FeatureDistance, weights: &WeightsArgs) -> Result<Metric, Failure> {
    let cache = cache_folder(None)?;
    let weights = weights.load("inception", &Inception::shapes())?;
    let network = InceptionExtractor::new(&weights, Pixels::TensorFlow1).or_user()?;
    Ok(Metric::Images { distance, network: Box::new(network), cache })
}

fn path(name: &str, config: &TrainConfig, weights: &WeightsArgs) -> Result<Metric, Failure> {
    let (space, sampling) = ends(name)?;
    let (lpips, network) = weights.lpips(Backbone::Vgg16)?;
    let own = PplSettings::new(Protocol::Stylegan1, space, sampling);
    let pairs = match config.run.metric_samples {
        0 => own.pairs,
        samples => samples,
    };
    let crop = own.crop && fits_crop(config.image_size().0);
    Ok(Metric::Path(Box::new(PplMetric {
        name: name.to_owned(),
        settings: PplSettings { pairs, crop, seed: config.run.seed, ..own },
        distance: Box::new(move |a, b| lpips.distance(a, b).map_err(MetricError::from)),
        network,
        device: device::chosen().clone(),
    })))
}

/// A name and the thousands of images between two measurements.
fn parse(typed: &str) -> Result<(&str, f64), Failure> {
    let parts = typed.split_once('@');
    let parts = parts.and_then(|(name, every)| Some((name, every.parse::<f64>().ok()?)));
    parts.filter(|(_, every)| *every > 0.0 && every.is_finite()).ok_or_else(|| {
        Failure::user(format!("`{typed}` is no metric with an interval"))
            .hint("an example: --metrics ppl_w@100 measures every 100 kimg")
    })
}

fn ends(name: &str) -> Result<(Space, Sampling), Failure> {
    match name {
        "ppl_z" | "ppl_z_full" => Ok((Space::Z, Sampling::Full)),
        "ppl_z_end" => Ok((Space::Z, Sampling::End)),
        "ppl_w" | "ppl_w_full" => Ok((Space::W, Sampling::Full)),
        "ppl_w_end" => Ok((Space::W, Sampling::End)),
        _ => Err(Failure::user(format!("`{name}` cannot be measured during training"))
            .hint(format!("what can is {NAMES}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(metrics: &[&str]) -> TrainConfig {
        let mut config = TrainConfig::default();
        config.run.metrics = metrics.iter().map(ToString::to_string).collect();
        config
    }

    #[test]
    fn names_have_intervals() {
        let random = WeightsArgs { random_features: Some(1), ..WeightsArgs::default() };
        let found = open(&config(&["ppl_w@0.5", "ppl_z_end@100"]), &random).unwrap();
        let data: Arc<dyn Dataset> = Arc::new(
            stylegan_dataset::Faces::new(stylegan_dataset::FacesConfig {
                count: 2,
                ..Default::default()
            })
            .unwrap(),
        );
        let names: Vec<_> = found
            .into_iter()
            .map(|one| one.over(&data, &config(&[])))
            .map(|one| (one.metric.name().to_owned(), one.every_kimg))
            .collect();
        assert_eq!(names, [("ppl_w".to_owned(), 0.5), ("ppl_z_end".to_owned(), 100.0)]);
        for bad in ["ppl_w", "ppl_w@", "ppl_w@-1", "ppl_w@nan", "ppl_v@5", "fid"] {
            assert!(open(&config(&[bad]), &random).is_err(), "{bad}");
        }
    }

    #[test]
    fn weights_that_cannot_be_had_are_said_before_images_are_read() {
        let files = vec![("vgg16".to_owned(), PathBuf::from("nowhere.pth"))];
        let nowhere = WeightsArgs { files, ..WeightsArgs::default() };
        let Err(failure) = open(&config(&["ppl_w@1"]), &nowhere) else {
            panic!("there is no such file");
        };
        assert!(failure.to_string().contains("nowhere.pth"), "{failure}");
        assert!(open(&config(&[]), &nowhere).unwrap().is_empty());
    }
}
