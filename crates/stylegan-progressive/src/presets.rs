//! The official tables.

use crate::{ByResolution, ScheduleConfig, ScheduleError};

/// Base batch size and its exceptions for 1, 2, 4 or 8 GPUs, as the official training scripts list them.
///
/// # Errors
/// [`ScheduleError::UnknownGpus`] for any other number.
pub fn minibatch_for_gpus(gpus: usize) -> Result<(usize, ByResolution<usize>), ScheduleError> {
    let (base, entries): (usize, &[(usize, usize)]) = match gpus {
        1 => {
            (4, &[(4, 128), (8, 128), (16, 128), (32, 64), (64, 32), (128, 16), (256, 8), (512, 4)])
        }
        2 => (8, &[(4, 256), (8, 256), (16, 128), (32, 64), (64, 32), (128, 16), (256, 8)]),
        4 => (16, &[(4, 512), (8, 256), (16, 128), (32, 64), (64, 32), (128, 16)]),
        8 => (32, &[(4, 512), (8, 256), (16, 128), (32, 64), (64, 32)]),
        _ => return Err(ScheduleError::UnknownGpus { gpus }),
    };
    Ok((base, entries.iter().copied().collect()))
}

/// Learning rates of Progressive GAN at the higher resolutions, for 1, 2, 4 or 8 GPUs (its published `config.py`).
///
/// # Errors
/// [`ScheduleError::UnknownGpus`] for any other number.
pub fn pggan_learning_rate_for_gpus(gpus: usize) -> Result<ByResolution<f64>, ScheduleError> {
    let entries: &[(usize, f64)] = match gpus {
        1 => &[(1024, 0.0015)],
        2 => &[(512, 0.0015), (1024, 0.002)],
        4 => &[(256, 0.0015), (512, 0.002), (1024, 0.003)],
        8 => &[(128, 0.0015), (256, 0.002), (512, 0.003), (1024, 0.003)],
        _ => return Err(ScheduleError::UnknownGpus { gpus }),
    };
    Ok(entries.iter().copied().collect())
}

impl ScheduleConfig {
    /// The official StyleGAN schedule for a final resolution on 1, 2, 4 or 8 GPUs: growth from 8x8, 600 kimg of training
    /// and 600 of fading a resolution.
    ///
    /// # Errors
    /// [`ScheduleError::UnknownGpus`]; the resolution is checked by [`Schedule::new`](crate::Schedule::new).
    pub fn stylegan(resolution: usize, gpus: usize) -> Result<Self, ScheduleError> {
        let (minibatch, minibatch_at) = minibatch_for_gpus(gpus)?;
        Ok(Self { resolution, minibatch, minibatch_at, ..Self::default() })
    }

    /// The Progressive GAN schedule: as [`stylegan`](Self::stylegan), but from 4x4 and with its own learning rates.
    ///
    /// # Errors
    /// [`ScheduleError::UnknownGpus`]; the resolution is checked by [`Schedule::new`](crate::Schedule::new).
    pub fn progressive_gan(resolution: usize, gpus: usize) -> Result<Self, ScheduleError> {
        Ok(Self {
            initial_resolution: 4,
            learning_rate_at: pggan_learning_rate_for_gpus(gpus)?,
            ..Self::stylegan(resolution, gpus)?
        })
    }
}
