//! The training loop of one run: from a configuration, a data set and a run directory to a trained
//! generator, with complete resume.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use candle_core::{Device, Tensor};
use stylegan::Labels;
use stylegan_dataset::{Dataset, Loader, LoaderConfig, Share};
use stylegan_distributed::Group;
use stylegan_ops::gpu_memory;
use stylegan_progressive::{Schedule, State};

use crate::config::TrainConfig;
use crate::draws::Half;
use crate::estimate::{Machine, Workload};
use crate::events::{Event, Finished, Observer, Started};
use crate::networks::Networks;
use crate::optimizer::Adam;
use crate::run_dir::RunDir;

mod error;
mod figures;
mod found;
mod iteration;
mod labels;
mod lazy;
mod loss_scale;
mod measuring;
mod parts;
mod pending;
mod pictures;
mod position;
mod ranks;
mod recorder;
mod snapshot;
mod transfer;
mod watchdog;

pub use error::TrainError;
use measuring::Measurements;
pub use measuring::{Scheduled, SnapshotMetric};
use pending::{Pending, Session};
use position::Position;
use recorder::Recorder;
pub use transfer::{InitFrom, Taken};
use watchdog::Watchdog;

/// Roll-backs without a finished tick in between before a run gives up.
const MAX_ROLLBACKS: u64 = 5;

/// A run in a state from which it can go on: new, or resumed from its last snapshot.
pub struct Training {
    config: TrainConfig,
    schedule: Schedule,
    workload: Workload,
    label_dim: usize,
    labels: Labels,
    networks: Networks,
    generator_optimizer: Adam,
    discriminator_optimizer: Adam,
    loader: Loader,
    run: RunDir,
    position: Position,
    /// The running mean of path lengths, `[]`, on the device; that of the position is as old as the last step that was read.
    path_length_mean: Tensor,
    pending: VecDeque<Pending>,
    recorder: Recorder,
    watchdog: Watchdog,
    measurements: Measurements,
    resumed_from: Option<u64>,
    warnings: Vec<String>,
    device: Device,
    group: Group,
    /// Whether this rank was asked to stop.
    asked_to_stop: bool,
    /// Whether any rank was, which all learn with the numbers of a step.
    stops: bool,
}

/// Whether the loop goes on.
enum Flow {
    Continue,
    Stop,
}

impl Training {
    /// Prepares a run in `run`: begins it, or resumes it from its newest whole snapshot. Labels
    /// are used where the configuration says so.
    ///
    /// # Errors
    /// A configuration or data set that does not fit, and files that cannot be read or written.
    pub fn new(
        config: TrainConfig,
        dataset: Arc<dyn Dataset>,
        run: RunDir,
        device: &Device,
    ) -> Result<Self, TrainError> {
        Self::among(Group::solo(), config, dataset, run, device)
    }

    /// As [`Self::new`], among several ranks that compute shares of every batch. All of them begin with the same configuration and images; the first one's
    /// `run` is locked, the others' are [`RunDir::followed`].
    ///
    /// What is computed is what one rank would compute in parts of those sizes. The first rank alone writes and tells its observer.
    ///
    /// # Errors
    /// As [`Self::new`], batches that the ranks cannot share evenly, and ranks that do not begin alike.
    pub fn among(
        group: Group,
        config: TrainConfig,
        dataset: Arc<dyn Dataset>,
        run: RunDir,
        device: &Device,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        config.validate_ranks(group.size())?;
        check_images(&config, dataset.as_ref())?;
        let label_dim = labels::label_dim(&config, dataset.as_ref())?;
        let workload = Workload::new(&config.of_one_rank(group.size()), label_dim)?;
        if let Some((free, _)) = gpu_memory(device)
            && let Some(misfit) = workload.misfit(free)
        {
            return Err(TrainError::Memory(misfit));
        }
        let discriminator = config.discriminator_config(label_dim);
        let mut networks = Networks::new(
            &config.generator_config(label_dim),
            &discriminator,
            config.run.seed,
            device,
        )?
        .with_precision(config.precision.precision());
        if config.discriminator.freeze_blocks > 0 {
            let frozen = config.clone();
            networks.freeze_discriminator(&discriminator, move |name| frozen.is_frozen(name))?;
        }
        let loader_config = LoaderConfig {
            seed: config.run.seed,
            mirror: config.data.mirror,
            workers: config.data.workers,
            share: Share { index: group.rank(), of: group.size() },
            ..LoaderConfig::default()
        };
        let mut training = Self {
            schedule: config.schedule()?,
            workload,
            label_dim,
            labels: labels::labels(dataset.as_ref(), label_dim)?,
            networks,
            generator_optimizer: Adam::new(config.adam(Half::Generator)),
            discriminator_optimizer: Adam::new(config.adam(Half::Discriminator)),
            position: Position::new(dataset.fingerprint(), config.augment.p),
            path_length_mean: Tensor::new(0f32, device)?,
            pending: VecDeque::new(),
            warnings: dataset.warnings(),
            loader: Loader::new(dataset, loader_config)?,
            recorder: Recorder::default(),
            watchdog: Watchdog::default(),
            measurements: Measurements::default(),
            resumed_from: None,
            device: device.clone(),
            asked_to_stop: false,
            stops: false,
            group,
            config,
            run,
        };
        if training.first_says(training.run.is_begun())? {
            training.resume()?;
        }
        // Also on resume: settings that may change between sessions (the total, say) are those of
        // the last one.
        if training.group.is_first() {
            training.run.write_config(&training.config.to_toml()?)?;
        }
        training.loader.seek(training.position.images);
        training.open_recorder()?;
        Ok(training)
    }

    /// The networks as they stand.
    pub fn networks(&self) -> &Networks {
        &self.networks
    }

    /// Real images seen.
    pub fn images(&self) -> u64 {
        self.position.images
    }

    /// Trains until the configured number of images has been seen or `stop` is set; either way, a
    /// snapshot is written at the end.
    ///
    /// # Errors
    /// What keeps the run from going on; its snapshots stay.
    pub fn run(
        &mut self,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<Finished, TrainError> {
        let (images, seconds) = (self.position.images, self.position.seconds);
        let session = Session { start: Instant::now(), images, seconds };
        self.begin(observer)?;
        let total = self.config.total_images();
        let mut stopped = false;
        while self.position.images < total {
            self.asked_to_stop = stop.load(Ordering::Relaxed);
            // Alone, at once; several ranks stop after the same step.
            if self.stops || (self.asked_to_stop && self.group.is_solo()) {
                stopped = true;
                break;
            }
            self.position.seconds = session.seconds();
            let state = self.look_at_schedule();
            self.iteration(&state)?;
            if !self.settle(self.steps_ahead(), &session, observer)? {
                continue;
            }
            self.position.seconds = session.seconds();
            if let Flow::Stop = self.finish_tick(&state, total, stop, &session, observer)? {
                break;
            }
        }
        // The end of the last tick has written one already.
        if stopped {
            self.settle(0, &session, observer)?;
            self.snapshot_or_error(observer)?;
        }
        let finished = Finished {
            run: self.run.path().to_owned(),
            images: self.position.images,
            stopped,
            time: session.start.elapsed(),
        };
        self.tell(observer, Event::Finished(finished.clone()))?;
        Ok(finished)
    }

    /// Announces the run and shows what it begins with.
    fn begin(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        self.agree()?;
        if !self.group.is_first() {
            return Ok(());
        }
        let machine = Machine::measure(&self.device)?;
        let mut estimate = self.workload.estimate(Some(&machine));
        estimate.time = estimate.time.map(|time| time / self.group.size() as u32);
        let started = Started {
            run: self.run.path().to_owned(),
            resumed_from: self.resumed_from,
            total: self.config.total_images(),
            dataset: self.loader.dataset().describe(),
            estimate,
        };
        self.tell(observer, Event::Started(started))?;
        for warning in std::mem::take(&mut self.warnings) {
            self.tell(observer, Event::Warning(warning))?;
        }
        if self.resumed_from.is_none() {
            self.write_reals(observer)?;
            self.write_fakes(observer)?;
        }
        Ok(())
    }

    /// The schedule's state, looked up every `minibatch_repeats` steps as in the official loop,
    /// and the optimizers reset where it asks for that.
    fn look_at_schedule(&mut self) -> State {
        if self.position.repeats_left == 0 {
            let before = self.schedule.at(self.position.scheduled_at);
            let now = self.schedule.at(self.position.images);
            let resets = self.config.optimizer.reset_at_new_lod && now.resets_optimizer(&before);
            if resets && self.position.step > 0 {
                self.generator_optimizer.reset();
                self.discriminator_optimizer.reset();
            }
            self.position.scheduled_at = self.position.images;
            self.position.repeats_left = self.config.schedule.minibatch_repeats.max(1) as u64;
        }
        self.position.repeats_left -= 1;
        let mut state = self.schedule.at(self.position.scheduled_at);
        state.learning_rate *= self.config.rampdown(self.position.scheduled_at);
        state
    }

    /// At the end of a tick, or of the run: numbers, pictures, a snapshot.
    fn finish_tick(
        &mut self,
        state: &State,
        total: u64,
        stop: &AtomicBool,
        session: &Session,
        observer: &mut dyn Observer,
    ) -> Result<Flow, TrainError> {
        let last = self.position.images >= total;
        let tick_images = (state.tick_kimg * 1000.0).max(1.0) as u64;
        if !last && self.position.images < self.position.tick_start + tick_images {
            return Ok(Flow::Continue);
        }
        // What is written is that of all steps so far.
        if !self.settle(0, session, observer)? {
            return Ok(Flow::Continue);
        }
        self.agree()?;
        self.position.tick += 1;
        let before = std::mem::replace(&mut self.position.tick_start, self.position.images);
        self.position.rollbacks_in_a_row = 0;
        if let Some(mean) = self.recorder.finish_tick()? {
            let warning = self.watchdog.look(&mean);
            self.tell(observer, Event::Tick(mean))?;
            if let Some(warning) = warning {
                self.tell(observer, Event::Warning(warning))?;
            }
        }
        if last || self.position.tick.is_multiple_of(self.config.run.image_ticks.max(1)) {
            self.write_fakes(observer)?;
        }
        if last {
            self.snapshot_or_error(observer)?;
            self.measure_due(before, last, stop, observer)?;
            return Ok(Flow::Stop);
        }
        let ticks = self.config.run.snapshot_ticks.max(1);
        let measured = self.is_measured(before, last);
        if measured || self.position.tick == 1 || self.position.tick.is_multiple_of(ticks) {
            // A full disk is no reason to lose what is in memory: the run goes on, and says so.
            if let Err(error) = self.snapshot_or_error(observer) {
                let warning = format!("no snapshot was written: {}", chain(&error));
                self.tell(observer, Event::Warning(warning))?;
            }
        }
        self.measure_due(before, last, stop, observer)?;
        Ok(Flow::Continue)
    }

    /// The first rank writes.
    fn snapshot_or_error(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        if !self.group.is_first() {
            return Ok(());
        }
        let path = self.write_snapshot()?;
        self.tell(observer, Event::Snapshot { path, images: self.position.images })
    }

    /// Tells the observer, and the log what it would show; the first rank speaks for all.
    fn tell(&self, observer: &mut dyn Observer, event: Event) -> Result<(), TrainError> {
        if !self.group.is_first() {
            return Ok(());
        }
        observer.notice(&event);
        let time = humantime::format_rfc3339_seconds(std::time::SystemTime::now());
        // A log that cannot be written must not end a run that otherwise can go on.
        if let Err(error) = self.run.log(&format!("{time} {event}")) {
            observer.notice(&Event::Warning(chain(&error)));
        }
        Ok(())
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

fn check_images(config: &TrainConfig, dataset: &dyn Dataset) -> Result<(), TrainError> {
    let (height, width) = config.image_size();
    let channels = config.network.channels;
    if dataset.resolution() != (height, width) || dataset.channels() != channels {
        let (h, w) = dataset.resolution();
        return Err(TrainError::Images {
            found: format!("{h} x {w} with {} channels", dataset.channels()),
            expected: format!("{height} x {width} with {channels} channels"),
        });
    }
    Ok(())
}
