//! Whether a data set's labels are those that the configuration speaks of, and what a model is told of them.

use stylegan::{LabelHead, Labels};
use stylegan_dataset::Dataset;
use stylegan_losses::ClassLoss;

use super::TrainError;
use crate::config::TrainConfig;

/// Images whose labels are looked at before a run.
const LOOKED_AT: usize = 16;

/// Examples of labels that go with a model.
const EXAMPLES: usize = 256;

/// The length of the labels to train with; 0 where the configuration asks for none.
pub(super) fn label_dim(config: &TrainConfig, dataset: &dyn Dataset) -> Result<usize, TrainError> {
    if !config.data.labels {
        return Ok(0);
    }
    let dim = dataset.label_dim();
    if dim == 0 {
        return Err(TrainError::NoLabels { dataset: dataset.describe() });
    }
    let ac_gan = config.discriminator.label_head == LabelHead::AcGan;
    let class_loss = ac_gan && !config.network.is_stylegan2() && config.loss.class_weight > 0.0;
    if class_loss && config.loss.class_loss == ClassLoss::Softmax {
        for index in 0..LOOKED_AT.min(dataset.len()) {
            let label = dataset.get(index)?.label;
            let zeros = label.iter().filter(|&&value| value == 0.0).count();
            let sum: f32 = label.iter().sum();
            if sum != 1.0 || zeros + 1 != label.len() {
                return Err(TrainError::NotOneClass { index, sum });
            }
        }
    }
    Ok(dim)
}

/// What the labels stand for, and those of some images, spread over the whole set.
pub(super) fn labels(dataset: &dyn Dataset, label_dim: usize) -> Result<Labels, TrainError> {
    if label_dim == 0 {
        return Ok(Labels::default());
    }
    let count = EXAMPLES.min(dataset.len());
    let indices = (0..count).map(|example| example * dataset.len() / count);
    let examples = indices.map(|index| Ok(dataset.get(index)?.label));
    let examples = examples.collect::<Result<_, TrainError>>()?;
    Ok(Labels { names: dataset.label_names(), examples })
}
