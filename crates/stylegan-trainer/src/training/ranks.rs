//! What the ranks of a run do alike, and what the first does for all.

use candle_core::{DType, Result, Tensor};
use crc32fast::Hasher;
use stylegan::Parameters;

use super::{TrainError, Training};

impl Training {
    /// What the first rank says, on every rank.
    pub(super) fn first_says(&self, yes: bool) -> std::result::Result<bool, TrainError> {
        Ok(self.group.any(yes && self.group.is_first(), &self.device)?)
    }

    /// Opens the files of numbers; the first rank's work.
    pub(super) fn open_recorder(&mut self) -> std::result::Result<(), TrainError> {
        if self.group.is_first() {
            self.recorder.open(&self.run, self.position.images, &self.config)?;
        }
        Ok(())
    }

    /// Makes sure that all ranks have the same networks and stand at the same step. They compute the same updates of the same sums, so nothing but a fault or another
    /// program makes them drift apart; this finds it before a snapshot is written.
    pub(super) fn agree(&self) -> std::result::Result<(), TrainError> {
        if self.group.is_solo() {
            return Ok(());
        }
        let position = self.position.step.rotate_left(32) ^ self.position.images;
        self.group.agree("a position in the run", position, &self.device)?;
        let networks = &self.networks;
        for (what, parameters) in [
            ("weights of the generator", &networks.generator_parameters),
            ("averaged weights", &networks.average_parameters),
            ("weights of the discriminator", &networks.discriminator_parameters),
        ] {
            self.group.agree(what, checksum(parameters)?, &self.device)?;
        }
        Ok(())
    }
}

/// Of all values, in the order of names.
fn checksum(parameters: &Parameters) -> Result<u64> {
    let mut hasher = Hasher::new();
    for (_, var) in parameters.all() {
        let values = var.as_detached_tensor().flatten_all()?.to_dtype(DType::F32)?;
        let bytes: Vec<u8> =
            Tensor::to_vec1::<f32>(&values)?.into_iter().flat_map(f32::to_le_bytes).collect();
        hasher.update(&bytes);
    }
    Ok(u64::from(hasher.finalize()))
}
