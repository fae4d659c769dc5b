//! The numbers of a run: means over ticks, `stats.jsonl`, TensorBoard.

use std::time::Instant;

use super::TrainError;
use crate::config::TrainConfig;
use crate::events::Progress;
use crate::grid::Grid;
use crate::run_dir::{RunDir, StatsFile};
use crate::tensorboard::EventWriter;

/// Sums the numbers of steps and writes their means.
#[derive(Default)]
pub(super) struct Recorder {
    stats: Option<StatsFile>,
    tensorboard: Option<EventWriter>,
    sum: Option<Progress>,
    steps: f64,
    started: Option<(Instant, u64)>,
}

impl Recorder {
    /// Opens the files of a run that has seen `images` images.
    pub(super) fn open(
        &mut self,
        run: &RunDir,
        images: u64,
        config: &TrainConfig,
    ) -> Result<(), TrainError> {
        self.stats = Some(StatsFile::open(&run.file("stats.jsonl"), images)?);
        if config.run.tensorboard {
            self.tensorboard = Some(EventWriter::create(&run.tensorboard_folder(), images)?);
        }
        self.sum = None;
        self.started = None;
        Ok(())
    }

    /// Adds a step to the tick, and gives it back with the pace of the tick so far.
    pub(super) fn step(&mut self, mut progress: Progress) -> Progress {
        let minibatch = progress.minibatch as u64;
        let (start, images) =
            *self.started.get_or_insert((Instant::now(), progress.images - minibatch));
        let seconds = start.elapsed().as_secs_f64();
        // The first step of a tick is over when its clock starts.
        let seen = progress.images - images - minibatch;
        progress.images_per_second = if seen > 0 { seen as f64 / seconds.max(1e-9) } else { 0.0 };
        self.steps += 1.0;
        self.sum = Some(match self.sum.take() {
            None => progress.clone(),
            Some(sum) => Progress {
                generator_loss: sum.generator_loss + progress.generator_loss,
                discriminator_loss: sum.discriminator_loss + progress.discriminator_loss,
                real_score: sum.real_score + progress.real_score,
                fake_score: sum.fake_score + progress.fake_score,
                penalty: sum.penalty + progress.penalty,
                r_t: sum.r_t + progress.r_t,
                diversity: sum.diversity + progress.diversity,
                ..progress.clone()
            },
        });
        progress
    }

    /// Writes the means of the tick, and gives them back; `None` without a step.
    pub(super) fn finish_tick(&mut self) -> Result<Option<Progress>, TrainError> {
        let Some(sum) = self.sum.take() else { return Ok(None) };
        let mean = Progress {
            generator_loss: sum.generator_loss / self.steps,
            discriminator_loss: sum.discriminator_loss / self.steps,
            real_score: sum.real_score / self.steps,
            fake_score: sum.fake_score / self.steps,
            penalty: sum.penalty / self.steps,
            r_t: sum.r_t / self.steps,
            diversity: sum.diversity / self.steps,
            ..sum
        };
        (self.steps, self.started) = (0.0, None);
        if let Some(stats) = &mut self.stats {
            stats.append(&mean)?;
        }
        if let Some(writer) = &mut self.tensorboard {
            let mut scalars = vec![
                ("loss/generator", mean.generator_loss),
                ("loss/discriminator", mean.discriminator_loss),
                ("loss/penalty", mean.penalty),
                ("loss/path_length", mean.path_length),
                ("score/real", mean.real_score),
                ("score/fake", mean.fake_score),
                ("progress/diversity", mean.diversity),
                ("augment/p", mean.augment_p),
                ("augment/r_t", mean.r_t),
                ("progress/lod", mean.lod),
                ("progress/minibatch", mean.minibatch as f64),
                ("progress/learning_rate", mean.learning_rate),
                ("progress/images_per_second", mean.images_per_second),
                ("progress/skipped", mean.skipped as f64),
            ];
            scalars.extend(mean.loss_scale.map(|scale| ("progress/loss_scale", scale)));
            writer.scalars(mean.images, &scalars)?;
        }
        Ok(Some(mean))
    }

    /// Adds a grid to the event file.
    pub(super) fn image(&mut self, images: u64, tag: &str, grid: &Grid) -> Result<(), TrainError> {
        if let Some(writer) = &mut self.tensorboard {
            writer.image(images, tag, grid)?;
        }
        Ok(())
    }

    /// Waits until the numbers are on the disk.
    pub(super) fn sync(&self) -> Result<(), TrainError> {
        if let Some(stats) = &self.stats {
            stats.sync()?;
        }
        Ok(())
    }
}
