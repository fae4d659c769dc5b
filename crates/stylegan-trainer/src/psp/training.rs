//! The training loop of an encoder.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};
use stylegan::{Generator, Noise, Parameters};
use stylegan_dataset::{Dataset, Loader};
use stylegan_ops::in_pool;
use stylegan_psp::{
    Axis, BatchRecord, Encoder, Identity, ImageDistance, InputDraws, Judged, Judges, Loss, Mode,
    Pair, RandomFeatures, Resampler, Task, pair_of, resized, whole_image,
};

use super::measure::Sum;
use super::optimizer::Optimizer;
use super::{
    ClassMaps, PspConfig, PspEvent, PspFinished, PspObserver, PspProgress, PspTrainError, Subset,
};
use crate::gradients::Gradients;
use crate::optimizer::StepOutcome;
use crate::reals;
use crate::run_dir::{RunDir, StatsFile};

/// Skipped steps in a row after which a run ends.
const MAX_SKIPPED: u64 = 5;

/// The perceptual distance of a run.
pub struct Judge {
    /// What it is, in words.
    pub name: String,
    /// Whether it only stands in for LPIPS; then the terms that it gives are called by another name.
    pub stand_in: bool,
    /// The distance.
    pub distance: Box<dyn ImageDistance + Send + Sync>,
}

impl Judge {
    /// A network of random filters that stands in for LPIPS, for images of `channels` channels: see [`RandomFeatures`].
    ///
    /// # Errors
    /// None in practice.
    pub fn random_features(
        channels: usize,
        seed: u64,
        device: &Device,
    ) -> candle_core::Result<Self> {
        let distance = Box::new(RandomFeatures::new(channels, seed, device)?);
        let name = format!("random features, seed {seed}, in place of LPIPS");
        Ok(Self { name, stand_in: true, distance })
    }
}

/// The images of a run.
pub struct PspData {
    /// Of the size that [`PspTraining::image_size`] tells.
    pub images: Arc<dyn Dataset>,
    /// Maps of classes, for segmentation.
    pub maps: Option<ClassMaps>,
}

/// Everything of a run's state that is not a tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Position {
    pub step: u64,
    pub skipped_in_a_row: u64,
    pub seconds: f64,
    pub dataset: String,
}

/// A run in a state from which it can go on: new, or resumed from its last snapshot.
pub struct PspTraining {
    pub(super) config: PspConfig,
    pub(super) encoder: Encoder,
    pub(super) encoder_parameters: Parameters,
    pub(super) decoder: Generator,
    pub(super) decoder_parameters: Parameters,
    pub(super) encoder_optimizer: Optimizer,
    pub(super) decoder_optimizer: Optimizer,
    pub(super) position: Position,
    pub(super) run: RunDir,
    pub(super) device: Device,
    pub(super) judge: Option<Judge>,
    pub(super) identity: Option<Identity>,
    pub(super) loader: Loader,
    pub(super) held_out: Subset,
    pub(super) first_held_out: usize,
    pub(super) maps: Option<ClassMaps>,
    pub(super) image_size: usize,
    pub(super) resumed_from: Option<u64>,
    pub(super) notes: Vec<String>,
    pub(super) stats: StatsFile,
}

/// A step's loss and gradients: of the encoder, and of the decoder.
type Found = (Loss, Gradients, Gradients, BatchRecord);

impl PspTraining {
    /// Images seen.
    pub fn images(&self) -> u64 {
        self.position.step * self.config.batch as u64
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.position.step
    }

    /// The encoder's parameters as they stand.
    pub fn encoder_parameters(&self) -> &Parameters {
        &self.encoder_parameters
    }

    /// The decoder's.
    pub fn decoder_parameters(&self) -> &Parameters {
        &self.decoder_parameters
    }

    /// Trains until the configured number of steps is done or `stop` is set; either way, a snapshot is written at the end.
    ///
    /// # Errors
    /// What keeps the run from going on; its snapshots stay.
    pub fn run(
        &mut self,
        observer: &mut dyn PspObserver,
        stop: &AtomicBool,
    ) -> Result<PspFinished, PspTrainError> {
        let start = Instant::now();
        let (first, seconds) = (self.position.step, self.position.seconds);
        self.announce(observer);
        self.find_identity(observer, stop)?;
        let mut sum = Sum::default();
        let mut written = None;
        while self.position.step < self.config.steps && !stop.load(Ordering::Relaxed) {
            let pair = self.next_pair()?;
            let (loss, encoder, decoder, record) = self.gradients(&pair)?;
            let rate = self.config.rate(self.position.step);
            self.update(&encoder, &decoder, &record, rate, observer)?;
            self.position.step += 1;
            let elapsed = start.elapsed().as_secs_f64();
            self.position.seconds = seconds + elapsed;
            let value = f64::from(loss.total.to_dtype(DType::F32)?.to_scalar::<f32>()?);
            let pace = (self.position.step - first) as f64 / elapsed.max(1e-9);
            let progress = PspProgress {
                images: self.images(),
                step: self.position.step,
                steps: self.config.steps,
                held_out: false,
                loss: value,
                terms: loss.terms,
                learning_rate: rate,
                images_per_second: pace * self.config.batch as f64,
                seconds: self.position.seconds,
                eta_seconds: Some((self.config.steps - self.position.step) as f64 / pace),
            };
            sum.add(&progress);
            observer.notice(&PspEvent::Step(progress));
            let (at, last) = (self.position.step, self.position.step == self.config.steps);
            if (last || at.is_multiple_of(self.config.report_steps))
                && let Some(mean) = sum.take()
            {
                self.stats.append(&mean)?;
                self.tell(observer, PspEvent::Report(mean));
            }
            if last || at.is_multiple_of(self.config.picture_steps) {
                self.look(observer)?;
            }
            if last || at.is_multiple_of(self.config.snapshot_steps) {
                self.snapshot(observer)?;
                written = Some(at);
            }
        }
        if written != Some(self.position.step) {
            self.snapshot(observer)?;
        }
        let finished = PspFinished {
            run: self.run.path().to_owned(),
            step: self.position.step,
            stopped: self.position.step < self.config.steps,
            time: start.elapsed(),
        };
        self.tell(observer, PspEvent::Finished(finished.clone()));
        Ok(finished)
    }

    fn announce(&mut self, observer: &mut dyn PspObserver) {
        let decoder = if self.config.train_decoder { self.decoder_parameters.count() } else { 0 };
        let started = PspEvent::Started {
            run: self.run.path().to_owned(),
            resumed_from: self.resumed_from,
            steps: self.config.steps,
            dataset: self.loader.dataset().describe(),
            parameters: (self.encoder_parameters.count(), decoder),
        };
        self.tell(observer, started);
        for note in std::mem::take(&mut self.notes) {
            self.tell(observer, PspEvent::Note(note));
        }
    }

    /// The images of the next step.
    fn next_pair(&mut self) -> Result<Pair, PspTrainError> {
        let batch = self.loader.next_batch(self.config.batch)?;
        let shape = (batch.n, batch.channels, batch.height, batch.width);
        let target = reals::process(&batch.images, shape, 0, 0.0, &self.device)?;
        let draws = InputDraws { seed: self.config.seed, step: self.position.step };
        self.pair(target, &batch.indices, &batch.mirrored, draws)
    }

    pub(super) fn pair(
        &self,
        target: Tensor,
        indices: &[usize],
        mirrored: &[bool],
        draws: InputDraws,
    ) -> Result<Pair, PspTrainError> {
        match &self.maps {
            Some(maps) if self.config.task == Task::Segmentation => {
                Ok(Pair { input: maps.get(indices, mirrored, &self.device)?, target })
            }
            _ => Ok(pair_of(self.config.task, &target, draws)?),
        }
    }

    /// Inputs as the encoder takes them.
    pub(super) fn fitted(&self, input: &Tensor) -> Result<Tensor, PspTrainError> {
        let size = self.config.encoder.input_size;
        if input.dim(2)? == size {
            return Ok(input.clone());
        }
        if self.config.task != Task::Segmentation {
            return Ok(resized(input, size)?);
        }
        // Nearest, so that maps stay one-hot.
        let from = input.dim(2)?;
        let places = (0..size).map(|at| ((2 * at + 1) * from / (2 * size)) as u32);
        let places = Tensor::from_vec(places.collect(), size, &self.device)?;
        Ok(input.index_select(&places, 2)?.index_select(&places, 3)?)
    }

    /// Codes and images of inputs, the images at the size at which they are judged.
    pub(super) fn forward(
        &self,
        input: &Tensor,
        mode: Mode,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let codes = self.encoder.forward(input, mode)?;
        let output = self.decoder.synthesize(&codes, 0.0, &Noise::Const)?;
        let side = output.dim(2)?;
        if side == self.image_size {
            return Ok((codes, output));
        }
        let output = Resampler::square(&Axis::area(side, self.image_size)).apply(&output)?;
        Ok((codes, output))
    }

    pub(super) fn judged(
        &self,
        output: &Tensor,
        codes: &Tensor,
        target: &Tensor,
    ) -> Result<Loss, PspTrainError> {
        let identity = |images: &Tensor| match &self.identity {
            Some(network) => network.of_images(images),
            None => Err(candle_core::Error::Msg("there is no identity network".into())),
        };
        let features = |images: &Tensor| match &self.identity {
            Some(network) => {
                let images = whole_image(images, network.config().input_size)?;
                network.embed(&images, Mode::Evaluation)
            }
            None => Err(candle_core::Error::Msg("there is no feature network".into())),
        };
        let judges = Judges {
            distance: self.judge.as_ref().map(|judge| judge.distance.as_ref() as _),
            identity: Some(&identity),
            moco: Some(&features),
        };
        let average = self.encoder.latent_avg();
        let judged = Judged { output, target, codes, average };
        let mut loss = self.config.loss.evaluate(judges, judged)?;
        if self.judge.as_ref().is_some_and(|judge| judge.stand_in) {
            for (of, name) in [("lpips", "random_features"), ("lpips_crop", "random_features_crop")]
            {
                if let Some(term) = loss.terms.remove(of) {
                    loss.terms.insert(name, term);
                }
            }
        }
        Ok(loss)
    }

    fn gradients(&self, pair: &Pair) -> Result<Found, PspTrainError> {
        let input = self.fitted(&pair.input)?;
        in_pool(|| {
            let record = BatchRecord::default();
            let (codes, output) = self.forward(&input, Mode::Training(&record))?;
            let loss = self.judged(&output, &codes, &pair.target)?;
            let store = loss.total.backward()?;
            let (encoder, decoder) =
                Gradients::of_both(&self.encoder_parameters, &self.decoder_parameters, store);
            Ok((loss, encoder, decoder, record))
        })
    }

    fn update(
        &mut self,
        encoder: &Gradients,
        decoder: &Gradients,
        record: &BatchRecord,
        rate: f64,
        observer: &mut dyn PspObserver,
    ) -> Result<(), PspTrainError> {
        let mut outcome = self.encoder_optimizer.step(&self.encoder_parameters, encoder, rate)?;
        if outcome == StepOutcome::Updated {
            record.apply(&self.encoder_parameters)?;
            if self.config.train_decoder {
                outcome = self.decoder_optimizer.step(&self.decoder_parameters, decoder, rate)?;
            }
        }
        let StepOutcome::Skipped { parameter } = outcome else {
            self.position.skipped_in_a_row = 0;
            return Ok(());
        };
        let step = self.position.step;
        self.position.skipped_in_a_row += 1;
        self.tell(observer, PspEvent::Skipped { step, parameter: parameter.clone() });
        if self.position.skipped_in_a_row >= MAX_SKIPPED {
            return Err(PspTrainError::Diverged { step, parameter });
        }
        Ok(())
    }

    fn snapshot(&mut self, observer: &mut dyn PspObserver) -> Result<(), PspTrainError> {
        self.stats.sync()?;
        let path = self.write_snapshot()?;
        self.tell(observer, PspEvent::Snapshot { path, step: self.position.step });
        Ok(())
    }

    /// Tells the observer and the log.
    pub(super) fn tell(&self, observer: &mut dyn PspObserver, event: PspEvent) {
        observer.notice(&event);
        let time = humantime::format_rfc3339_seconds(std::time::SystemTime::now());
        // A log that cannot be written must not end a run that otherwise can go on.
        if let Err(error) = self.run.log(&format!("{time} {event}")) {
            observer.notice(&PspEvent::Note(error.to_string()));
        }
    }

    pub(super) fn judged_size(&self) -> usize {
        self.image_size
    }
}
