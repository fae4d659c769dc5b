//! The metrics of one evaluation: what they share is computed once.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use stylegan_features::{Inception, Vgg16};
use stylegan_metrics::{
    Extraction, Extractor, Features, Gaussian, ImageSource, InceptionExtractor, MetricError,
    MetricResult, Vgg16Extractor, Watch, bootstrap, check_images, extract, frechet_distance,
    frechet_interval, inception_score, kernel_distance_of_subsets, ms_ssim, precision_recall,
    quantised, sliced_wasserstein,
};

use super::{Metric, Setting, failure};
use crate::failure::{Failure, OrFail};
use crate::images::{Generated, Pictures};
use crate::interrupt;
use crate::printer::Printer;
use crate::progress::Progress;
use crate::weights::cache;

/// Subsets of KID, and the most images of one.
const SUBSETS: usize = 100;
const SUBSET: usize = 1000;

/// Parts that the inception score is computed in.
const SPLITS: usize = 10;

/// Neighbours of precision and recall.
const NEIGHBOURS: usize = 3;

/// Images of the sliced Wasserstein distance, and pairs of MS-SSIM, at most.
const PYRAMIDS: usize = 16_384;
const PAIRS: usize = 10_000;

/// The terminal, and Ctrl-C.
pub(super) struct Watcher {
    printer: Printer,
    stop: Arc<AtomicBool>,
    bar: Mutex<Option<(&'static str, usize, Progress)>>,
}

impl Watcher {
    pub(super) fn new(printer: Printer) -> Result<Self, Failure> {
        let said = "stopping; what is computed is kept (again to stop at once)";
        Ok(Self { printer, stop: interrupt::on_ctrl_c(printer, said)?, bar: Mutex::new(None) })
    }
}

impl Watch for Watcher {
    fn reached(&self, what: &'static str, done: usize, total: usize) {
        let mut bar = self.bar.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if done >= total {
            *bar = None;
            return;
        }
        if bar.as_ref().is_none_or(|(of, size, _)| *of != what || *size != total) {
            *bar = Some((what, total, Progress::new(self.printer, total as u64, what)));
        }
        if let Some((.., bar)) = bar.as_mut() {
            bar.reach(done as u64);
        }
    }

    fn stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn warn(&self, message: &str) {
        self.printer.note(&format!("warning: {message}"));
    }
}

/// Everything that several metrics of one evaluation share.
struct Evaluation<'a> {
    setting: &'a Setting,
    printer: Printer,
    watcher: Watcher,
    cache: PathBuf,
    real: Box<dyn ImageSource>,
    generated: Box<dyn ImageSource>,
    inception: Option<(InceptionExtractor, Features, Features)>,
}

/// Measures.
pub(super) fn run(
    metrics: &[Metric],
    setting: &Setting,
    printer: Printer,
) -> Result<Vec<MetricResult>, Failure> {
    let Some(data) = setting.data.as_deref() else {
        return Err(Failure::user("there are no real images to compare with")
            .hint("name them with --data, such as --data faces or --data sets/ffhq-256"));
    };
    let (generated, resolution): (Box<dyn ImageSource>, _) = match &setting.images {
        Some(images) => {
            let pictures = Pictures::open(images, None, Some(setting.seed), printer)?;
            let resolution = pictures.resolution();
            (Box::new(pictures), resolution)
        }
        None => {
            let model = setting.model.as_deref();
            let generated = Generated::open(model, setting.seed, setting.psi, printer)?;
            let resolution = generated.resolution();
            (Box::new(generated), resolution)
        }
    };
    let real = Box::new(Pictures::open(data, Some(resolution), Some(setting.seed), printer)?);
    let cache = match &setting.cache {
        Some(folder) => folder.clone(),
        None => cache()?.join("evaluations"),
    };
    let watcher = Watcher::new(printer)?;
    let mut evaluation =
        Evaluation { setting, printer, watcher, cache, real, generated, inception: None };
    let mut results = Vec::new();
    for metric in metrics {
        let started = Instant::now();
        let mut result = evaluation.measure(*metric)?;
        result.seconds = started.elapsed().as_secs_f64();
        for note in &result.notes {
            printer.note(&format!("warning: {note}"));
        }
        results.push(result);
    }
    Ok(results)
}

impl Evaluation<'_> {
    fn measure(&mut self, metric: Metric) -> Result<MetricResult, Failure> {
        match metric {
            Metric::Fid => self.fid(),
            Metric::Kid => self.kid(),
            Metric::Is => self.inception_score(),
            Metric::Pr => self.precision_recall(),
            Metric::Swd => self.sliced_wasserstein().map_err(failure),
            Metric::Msssim => self.ms_ssim().map_err(failure),
        }
    }

    fn samples(&self) -> usize {
        self.setting.samples as usize
    }

    fn reals(&self) -> usize {
        self.setting.reals.map_or_else(|| self.setting.protocol.reals(), |reals| reals as usize)
    }

    /// A figure with its protocol in words.
    fn result(
        &self,
        metric: &str,
        value: f64,
        reals: Option<usize>,
        samples: usize,
    ) -> MetricResult {
        let Setting { protocol, psi, mirror, .. } = self.setting;
        let reals = reals.map_or_else(String::new, |reals| {
            format!(", {reals} real{}", if *mirror { " with mirror images" } else { "" })
        });
        let protocol = format!("{} ({samples} generated{reals}, psi {psi})", protocol.name());
        MetricResult::new(metric, protocol, value, samples, self.setting.seed)
    }

    /// Features of both sides, of a network.
    fn features(&mut self, network: &dyn Extractor) -> Result<(Features, Features), Failure> {
        let batch = self.setting.batch.into();
        let mirror = self.setting.mirror;
        let reals = Extraction { count: self.reals(), batch, quantise: true, mirror };
        let ours = Extraction { count: self.samples(), batch, quantise: true, mirror: false };
        self.printer.note(&format!("{}: real images", network.id().name));
        let (cache, watcher) = (Some(self.cache.as_path()), &self.watcher);
        let real = extract(&mut *self.real, network, reals, cache, watcher).map_err(failure)?;
        self.printer.note(&format!("{}: generated images", network.id().name));
        let generated =
            extract(&mut *self.generated, network, ours, cache, watcher).map_err(failure)?;
        Ok((real, generated))
    }

    fn inception(&mut self) -> Result<&(InceptionExtractor, Features, Features), Failure> {
        if self.inception.is_none() {
            let weights = self.setting.weights.load("inception", &Inception::shapes())?;
            let sampling = self.setting.protocol.sampling();
            let network = InceptionExtractor::new(&weights, sampling).or_user().map_err(damaged)?;
            let (real, generated) = self.features(&network)?;
            self.inception = Some((network, real, generated));
        }
        self.inception.as_ref().ok_or_else(|| Failure::program("features vanished"))
    }

    fn fid(&mut self) -> Result<MetricResult, Failure> {
        let divisor = self.setting.protocol.divisor();
        let seed = self.setting.seed;
        self.inception()?;
        let Some((network, real, generated)) = &self.inception else {
            return Err(Failure::program("features vanished"));
        };
        let (a, b) = (Gaussian::of(real, divisor), Gaussian::of(generated, divisor));
        let (a, b) = (a.map_err(failure)?, b.map_err(failure)?);
        let distance = frechet_distance(&a, &b).map_err(failure)?;
        let value = distance.value();
        let interval = frechet_interval(&a, &b, generated, value, seed, &self.watcher);
        let (reals, samples) = (real.count(), generated.count());
        let mut result = self
            .result("fid", value, Some(reals), samples)
            .with_interval(interval.map_err(failure)?)
            .with_network(network.id())
            .with_detail("means", distance.means)
            .with_detail("covariances", distance.covariances);
        for (count, what) in [(samples, "generated"), (reals, "real")] {
            if count < network.dims() {
                result = result.with_note(format!(
                    "{count} {what} images are fewer than the {} features: their covariance has no full rank, and the distance comes out too large; \
                     it compares with figures of as many images only",
                    network.dims()
                ));
            }
        }
        Ok(result)
    }

    fn kid(&mut self) -> Result<MetricResult, Failure> {
        let seed = self.setting.seed;
        self.inception()?;
        let Some((network, real, generated)) = &self.inception else {
            return Err(Failure::program("features vanished"));
        };
        let kid = kernel_distance_of_subsets(real, generated, SUBSETS, SUBSET, seed, &self.watcher);
        let kid = kid.map_err(failure)?;
        Ok(self
            .result("kid", kid.value, Some(real.count()), generated.count())
            .with_interval(kid.interval)
            .with_network(network.id())
            .with_detail("images of a subset", kid.subset as f64))
    }

    fn inception_score(&mut self) -> Result<MetricResult, Failure> {
        let seed = self.setting.seed;
        self.inception()?;
        let Some((network, _, generated)) = &self.inception else {
            return Err(Failure::program("features vanished"));
        };
        let probabilities =
            |rows: &candle_core::Tensor| Ok(network.network().probabilities(rows)?);
        let score = inception_score(generated, SPLITS, seed, &probabilities, &self.watcher);
        let score = score.map_err(failure)?;
        Ok(self
            .result("is", score.value, None, generated.count())
            .with_interval(score.interval)
            .with_network(network.id())
            .with_detail("deviation of the splits", score.deviation))
    }

    fn precision_recall(&mut self) -> Result<MetricResult, Failure> {
        let weights = self.setting.weights.load("vgg16", &Vgg16::shapes())?;
        let network = Vgg16Extractor::new(&weights).or_user().map_err(damaged)?;
        drop(weights);
        let (real, generated) = self.features(&network)?;
        let both =
            precision_recall(&real, &generated, NEIGHBOURS, self.setting.seed, &self.watcher);
        let both = both.map_err(failure)?;
        let mut result = self
            .result("precision", both.precision, Some(real.count()), generated.count())
            .with_interval(both.precision_interval)
            .with_network(network.id())
            .with_detail("recall", both.recall);
        if let Some(interval) = both.recall_interval {
            result = result
                .with_detail("recall, low", interval.low)
                .with_detail("recall, high", interval.high);
        }
        Ok(result)
    }

    fn sliced_wasserstein(&mut self) -> Result<MetricResult, MetricError> {
        let count = self.samples().min(self.reals()).min(PYRAMIDS);
        let (real, generated) = (&mut *self.real, &mut *self.generated);
        let levels = sliced_wasserstein(real, generated, count, self.setting.seed, &self.watcher)?;
        let count = [self.real.count(), self.generated.count()]
            .into_iter()
            .flatten()
            .fold(count, usize::min);
        let value = levels.iter().map(|level| level.value).sum::<f64>() / levels.len() as f64;
        let mut result = self.result("swd", value, Some(count), count);
        for level in levels {
            result = result.with_detail(format!("level {}", level.resolution), level.value);
        }
        Ok(result)
    }

    /// Between images 2i and 2i + 1: how alike a model's images are, 1 for a model that always gives the same.
    fn ms_ssim(&mut self) -> Result<MetricResult, MetricError> {
        let available = self.generated.count().unwrap_or(usize::MAX);
        let pairs = PAIRS.min(self.samples() / 2).min(available / 2);
        if pairs == 0 {
            let (metric, what) = ("MS-SSIM", "images");
            return Err(MetricError::TooFew { metric, what, needed: 2, found: available });
        }
        let mut values = Vec::with_capacity(pairs);
        for range in stylegan_metrics::batches(pairs, (self.setting.batch as usize).div_ceil(2)) {
            if self.watcher.stop() {
                let (what, done) = ("pairs", range.start);
                return Err(MetricError::Stopped { what, done, total: pairs });
            }
            let images = check_images(&mut *self.generated, 2 * range.start..2 * range.end)?;
            let images = quantised(&images)?;
            let (_, c, h, w) = images.dims4()?;
            let images = images.reshape((range.len(), 2, c, h, w))?;
            let side = |which| images.narrow(1, which, 1)?.squeeze(1)?.contiguous();
            values.extend(ms_ssim(&side(0)?, &side(1)?)?);
            self.watcher.reached("pairs", range.end, pairs);
        }
        let value = values.iter().sum::<f64>() / values.len() as f64;
        let interval = bootstrap::of_mean(&values, self.setting.seed);
        Ok(self.result("msssim", value, None, 2 * pairs).with_interval(interval))
    }
}

/// What to do about weights that are not the network's.
fn damaged(failure: Failure) -> Failure {
    failure.hint("`cargo xtask weights verify` checks the published files")
}
