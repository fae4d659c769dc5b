//! The training loop of an encoder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};
use stylegan::{Generator, Noise, Parameters, load_generator};
use stylegan_dataset::{Dataset, Loader, LoaderConfig};
use stylegan_ops::in_pool;
use stylegan_psp::{
    Axis, BatchRecord, Encoder, Identity, ImageDistance, InputDraws, Judged, Judges, Loss, Mode,
    Pair, RandomFeatures, Resampler, Task, pair_of, resized,
};

use super::optimizer::Optimizer;
use super::{
    ClassMaps, PspConfig, PspEvent, PspFinished, PspObserver, PspProgress, PspTrainError, Subset,
    pictures,
};
use crate::gradients::Gradients;
use crate::optimizer::StepOutcome;
use crate::reals;
use crate::run_dir::{RunDir, StatsFile};

/// Images above this size are judged at this size, as published.
const LARGEST_JUDGED: usize = 256;

/// Skipped steps in a row after which a run ends.
const MAX_SKIPPED: u64 = 5;

/// Latents that an average is estimated from, where the decoder keeps none.
const LATENTS: usize = 4096;

/// The perceptual distance of a run.
pub struct Judge {
    /// What it is, in words.
    pub name: String,
    /// The distance.
    pub distance: Box<dyn ImageDistance + Send + Sync>,
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
    judge: Judge,
    pub(super) identity: Option<Identity>,
    loader: Loader,
    held_out: Subset,
    first_held_out: usize,
    maps: Option<ClassMaps>,
    image_size: usize,
    pub(super) resumed_from: Option<u64>,
    pub(super) notes: Vec<String>,
    stats: StatsFile,
}

/// A step's loss and gradients: of the encoder, and of the decoder.
type Found = (Loss, Gradients, Gradients, BatchRecord);

impl PspTraining {
    /// The size at which a decoder's images are judged, and which a run's data have: the decoder's own, or 256.
    ///
    /// # Errors
    /// Images that are not square.
    pub fn image_size(decoder: &Generator) -> Result<usize, PspTrainError> {
        let (height, width) = decoder.synthesis().pyramid().full_size();
        if height != width {
            return Err(PspTrainError::NotSquare { height, width });
        }
        Ok(height.min(LARGEST_JUDGED))
    }

    /// Prepares a run in `run`: begins it with the decoder that the configuration names, or resumes it from its newest whole snapshot. Without a
    /// `judge`, random features stand in for LPIPS.
    ///
    /// # Errors
    /// A configuration, decoder or data set that do not fit, and files that cannot be read or written.
    pub fn new(
        config: PspConfig,
        data: PspData,
        judge: Option<Judge>,
        run: RunDir,
        device: &Device,
    ) -> Result<Self, PspTrainError> {
        config.validate()?;
        let original = load_generator(Path::new(&config.networks.decoder), device)?;
        config.encoder.fits(original.num_layers(), original.config().mapping.w_dim)?;
        let image_size = Self::image_size(&original)?;
        check_images(data.images.as_ref(), &original, image_size)?;
        if let Some(maps) = data.maps.as_ref().filter(|maps| maps.len() != data.images.len()) {
            let reason = format!("{} maps, {} images", maps.len(), data.images.len());
            return Err(PspTrainError::Maps { maps: maps.describe().to_owned(), reason });
        }
        let decoder_parameters = parameters_of(Path::new(&config.networks.decoder), device)?;
        let vb = if config.train_decoder {
            decoder_parameters.builder()
        } else {
            decoder_parameters.frozen_builder()
        };
        let decoder = Generator::new(original.config(), vb)?;
        let encoder_parameters = Parameters::new(config.seed, DType::F32, device);
        let encoder = Encoder::new(&config.encoder, encoder_parameters.builder())?;
        let mut notes = data.images.warnings();
        let judge = match judge {
            Some(judge) => judge,
            None => {
                if config.loss.needs_distance() {
                    notes.push("no LPIPS weights: random features stand in for the perceptual distance".into());
                }
                let channels = original.config().synthesis.channels;
                let distance = Box::new(RandomFeatures::new(channels, 0, device)?);
                Judge { name: "random features".into(), distance }
            }
        };
        let images = data.images;
        let held_out = config.held_out.min(images.len() / 10);
        let first_held_out = images.len() - held_out;
        let trained_on = Subset::new(images.clone(), 0..first_held_out);
        let position = Position {
            step: 0,
            skipped_in_a_row: 0,
            seconds: 0.0,
            dataset: images.fingerprint(),
        };
        let loader_config = LoaderConfig {
            seed: config.seed,
            // Frontalisation draws for itself; elsewhere faces have no left and right.
            mirror: config.task != Task::Frontalisation,
            ..LoaderConfig::default()
        };
        let held_out = Subset::new(images, first_held_out..usize::MAX);
        let mut training = Self {
            encoder,
            encoder_parameters,
            decoder,
            decoder_parameters,
            encoder_optimizer: Optimizer::new(config.optimizer),
            decoder_optimizer: Optimizer::new(config.optimizer),
            position,
            stats: StatsFile::open(&run.file("stats.jsonl"), 0)?,
            run,
            device: device.clone(),
            judge,
            identity: None,
            loader: Loader::new(Arc::new(trained_on), loader_config)?,
            held_out,
            first_held_out,
            maps: data.maps,
            image_size,
            resumed_from: None,
            notes,
            config,
        };
        training.config.networks.distance = training.judge.name.clone();
        if training.run.is_begun() {
            training.resume()?;
        }
        if training.resumed_from.is_none() {
            training.begin_weights()?;
        }
        let config = training.config.to_toml()?;
        training.run.write_config(&config)?;
        training.stats = StatsFile::open(&training.run.file("stats.jsonl"), training.images())?;
        training.loader.seek(training.images());
        Ok(training)
    }

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

    /// The average latent, and a backbone from elsewhere.
    fn begin_weights(&mut self) -> Result<(), PspTrainError> {
        if let Some(average) = self.encoder_parameters.get("latent_avg") {
            let w = average_latent(&self.decoder, self.config.seed)?;
            average.set(&w.unsqueeze(0)?.repeat((self.config.encoder.styles, 1))?)?;
        }
        if self.config.networks.backbone.is_empty() {
            self.notes.push("no pretrained backbone: the encoder begins from nothing".into());
            return Ok(());
        }
        let path = Path::new(&self.config.networks.backbone);
        let checkpoint = stylegan_checkpoint::load_on(path, &self.device)?;
        let (mut taken, mut fresh) = (0, 0);
        for (name, var) in self.encoder_parameters.all() {
            if !name.starts_with("input_layer.") && !name.starts_with("body.") {
                continue;
            }
            match checkpoint.tensors.get(&name).filter(|tensor| tensor.shape() == var.shape()) {
                Some(tensor) => {
                    var.set(&tensor.to_dtype(var.dtype())?)?;
                    taken += 1;
                }
                None => fresh += 1,
            }
        }
        if taken == 0 {
            return Err(PspTrainError::NotA {
                path: path.to_owned(),
                what: "backbone",
                reason: "it shares no tensor with the encoder's".into(),
            });
        }
        self.notes.push(format!(
            "{taken} tensors of the backbone from {}, {fresh} begin from nothing",
            path.display()
        ));
        Ok(())
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
            if last || at.is_multiple_of(self.config.report_steps)
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

    fn pair(
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
    fn fitted(&self, input: &Tensor) -> Result<Tensor, PspTrainError> {
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
    fn forward(&self, input: &Tensor, mode: Mode) -> candle_core::Result<(Tensor, Tensor)> {
        let codes = self.encoder.forward(input, mode)?;
        let output = self.decoder.synthesize(&codes, 0.0, &Noise::Const)?;
        let side = output.dim(2)?;
        if side == self.image_size {
            return Ok((codes, output));
        }
        let output = Resampler::square(&Axis::area(side, self.image_size)).apply(&output)?;
        Ok((codes, output))
    }

    fn judged(&self, output: &Tensor, codes: &Tensor, target: &Tensor) -> Result<Loss, PspTrainError> {
        let identity = |images: &Tensor| match &self.identity {
            Some(network) => network.of_images(images),
            None => Err(candle_core::Error::Msg("there is no identity network".into())),
        };
        let judges = Judges {
            distance: Some(self.judge.distance.as_ref()),
            identity: Some(&identity),
            moco: Some(&identity),
        };
        let average = self.encoder.latent_avg();
        let judged = Judged { output, target, codes, average };
        Ok(self.config.loss.evaluate(judges, judged)?)
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

    /// Measures and shows images that are not trained on.
    fn look(&mut self, observer: &mut dyn PspObserver) -> Result<(), PspTrainError> {
        let Some((progress, grid)) = self.measure()? else { return Ok(()) };
        let path = self.run.file(&format!("strip-{:06}.png", self.position.step));
        grid.write(&path)?;
        self.stats.append(&progress)?;
        self.tell(observer, PspEvent::Measured(progress));
        self.tell(observer, PspEvent::Picture(path));
        Ok(())
    }

    /// The terms over the images that are not trained on, in evaluation mode, and a strip of the first.
    fn measure(&self) -> Result<Option<(PspProgress, crate::grid::Grid)>, PspTrainError> {
        let count = self.held_out.len();
        let mut sum = Sum::default();
        let mut strip = None;
        for start in (0..count).step_by(self.config.batch) {
            let indices: Vec<usize> = (start..(start + self.config.batch).min(count)).collect();
            let mut bytes = Vec::new();
            for &index in &indices {
                bytes.extend_from_slice(&self.held_out.get(index)?.image.data);
            }
            let (channels, side) = (self.held_out.channels(), self.image_size);
            let shape = (indices.len(), channels, side, side);
            let target = reals::process(&bytes, shape, 0, 0.0, &self.device)?;
            let all: Vec<usize> = indices.iter().map(|i| self.first_held_out + i).collect();
            // The same draws every time, so that measurements can be compared.
            let draws = InputDraws { seed: !self.config.seed, step: start as u64 };
            let pair = self.pair(target, &all, &[], draws)?;
            let input = self.fitted(&pair.input)?;
            let (codes, output) = in_pool(|| self.forward(&input, Mode::Evaluation))?;
            let (codes, output) = (codes.detach(), output.detach());
            let loss = self.judged(&output, &codes, &pair.target)?;
            sum.add_weighted(&self.progress(&loss)?, indices.len() as f64);
            if start == 0 {
                strip = Some(pictures::strip(self.config.task, &pair.input, &output, &pair.target)?);
            }
        }
        Ok(sum.take().zip(strip))
    }

    fn progress(&self, loss: &Loss) -> Result<PspProgress, PspTrainError> {
        Ok(PspProgress {
            images: self.images(),
            step: self.position.step,
            steps: self.config.steps,
            held_out: true,
            loss: f64::from(loss.total.to_dtype(DType::F32)?.to_scalar::<f32>()?),
            terms: loss.terms.clone(),
            learning_rate: 0.0,
            images_per_second: 0.0,
            seconds: self.position.seconds,
            eta_seconds: None,
        })
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

    /// A batch of images for teaching, without a place in the run.
    pub(super) fn teaching_batch(&self, step: u64, size: usize) -> Result<Tensor, PspTrainError> {
        let dataset = self.loader.dataset();
        let order = stylegan_dataset::loader::Order::new(!self.config.seed, dataset.len());
        let mut bytes = Vec::new();
        for at in 0..size as u64 {
            let index = order.index(step * size as u64 + at);
            bytes.extend_from_slice(&dataset.get(index)?.image.data);
        }
        let shape = (size, dataset.channels(), self.image_size, self.image_size);
        Ok(reals::process(&bytes, shape, 0, 0.0, &self.device)?)
    }

    pub(super) fn judged_size(&self) -> usize {
        self.image_size
    }
}

fn check_images(
    dataset: &dyn Dataset,
    decoder: &Generator,
    size: usize,
) -> Result<(), PspTrainError> {
    let channels = decoder.config().synthesis.channels;
    let found = (dataset.resolution(), dataset.channels());
    if found == ((size, size), channels) {
        return Ok(());
    }
    let ((h, w), c) = found;
    Err(PspTrainError::Images {
        found: format!("{h}x{w} with {c} channels"),
        expected: format!("{size}x{size} with {channels} channels"),
    })
}

/// The tensors of a file as parameters.
fn parameters_of(path: &Path, device: &Device) -> Result<Parameters, PspTrainError> {
    Ok(Parameters::from_tensors(&stylegan_checkpoint::load_on(path, device)?.tensors, device)?)
}

/// The average of w `[w_dim]` that the decoder keeps, or an estimate where it keeps none.
fn average_latent(decoder: &Generator, seed: u64) -> Result<Tensor, PspTrainError> {
    let kept = decoder.w_avg().detach();
    let mapping = &decoder.config().mapping;
    let is_kept = kept.abs()?.sum_all()?.to_dtype(DType::F32)?.to_scalar::<f32>()? > 0.0;
    if is_kept || mapping.label_dim > 0 {
        return Ok(kept);
    }
    let stream = stylegan_ops::random::Stream::new(seed, 0, 0x5301);
    let z = stream.normal((LATENTS, mapping.z_dim), kept.device())?;
    Ok(decoder.map(&z, None)?.mean(0)?.detach())
}

/// Sums of numbers, for their means.
#[derive(Default)]
struct Sum {
    last: Option<PspProgress>,
    loss: f64,
    terms: BTreeMap<&'static str, f64>,
    weight: f64,
}

impl Sum {
    fn add(&mut self, progress: &PspProgress) {
        self.add_weighted(progress, 1.0);
    }

    fn add_weighted(&mut self, progress: &PspProgress, weight: f64) {
        self.weight += weight;
        self.loss += weight * progress.loss;
        for (name, term) in &progress.terms {
            *self.terms.entry(name).or_default() += weight * term;
        }
        self.last = Some(progress.clone());
    }

    /// The means since the last time; `None` without any.
    fn take(&mut self) -> Option<PspProgress> {
        let Self { last, loss, terms, weight } = std::mem::take(self);
        let terms = terms.into_iter().map(|(name, sum)| (name, sum / weight)).collect();
        last.map(|last| PspProgress { loss: loss / weight, terms, ..last })
    }
}
