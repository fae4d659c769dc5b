//! A case's real images as a data set.

use anyhow::{Context, Result};
use stylegan_dataset::loader::Order;
use stylegan_dataset::{Dataset, DatasetError, Image, Sample};
use stylegan_testkit::golden::Case;

use super::settings::Settings;

/// As many images as the run sees, each at the place where the loader looks for it.
pub struct Reals {
    samples: Vec<Sample>,
    size: (usize, usize),
    channels: usize,
    label_dim: usize,
}

impl Reals {
    /// The images `real0`, `real1`, … of a case, one batch a step.
    pub fn new(case: &Case, settings: &Settings) -> Result<Self> {
        let (mut seen, mut shape) = (Vec::new(), (0, 0, 0));
        for step in 0..settings.steps {
            let batch = case.input(&format!("real{step}"))?;
            let (n, channels, height, width) = batch.dims4()?;
            shape = (channels, height, width);
            for index in 0..n {
                let data = batch.get(index)?.flatten_all()?.to_vec1::<f32>()?;
                let data = data.into_iter().map(byte).collect();
                let mut label = vec![0.0; settings.label_dim];
                if let Some(classes) = settings.classes.get(step) {
                    let class = *classes.get(index).context("an image without a class")?;
                    *label.get_mut(class).context("a class that no label has")? = 1.0;
                }
                seen.push(Sample { image: Image { width, height, channels, data }, label });
            }
        }
        let order = Order::new(settings.config.run.seed, seen.len());
        let mut placed: Vec<_> = seen.into_iter().enumerate().collect();
        placed.sort_by_key(|(position, _)| order.index(*position as u64));
        let samples = placed.into_iter().map(|(_, sample)| sample).collect();
        let (channels, height, width) = shape;
        let label_dim = settings.label_dim;
        Ok(Self { samples, size: (height, width), channels, label_dim })
    }
}

/// The nearest byte of a value from -1 to 1.
fn byte(value: f32) -> u8 {
    // A conversion to bytes clamps.
    ((f64::from(value) + 1.0) * 127.5 + 0.5).floor() as u8
}

impl Dataset for Reals {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn resolution(&self) -> (usize, usize) {
        self.size
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn label_dim(&self) -> usize {
        self.label_dim
    }

    fn label_names(&self) -> Vec<String> {
        (0..self.label_dim).map(|class| class.to_string()).collect()
    }

    fn get(&self, index: usize) -> Result<Sample, DatasetError> {
        let len = self.samples.len();
        self.samples.get(index).cloned().ok_or(DatasetError::Index { index, len })
    }

    fn fingerprint(&self) -> String {
        "golden".to_owned()
    }

    fn describe(&self) -> String {
        format!("{} images of a golden case", self.samples.len())
    }
}
