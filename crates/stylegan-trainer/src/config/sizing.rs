//! A configuration for people's own images: networks, batch and length that follow from the images and from the time there is.

use stylegan_losses::GeneratorLoss;

use super::presets::{lasting, small_stylegan2};
use super::{AugmentMode, ConfigError, DiscriminatorLossKind, TrainConfig};
use crate::estimate::{Machine, Workload};

/// What is known of a set of images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageSet {
    /// How many there are.
    pub count: usize,
    /// The smallest height and width among them.
    pub smallest: (usize, usize),
    /// The height over the width of most of them.
    pub aspect: f64,
    /// 1 where all are grey, else 3.
    pub channels: usize,
    /// Components of their labels, where these are to be used; 0 without.
    pub label_dim: usize,
}

/// How long a run may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Budget {
    /// By the clock of this machine.
    Hours(f64),
    /// Thousands of real images shown.
    Kimg(f64),
}

/// A configuration, and why it is as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Sizing {
    /// Complete, but for the source of the images and the run's name.
    pub config: TrainConfig,
    /// What was chosen, and from what it follows.
    pub reasons: Vec<String>,
    /// What will not come out well.
    pub warnings: Vec<String>,
}

/// Thousands of images without which a resolution shows little, from runs on the bundled faces.
const NEEDED_KIMG: [(usize, f64); 7] = [
    (16, 10.0),
    (32, 30.0),
    (64, 120.0),
    (128, 500.0),
    (256, 2000.0),
    (512, 8000.0),
    (1024, 25_000.0),
];

/// Below so many images, a discriminator soon knows them by heart.
const FEW: usize = 5000;

/// Fewer images than this are a few pictures to repeat.
const VERY_FEW: usize = 100;

/// The sides of the smallest block: 4 for the shorter one.
const SHORT_SIDE: usize = 4;

impl Sizing {
    /// Sizes a run. `resolution` is the one asked for; without it, it is the largest that the images and the time allow.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] for images that are too small or none, and for a budget that is no positive number.
    pub fn new(
        images: &ImageSet,
        resolution: Option<usize>,
        budget: Budget,
        machine: &Machine,
    ) -> Result<Self, ConfigError> {
        let invalid = |key, problem: String| ConfigError::Invalid { key, problem };
        let (Budget::Hours(length) | Budget::Kimg(length)) = budget;
        if !(length > 0.0 && length.is_finite()) {
            return Err(invalid(
                "run.total_kimg",
                format!("follows from {length}, which is no length of a run"),
            ));
        }
        if images.count == 0 {
            return Err(invalid("data.source", "holds no image".to_owned()));
        }
        let shorter = images.smallest.0.min(images.smallest.1);
        if shorter < 8 {
            let problem = format!(
                "holds an image of {} x {} pixels; 8 on the shorter side are the least",
                images.smallest.0, images.smallest.1
            );
            return Err(invalid("data.source", problem));
        }
        // 28 pixels are nearer to 32 than to 16.
        let fitting = (shorter + shorter / 3).ilog2().clamp(3, 10);
        let of_images = 1usize << fitting;
        let kimg_of = |resolution: usize| kimg(images, resolution, budget, machine);
        let chosen = match resolution {
            Some(resolution) => resolution,
            None => {
                let candidates = (4..=fitting).rev().map(|log| 1usize << log);
                let mut enough = None;
                for candidate in candidates {
                    if kimg_of(candidate)? >= needed(candidate) {
                        enough = Some(candidate);
                        break;
                    }
                }
                enough.unwrap_or(of_images.min(32))
            }
        };
        let total = (kimg_of(chosen)? * 10.0).round().max(1.0) / 10.0;
        let config = lasting(shaped(images, chosen)?, total);
        let mut sizing = Self { config, reasons: Vec::new(), warnings: Vec::new() };
        sizing.explain(images, (chosen, of_images), resolution.is_some(), budget);
        Ok(sizing)
    }

    fn explain(
        &mut self,
        images: &ImageSet,
        (chosen, of_images): (usize, usize),
        asked: bool,
        budget: Budget,
    ) {
        let c = &self.config;
        let (height, width) = c.image_size();
        let why = match (asked, chosen < of_images) {
            (true, _) => "as asked".to_owned(),
            (false, true) => {
                format!("the images have {of_images}, for which there is not the time")
            }
            (false, false) => "the images have no more".to_owned(),
        };
        let channels = if c.network.channels == 1 { "grey" } else { "in colour" };
        self.reasons.push(format!("{height} x {width} pixels, {channels}: {why}"));
        let length = match budget {
            Budget::Hours(hours) => format!("what {hours} h are estimated to be enough for here"),
            Budget::Kimg(_) => "as asked".to_owned(),
        };
        self.reasons.push(format!("{:.0} kimg: {length}", c.run.total_kimg));
        let passes = c.run.total_kimg * 1000.0 / images.count as f64;
        let augment = match c.augment.mode {
            AugmentMode::Ada => format!(
                "so few that the discriminator sees changed images only (ADA); each is shown {passes:.0} times"
            ),
            _ => format!("enough to do without augmentation; each is shown {passes:.1} times"),
        };
        self.reasons.push(format!("{} images: {augment}", images.count));
        if images.label_dim > 0 {
            self.reasons
                .push(format!("labels of {} components, told to both networks", images.label_dim));
        }
        if images.label_dim == 1 {
            let warning = "all images are of one class, and its label tells the networks nothing: leave --classes away";
            self.warnings.push(warning.to_owned());
        }
        let needed = needed(chosen);
        if c.run.total_kimg < needed {
            self.warnings.push(format!(
                "{chosen}x{chosen} wants some {needed:.0} kimg, and this run sees {:.0}: give it more time (--hours), or a lower --resolution",
                c.run.total_kimg
            ));
        }
        if chosen > of_images {
            self.warnings.push(format!(
                "the smallest image has {} x {} pixels: at {chosen}x{chosen} it is enlarged, and the networks learn the blur",
                images.smallest.0, images.smallest.1
            ));
        }
        if images.count < VERY_FEW {
            self.warnings.push(format!(
                "{} images are very few: the generator will repeat them. Some hundreds are the least, thousands are good; --init-from a model of similar images helps",
                images.count
            ));
        }
    }
}

/// Thousands of images that the budget allows at a resolution.
fn kimg(
    images: &ImageSet,
    resolution: usize,
    budget: Budget,
    machine: &Machine,
) -> Result<f64, ConfigError> {
    match budget {
        Budget::Kimg(kimg) => Ok(kimg),
        Budget::Hours(hours) => Workload::kimg_within(&shaped(images, resolution)?, hours, machine),
    }
}

/// The thousands of images that a resolution wants.
fn needed(resolution: usize) -> f64 {
    let found = NEEDED_KIMG.into_iter().find(|(size, _)| *size >= resolution);
    found.map_or(NEEDED_KIMG[6].1, |(_, kimg)| kimg)
}

/// Networks and batches of a resolution for these images.
fn shaped(images: &ImageSet, resolution: usize) -> Result<TrainConfig, ConfigError> {
    let mut config = small_stylegan2(resolution);
    config.network.channels = images.channels;
    config.network.base = base(images.aspect);
    config.data.labels = images.label_dim > 0;
    if images.count < FEW {
        // ADA follows the sign of real scores, which a relativistic loss leaves free.
        config.augment.mode = AugmentMode::Ada;
        config.loss.generator = GeneratorLoss::NonSaturating;
        config.loss.discriminator = DiscriminatorLossKind::Logistic;
        config.loss.r2_gamma = 0.0;
    }
    config.validate()?;
    Ok(config)
}

/// The smallest block of an aspect ratio, height over width: square unless one side is a quarter longer, and at most twice as long.
fn base(aspect: f64) -> [usize; 2] {
    let longer = |ratio: f64| {
        ((SHORT_SIDE as f64 * ratio).round() as usize).clamp(SHORT_SIDE, 2 * SHORT_SIDE)
    };
    if aspect >= 1.0 { [longer(aspect), SHORT_SIDE] } else { [SHORT_SIDE, longer(1.0 / aspect)] }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACES: ImageSet =
        ImageSet { count: 10_000, smallest: (300, 300), aspect: 1.0, channels: 3, label_dim: 0 };

    fn sized(images: ImageSet, budget: Budget) -> Sizing {
        Sizing::new(&images, None, budget, &Machine::TYPICAL).unwrap()
    }

    #[test]
    fn more_time_makes_larger_images() {
        let resolution = |hours| sized(FACES, Budget::Hours(hours)).config.network.resolution;
        let found = [0.2, 2.0, 1000.0].map(resolution);
        assert!(found.is_sorted() && found[0] < found[2], "{found:?}");
        assert_eq!(resolution(1e6), 256);
    }

    #[test]
    fn the_hours_are_those_of_the_estimate() {
        let config = sized(FACES, Budget::Hours(3.0)).config;
        let time = Workload::new(&config, 0).unwrap().estimate(Some(&Machine::TYPICAL)).time;
        let hours = time.unwrap().as_secs_f64() / 3600.0;
        assert!((hours - 3.0).abs() < 0.01, "{hours}");
    }

    #[test]
    fn shape_channels_and_labels_are_the_images_own() {
        let images =
            ImageSet { smallest: (96, 64), aspect: 1.5, channels: 1, label_dim: 10, ..FACES };
        let Sizing { config, .. } = sized(images, Budget::Kimg(400.0));
        assert_eq!((config.image_size(), config.network.channels), ((96, 64), 1));
        assert!(config.data.labels);
        assert_eq!(base(0.5), [4, 8]);
        assert_eq!((base(1.1), base(0.2)), ([4, 4], [4, 8]));
        let digits = ImageSet { smallest: (28, 28), ..FACES };
        let Sizing { config, warnings, .. } = sized(digits, Budget::Kimg(400.0));
        assert_eq!((config.image_size(), warnings), ((32, 32), vec![]));
    }

    #[test]
    fn few_images_are_augmented_and_very_few_are_warned_of() {
        let few = sized(ImageSet { count: 800, ..FACES }, Budget::Kimg(500.0));
        assert_eq!(few.config.augment.mode, AugmentMode::Ada);
        assert!(few.warnings.is_empty(), "{:?}", few.warnings);
        let three = sized(ImageSet { count: 3, ..FACES }, Budget::Kimg(500.0));
        assert!(three.warnings[0].starts_with("3 images"), "{:?}", three.warnings);
    }

    #[test]
    fn what_cannot_come_out_well_is_said() {
        let large = Sizing::new(&FACES, Some(512), Budget::Kimg(10.0), &Machine::TYPICAL).unwrap();
        assert!(large.warnings[0].contains("8000 kimg"), "{:?}", large.warnings);
        assert!(large.warnings[1].contains("300 x 300"), "{:?}", large.warnings);
        let refused = |images: ImageSet, budget| {
            Sizing::new(&images, None, budget, &Machine::TYPICAL).unwrap_err().to_string()
        };
        assert!(
            refused(ImageSet { smallest: (5, 9), ..FACES }, Budget::Kimg(1.0)).contains("5 x 9")
        );
        assert!(refused(ImageSet { count: 0, ..FACES }, Budget::Kimg(1.0)).contains("no image"));
        assert!(refused(FACES, Budget::Hours(0.0)).contains("follows from 0"));
    }
}
