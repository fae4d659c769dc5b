//! Metrics during training: from names such as `ppl_w@100` to what measures them.

use stylegan_metrics::MetricError;
use stylegan_metrics::ppl::{PplSettings, Protocol, Sampling, Space};
use stylegan_trainer::Scheduled;
use stylegan_trainer::config::TrainConfig;
use stylegan_trainer::evaluation::PplMetric;

use crate::evaluating::DistanceArgs;
use crate::failure::Failure;

/// Every name that is known.
const NAMES: &str = "ppl_z, ppl_w, ppl_z_full, ppl_z_end, ppl_w_full and ppl_w_end";

/// What a configuration schedules; networks are opened here, so that what is missing is said before a run begins.
///
/// # Errors
///
/// A name or interval that is none, and weights that cannot be had.
pub fn schedule(config: &TrainConfig, distance: &DistanceArgs) -> Result<Vec<Scheduled>, Failure> {
    config.run.metrics.iter().map(|typed| one(typed, config, distance)).collect()
}

fn one(typed: &str, config: &TrainConfig, distance: &DistanceArgs) -> Result<Scheduled, Failure> {
    let (name, every_kimg) = parse(typed)?;
    let (space, sampling) = path(name)?;
    let (lpips, network) = distance.open()?;
    let own = PplSettings::new(Protocol::Stylegan1, space, sampling);
    let pairs = match config.run.metric_samples {
        0 => own.pairs,
        samples => samples,
    };
    // VGG16 looks at 32 pixels or more: smaller faces are compared whole.
    let (height, _) = config.image_size();
    let crop = own.crop && height >= 64;
    let metric = PplMetric {
        name: name.to_owned(),
        settings: PplSettings { pairs, crop, seed: config.run.seed, ..own },
        distance: Box::new(move |a, b| lpips.distance(a, b).map_err(MetricError::from)),
        network,
    };
    Ok(Scheduled { metric: Box::new(metric), every_kimg })
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

fn path(name: &str) -> Result<(Space, Sampling), Failure> {
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
        let random = DistanceArgs { random_features: Some(1), ..DistanceArgs::default() };
        let found = schedule(&config(&["ppl_w@0.5", "ppl_z_end@100"]), &random).unwrap();
        let names: Vec<_> = found.iter().map(|one| (one.metric.name(), one.every_kimg)).collect();
        assert_eq!(names, [("ppl_w", 0.5), ("ppl_z_end", 100.0)]);
        for bad in ["ppl_w", "ppl_w@", "ppl_w@-1", "ppl_w@nan", "ppl_v@5"] {
            assert!(schedule(&config(&[bad]), &random).is_err(), "{bad}");
        }
    }

    #[test]
    fn without_weights_the_hint_says_what_to_do() {
        let Err(failure) = schedule(&config(&["ppl_w@1"]), &DistanceArgs::default()) else {
            panic!("there are no weights");
        };
        assert!(failure.to_string().contains("--random-features"), "{failure}");
        assert!(schedule(&config(&[]), &DistanceArgs::default()).unwrap().is_empty());
    }
}
