//! One run's configuration.

use serde::{Deserialize, Serialize};
use stylegan_psp::{EncoderConfig, LossWeights, Task};

use super::PspTrainError;

/// Which optimizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerKind {
    /// [`crate::optimizer::Ranger`], as published.
    Ranger,
    /// [`crate::optimizer::Adam`] with betas 0.9 and 0.999.
    Adam,
}

/// Files of networks that are trained elsewhere; empty for none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Networks {
    /// The generator that is encoded for.
    pub decoder: String,
    /// An IR-SE network, whose backbone the encoder begins with.
    pub backbone: String,
    /// The identity network, which also makes the features of `loss.moco`.
    pub identity: String,
    /// The perceptual distance: the network under LPIPS (`alexnet`, `vgg16`, `squeezenet`), or `random-SEED` for the features of random
    /// filters that stand in for it.
    pub distance: String,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PspConfig {
    /// What for.
    pub task: Task,
    /// Optimizer steps (500,000).
    pub steps: u64,
    /// Images a step (8).
    pub batch: usize,
    /// Seed of the weights, the order of the images and the task's draws.
    pub seed: u64,
    /// Which optimizer (Ranger).
    pub optimizer: OptimizerKind,
    /// Its learning rate (1e-4).
    pub learning_rate: f64,
    /// Whether the rate falls to zero, along a cosine, over the last quarter of the steps (false).
    pub anneal: bool,
    /// Whether the decoder is trained too (false).
    pub train_decoder: bool,
    /// The images.
    pub data: String,
    /// Maps of classes, for segmentation; empty for none.
    pub maps: String,
    /// How many classes they have; 0 without.
    pub classes: usize,
    /// Images at the end of the set that are not trained on, but shown and measured.
    pub held_out: usize,
    /// Steps between reports of numbers.
    pub report_steps: u64,
    /// Steps between pictures and measurements.
    pub picture_steps: u64,
    /// Steps between snapshots.
    pub snapshot_steps: u64,
    /// Snapshots that are kept.
    pub keep_snapshots: usize,
    /// Steps that an identity network is taught on the images themselves, where one is asked for and there is no file.
    pub teach_steps: u64,
    /// Networks from elsewhere.
    pub networks: Networks,
    /// Weights of the losses.
    pub loss: LossWeights,
    /// The encoder.
    pub encoder: EncoderConfig,
}

impl PspConfig {
    /// A run for a decoder of `styles` styles of `w_dim` components and images of `resolution` pixels and `channels` channels: the
    /// published settings from 256 pixels on, the small preset below.
    pub fn for_decoder(
        task: Task,
        (styles, w_dim): (usize, usize),
        (resolution, channels): (usize, usize),
        classes: usize,
    ) -> Self {
        let small = resolution < 256;
        let input_size = resolution.clamp(32, 256);
        let preset = if small {
            EncoderConfig::small(input_size, styles, w_dim)
        } else {
            EncoderConfig::default()
        };
        let input_channels = task.input_channels(channels, classes);
        let encoder = EncoderConfig { input_channels, input_size, styles, w_dim, ..preset };
        Self {
            task,
            steps: if small { 6000 } else { 500_000 },
            batch: 8,
            seed: 0,
            optimizer: OptimizerKind::Ranger,
            // A shallow network of few steps learns faster; found by trial on the bundled faces.
            learning_rate: if small { 1e-3 } else { 1e-4 },
            anneal: small,
            train_decoder: false,
            data: "faces".into(),
            maps: String::new(),
            classes,
            held_out: 64,
            report_steps: 50,
            picture_steps: if small { 500 } else { 1000 },
            snapshot_steps: if small { 1000 } else { 5000 },
            keep_snapshots: 2,
            teach_steps: 300,
            networks: Networks::default(),
            loss: task.weights(),
            encoder,
        }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// Names the first that cannot be.
    pub fn validate(&self) -> Result<(), PspTrainError> {
        self.encoder.validate()?;
        self.loss.validate()?;
        let fault = |reason: String| Err(PspTrainError::Config { reason });
        // Batch normalization has nothing to compare a single image of a single pixel with.
        if self.batch < 2 {
            return fault(format!("batch must be at least 2, not {}", self.batch));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return fault(format!("learning_rate must be above 0, not {}", self.learning_rate));
        }
        for (name, value) in [
            ("report_steps", self.report_steps),
            ("picture_steps", self.picture_steps),
            ("snapshot_steps", self.snapshot_steps),
        ] {
            if value == 0 {
                return fault(format!("{name} must be at least 1"));
            }
        }
        if self.task == Task::Segmentation && (self.classes == 0 || self.maps.is_empty()) {
            return fault("segmentation needs maps of classes, and how many classes".into());
        }
        Ok(())
    }

    /// The learning rate of a step, counted from 0.
    pub fn rate(&self, step: u64) -> f64 {
        let begin = self.steps - self.steps / 4;
        if !self.anneal || step < begin {
            return self.learning_rate;
        }
        let done = (step - begin) as f64 / (self.steps - begin).max(1) as f64;
        self.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
    }

    /// The configuration as TOML; [`Self::from_toml`] reads it back.
    ///
    /// # Errors
    /// A number that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, PspTrainError> {
        toml::to_string(self).map_err(|error| PspTrainError::Config { reason: error.to_string() })
    }

    /// Reads a complete configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_toml(text: &str) -> Result<Self, PspTrainError> {
        toml::from_str(text).map_err(|error| PspTrainError::Config { reason: error.to_string() })
    }

    /// Sets one key as `key=value`, such as `loss.l2=2` or `encoder.backbone.depth="50"`.
    ///
    /// # Errors
    /// A key that there is not, or a value that it cannot have.
    pub fn set(&mut self, setting: &str) -> Result<(), PspTrainError> {
        let fault = |reason: String| PspTrainError::Config { reason };
        let (key, value) = setting
            .split_once('=')
            .ok_or_else(|| fault(format!("`{setting}` is not of the form key=value")))?;
        let key = key.trim();
        let mut table: toml::Table =
            self.to_toml()?.parse().map_err(|e: toml::de::Error| fault(e.to_string()))?;
        let mut place = &mut table;
        let mut parts = key.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                if !place.contains_key(part) {
                    let near = nearest(part, place).map(|near| format!("; did you mean `{near}`?"));
                    return Err(fault(format!("unknown key `{key}`{}", near.unwrap_or_default())));
                }
                // A word without quotes is a word.
                let typed = value.trim();
                let parsed = format!("v = {typed}").parse::<toml::Table>();
                let parsed = parsed.ok().and_then(|mut table| table.remove("v"));
                let mut parsed = parsed.unwrap_or_else(|| toml::Value::String(typed.to_owned()));
                if let (Some(toml::Value::Float(_)), toml::Value::Integer(whole)) =
                    (place.get(part), &parsed)
                {
                    parsed = toml::Value::Float(*whole as f64);
                }
                if let (Some(toml::Value::String(_)), toml::Value::Integer(whole)) =
                    (place.get(part), &parsed)
                {
                    parsed = toml::Value::String(whole.to_string());
                }
                place.insert(part.to_owned(), parsed);
                break;
            }
            place = match place.get_mut(part) {
                Some(toml::Value::Table(table)) => table,
                _ => return Err(fault(format!("unknown key `{key}`"))),
            };
        }
        *self = table
            .try_into()
            .map_err(|error: toml::de::Error| fault(format!("{key}: {}", error.message())))?;
        Ok(())
    }
}

/// The key of a table that looks most like `key`, if one does.
fn nearest<'a>(key: &str, table: &'a toml::Table) -> Option<&'a str> {
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(known, key);
    let best = table.keys().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.5).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> PspConfig {
        PspConfig::for_decoder(Task::Inversion, (8, 128), (32, 3), 0)
    }

    #[test]
    fn it_reads_back_as_it_was() {
        let config = config();
        assert_eq!(PspConfig::from_toml(&config.to_toml().unwrap()).unwrap(), config);
        config.validate().unwrap();
    }

    #[test]
    fn keys_are_set_and_slips_are_answered() {
        let mut config = config();
        for setting in ["loss.l2=2", "encoder.backbone.depth=50", "optimizer=adam", "batch=4"] {
            config.set(setting).unwrap();
        }
        assert_eq!((config.loss.l2, config.batch), (2.0, 4));
        assert_eq!(config.encoder.backbone.depth, stylegan_psp::Depth::D50);
        assert_eq!(config.optimizer, OptimizerKind::Adam);
        let error = config.set("loss.lpisp=1").unwrap_err().to_string();
        assert!(error.contains("did you mean `lpips`"), "{error}");
        for setting in ["batch", "nothing.at=1", "batch=many", "optimizer=sgd"] {
            assert!(config.set(setting).is_err(), "{setting}");
        }
        assert_eq!(config.batch, 4);
    }

    #[test]
    fn the_published_settings_from_256_on() {
        let config = PspConfig::for_decoder(Task::Sketch, (18, 512), (1024, 3), 0);
        assert_eq!((config.encoder.input_size, config.encoder.input_channels), (256, 1));
        assert_eq!((config.steps, config.learning_rate), (500_000, 1e-4));
        assert_eq!(config.rate(499_999), 1e-4);
    }

    #[test]
    fn an_annealed_rate_falls_to_nothing_at_the_end() {
        let config = config();
        assert_eq!(config.rate(0), config.learning_rate);
        assert!(config.rate(5250) < config.learning_rate && config.rate(5999) < 1e-8);
    }

    #[test]
    fn what_cannot_be_is_named() {
        let refused = |setting: &str| {
            let mut config = config();
            config.set(setting).unwrap();
            config.validate().unwrap_err().to_string()
        };
        assert!(refused("batch=1").contains("batch"));
        assert!(refused("learning_rate=0").contains("learning_rate"));
        assert!(refused("encoder.input_size=40").contains("input_size"));
        assert!(refused("loss.moco=-1").contains("moco"));
    }
}
