//! Beginning with the weights of another model, whatever its resolution.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use stylegan::Parameters;
use stylegan_checkpoint::{Mismatch, ShapeMismatch, load_on};

use super::{TrainError, Training};

/// The files to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitFrom {
    /// The generator.
    pub generator: PathBuf,
    /// The moving average of its weights, where it has a file of its own.
    pub average: Option<PathBuf>,
    /// The discriminator, where there is one.
    pub discriminator: Option<PathBuf>,
}

/// What was taken from another model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// Tensors that were taken.
    pub taken: usize,
    /// Tensors that the other model lacks, and that begin at random: the layers of resolutions it has not.
    pub fresh: usize,
    /// Tensors of the other model that this one lacks.
    pub unused: usize,
}

impl Training {
    /// Whether no step was made yet, in this session or another.
    pub fn is_new(&self) -> bool {
        self.position.images == 0 && self.resumed_from.is_none()
    }

    /// Takes every tensor that both models have, by name. Parameters are named by their resolution, so a model of 256x256
    /// gives one of 512x512 all its blocks, and the other way round.
    ///
    /// # Errors
    /// A file that cannot be read, or a shared tensor of another shape; then nothing is taken.
    pub fn init_from(&mut self, from: &InitFrom) -> Result<Taken, TrainError> {
        let networks = &self.networks;
        let average = from.average.as_ref().unwrap_or(&from.generator);
        let mut files = vec![
            (&from.generator, &networks.generator_parameters),
            (average, &networks.average_parameters),
        ];
        files.extend(
            from.discriminator.as_ref().map(|path| (path, &networks.discriminator_parameters)),
        );
        let mut plans = Vec::new();
        for (path, parameters) in files {
            let tensors = load_on(path, &self.device)?.tensors;
            check(path, &tensors, parameters)?;
            plans.push((tensors, parameters));
        }
        let mut total = Taken::default();
        for (tensors, parameters) in plans {
            let mut taken = 0;
            for (name, var) in parameters.all() {
                if let Some(tensor) = tensors.get(&name) {
                    var.set(&tensor.to_dtype(var.dtype())?)?;
                    taken += 1;
                }
            }
            total.taken += taken;
            total.fresh += parameters.all().len() - taken;
            total.unused += tensors.len() - taken;
        }
        Ok(total)
    }
}

/// Shared tensors must have the same shapes, and there must be some.
fn check(
    path: &Path,
    tensors: &BTreeMap<String, Tensor>,
    parameters: &Parameters,
) -> Result<(), TrainError> {
    let mut mismatch = Mismatch::default();
    let mut shared = 0;
    for (name, var) in parameters.all() {
        let Some(tensor) = tensors.get(&name) else { continue };
        shared += 1;
        if tensor.shape() != var.shape() {
            let (expected, found) = (var.dims().to_vec(), tensor.dims().to_vec());
            mismatch.shapes.push(ShapeMismatch { name, expected, found });
        }
    }
    if mismatch != Mismatch::default() {
        let (path, mismatch) = (path.to_owned(), Box::new(mismatch));
        return Err(TrainError::OtherShapes { path, mismatch });
    }
    if shared == 0 {
        return Err(TrainError::NothingShared { path: path.to_owned() });
    }
    Ok(())
}
