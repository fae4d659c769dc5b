//! Metrics during training: of snapshots, on a schedule, with the best one kept.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use stylegan_checkpoint::atomic_write;
use stylegan_distributed::Group;
use stylegan_metrics::{MetricError, MetricResult, Watch};

use super::{TrainError, Training, chain};
use crate::evaluation::Subject;
use crate::events::{Event, Measured, Observer};
use crate::plot::{self, Curve};
use crate::run_dir::{RunDir, StatsFile};

/// The file of measurements, a line each.
const FILE: &str = "metrics.jsonl";

/// A metric of a snapshot's averaged generator. Whoever joins a metric to training implements it: it may hold a feature
/// network, real images' statistics, whatever it needs.
pub trait SnapshotMetric {
    /// Its name: `ppl_w`, `fid`.
    fn name(&self) -> &str;

    /// Whether less is better, as with most.
    fn lower_is_better(&self) -> bool {
        true
    }

    /// Measures.
    ///
    /// # Errors
    /// Whatever stands in the way; training then goes on without the figure.
    fn measure(
        &mut self,
        subject: &Subject<'_>,
        watch: &dyn Watch,
    ) -> Result<MetricResult, MetricError>;

    /// Measures among several ranks, which all call this at the same time; the result is the first rank's alone. A metric that can share its work does so
    /// here; otherwise the first rank measures, and the others go on to the next step and wait there.
    ///
    /// # Errors
    /// As [`Self::measure`].
    fn measure_among(
        &mut self,
        group: &Group,
        subject: &Subject<'_>,
        watch: &dyn Watch,
    ) -> Result<Option<MetricResult>, MetricError> {
        if group.is_first() { self.measure(subject, watch).map(Some) } else { Ok(None) }
    }
}

/// A metric and how often it is measured.
pub struct Scheduled {
    /// The metric.
    pub metric: Box<dyn SnapshotMetric>,
    /// Thousands of images between two measurements, which are made at the end of a tick.
    pub every_kimg: f64,
}

/// What is measured, and what was.
#[derive(Default)]
pub(super) struct Measurements {
    scheduled: Vec<Scheduled>,
    file: Option<StatsFile>,
    /// Images seen and value, by metric.
    found: BTreeMap<String, Vec<(u64, f64)>>,
}

/// A line of the file.
#[derive(Serialize)]
struct Line<'a> {
    images: u64,
    snapshot: u64,
    #[serde(flatten)]
    result: &'a MetricResult,
}

impl Measurements {
    /// Takes up the lines of a run that has seen `images` images.
    pub(super) fn open(&mut self, run: &RunDir, images: u64) -> Result<(), TrainError> {
        if self.scheduled.is_empty() {
            return Ok(());
        }
        let path = run.file(FILE);
        self.file = Some(StatsFile::open(&path, images)?);
        self.found.clear();
        // A file that was only just written can be read; a line that is none was dropped on opening.
        for line in std::fs::read_to_string(&path).unwrap_or_default().lines() {
            let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else { continue };
            let (name, images, value) = (&line["metric"], &line["images"], &line["value"]);
            let known = (name.as_str(), images.as_u64(), value.as_f64());
            if let (Some(name), Some(images), Some(value)) = known {
                self.found.entry(name.to_owned()).or_default().push((images, value));
            }
        }
        Ok(())
    }

    /// The metrics that are due after `images` images, if `before` had been seen at the end of the tick before.
    fn due(&self, before: u64, images: u64, last: bool) -> Vec<usize> {
        let times = |seen: u64, every: f64| (seen as f64 / (every * 1000.0).max(1.0)).floor();
        let due = |scheduled: &Scheduled| {
            last || times(images, scheduled.every_kimg) > times(before, scheduled.every_kimg)
        };
        (0..self.scheduled.len()).filter(|&index| due(&self.scheduled[index])).collect()
    }

    fn curves(&self) -> Vec<Curve> {
        let lower = |name: &str| {
            let of = self.scheduled.iter().find(|scheduled| scheduled.metric.name() == name);
            of.is_none_or(|scheduled| scheduled.metric.lower_is_better())
        };
        let curve = |(name, points): (&String, &Vec<(u64, f64)>)| Curve {
            name: name.clone(),
            points: points.iter().map(|&(images, value)| (images as f64 / 1000.0, value)).collect(),
            lower_is_better: lower(name),
        };
        self.found.iter().map(curve).collect()
    }

    /// The snapshots that are the best by one of the metrics.
    pub(super) fn best(&self) -> Vec<u64> {
        self.curves().iter().filter_map(Curve::best).map(|(kimg, _)| kimg as u64).collect()
    }
}

impl Training {
    /// Measures snapshots from now on: each metric when another multiple of its interval has been seen, and at the end. A
    /// snapshot is written for each measurement; the best one by each metric is kept beside the newest. Lines go to `metrics.jsonl`,
    /// curves to `metrics.png`, the best to `best.json`.
    ///
    /// Training does not depend on it: the same bits come out with other metrics or none.
    ///
    /// # Errors
    /// If the file of earlier measurements cannot be read or written.
    pub fn measure(&mut self, scheduled: Vec<Scheduled>) -> Result<(), TrainError> {
        self.measurements.scheduled = scheduled;
        self.open_measurements()
    }

    /// Takes up the lines of what was measured; the first rank's work.
    pub(super) fn open_measurements(&mut self) -> Result<(), TrainError> {
        if self.group.is_first() {
            self.measurements.open(&self.run, self.position.images)?;
        }
        Ok(())
    }

    /// Whether a metric is due at the end of a tick that began after `before` images.
    pub(super) fn is_measured(&self, before: u64, last: bool) -> bool {
        !self.measurements.due(before, self.position.images, last).is_empty()
    }

    /// Measures what is due. What goes wrong with a metric is a warning.
    pub(super) fn measure_due(
        &mut self,
        before: u64,
        last: bool,
        stop: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let images = self.position.images;
        let due = self.measurements.due(before, images, last);
        let identity = format!("{} at {images} images", self.config.run.name);
        let lod = self.schedule.at(self.position.scheduled_at).lod;
        for index in due {
            let subject = Subject { generator: &self.networks.average, identity: &identity, lod };
            let metric = &mut self.measurements.scheduled[index].metric;
            let name = metric.name().to_owned();
            let start = std::time::Instant::now();
            match metric.measure_among(&self.group, &subject, &Stopper(stop)) {
                // What is not the first rank's to write.
                Ok(None) => {}
                Ok(Some(mut result)) => {
                    result.seconds = start.elapsed().as_secs_f64();
                    self.record(&name, &result, observer)?;
                }
                // The next one is stopped at once; all ranks come to it.
                Err(MetricError::Stopped { .. }) => {}
                Err(error) => {
                    let warning = format!("{name} was not measured: {}", chain(&error));
                    self.tell(observer, Event::Warning(warning))?;
                }
            }
        }
        Ok(())
    }

    fn record(
        &mut self,
        name: &str,
        result: &MetricResult,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let images = self.position.images;
        let mut named = result.clone();
        named.metric = name.to_owned();
        let line = Line { images, snapshot: images / 1000, result: &named };
        if let Some(file) = &mut self.measurements.file {
            file.append(&line)?;
            file.sync()?;
        }
        let found = self.measurements.found.entry(name.to_owned()).or_default();
        found.push((images, result.value));
        let curves = self.measurements.curves();
        let best = curves.iter().find(|curve| curve.name == name).and_then(Curve::best);
        let is_best = best.is_some_and(|(kimg, _)| kimg == images as f64 / 1000.0);
        let measured = Measured {
            images,
            metric: name.to_owned(),
            value: result.value,
            random: result.is_random(),
            is_best,
        };
        self.tell(observer, Event::Measured(measured))?;
        // Pictures and summaries can be made again from the lines: no reason to end a run.
        let best: BTreeMap<&str, _> = curves
            .iter()
            .filter_map(|curve| Some((curve.name.as_str(), curve.best()?)))
            .map(|(name, (kimg, value))| {
                (name, serde_json::json!({"snapshot": kimg as u64, "value": value}))
            })
            .collect();
        let text = serde_json::to_string_pretty(&best)?;
        let written =
            atomic_write(&self.run.file("best.json"), |file| file.write_all(text.as_bytes()));
        if let Err(error) = written {
            self.tell(observer, Event::Warning(chain(&error)))?;
        }
        if let Err(error) = plot::write(&curves, &self.run.file("metrics.png")) {
            self.tell(observer, Event::Warning(chain(&error)))?;
        }
        Ok(())
    }
}

/// Ctrl-C ends a measurement too.
struct Stopper<'a>(&'a AtomicBool);

impl Watch for Stopper<'_> {
    fn reached(&self, _what: &'static str, _done: usize, _total: usize) {}

    fn stop(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
