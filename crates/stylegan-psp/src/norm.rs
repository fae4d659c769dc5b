//! Batch normalization as a layer, and what becomes of its running statistics.

use std::sync::{Mutex, PoisonError};

use candle_core::{Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};
use stylegan_layers::Parameters;
use stylegan_ops::{BatchStatistics, batch_norm, batch_statistics};

/// The official epsilon.
const EPSILON: f64 = 1e-5;

/// The weight of a batch in the running statistics.
const MOMENTUM: f64 = 0.1;

/// How networks with batch normalization are run.
#[derive(Debug, Clone, Copy, Default)]
pub enum Mode<'a> {
    /// With the running statistics: an image's result does not depend on its batch.
    #[default]
    Evaluation,
    /// With the batch's own, which are put on record.
    Training(&'a BatchRecord),
}

/// The statistics that one forward pass in training found. They are applied when the step is: a step that is skipped leaves no trace.
#[derive(Debug, Default)]
pub struct BatchRecord(Mutex<Vec<Found>>);

#[derive(Debug)]
struct Found {
    layer: String,
    statistics: BatchStatistics,
    /// Numbers a channel.
    count: usize,
}

impl BatchRecord {
    fn push(&self, found: Found) {
        // A poisoned lock only says that another layer panicked; the list is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(found);
    }

    /// Moves the running statistics of `parameters` a tenth of the way to those on record, and empties the record. The variance counts
    /// as that of a sample, with `n - 1`.
    ///
    /// # Errors
    /// If a layer's statistics are not among the parameters.
    pub fn apply(&self, parameters: &Parameters) -> Result<()> {
        let found = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for Found { layer, statistics, count } in found {
            let unbiased = count as f64 / (count.max(2) - 1) as f64;
            let variance = statistics.variance.affine(unbiased, 0.0)?;
            for (name, batch) in [("running_mean", statistics.mean), ("running_var", variance)] {
                let name = if layer.is_empty() { name.into() } else { format!("{layer}.{name}") };
                let Some(var) = parameters.get(&name) else { bail!("there is no {name}") };
                let kept = var.as_detached_tensor().affine(1.0 - MOMENTUM, 0.0)?;
                var.set(&(kept + batch.affine(MOMENTUM, 0.0)?)?)?;
            }
        }
        Ok(())
    }
}

/// Batch normalization (Ioffe and Szegedy 2015) of `[N, C]` or `[N, C, H, W]`.
///
/// Parameters: `weight`, `bias`; buffers: `running_mean`, `running_var`, all `[C]`.
#[derive(Debug, Clone)]
pub struct BatchNorm {
    name: String,
    weight: Tensor,
    bias: Tensor,
    running: BatchStatistics,
}

impl BatchNorm {
    /// A layer of `channels`.
    pub fn new(channels: usize, vb: VarBuilder) -> Result<Self> {
        let get = |name, value| vb.get_with_hints(channels, name, Init::Const(value));
        Ok(Self {
            name: vb.prefix(),
            weight: get("weight", 1.0)?,
            bias: get("bias", 0.0)?,
            running: BatchStatistics {
                mean: get("running_mean", 0.0)?,
                variance: get("running_var", 1.0)?,
            },
        })
    }

    /// The normalized x, of the same shape.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        match mode {
            Mode::Evaluation => {
                batch_norm(x, &self.weight, &self.bias, &self.running, EPSILON, false)
            }
            Mode::Training(record) => {
                let statistics = batch_statistics(x)?;
                let y = batch_norm(x, &self.weight, &self.bias, &statistics, EPSILON, true)?;
                let count = x.elem_count() / x.dim(1)?.max(1);
                record.push(Found { layer: self.name.clone(), statistics, count });
                Ok(y)
            }
        }
    }
}
