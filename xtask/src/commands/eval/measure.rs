//! The metrics of one evaluation: what they share is computed once.

use std::path::PathBuf;
use std::time::Instant;

use stylegan_features::{Inception, Vgg16};
use stylegan_metrics::{
    Compared, Extraction, Extractor, Features, ImageSource, InceptionExtractor, MetricError,
    MetricResult, Vgg16Extractor, Watch, bootstrap, check_images, extract, inception_score,
    ms_ssim, precision_recall, quantised, sliced_wasserstein, sliced_wasserstein_limit,
};

use super::{Metric, Setting};
use crate::evaluating::{Watcher, cache_folder, failure};
use crate::failure::{Failure, OrFail};
use crate::images;
use crate::printer::Printer;

/// Generated images, unless their number is given.
const SAMPLES: usize = 50_000;

/// Parts that the inception score is computed in.
const SPLITS: usize = 10;

/// Neighbours of precision and recall.
const NEIGHBOURS: usize = 3;

/// Images of the sliced Wasserstein distance at most.
const PYRAMIDS: usize = 16_384;

/// Memory for the neighbourhoods of those pyramids.
const PYRAMID_BYTES: usize = 4 << 30;

/// Pairs of MS-SSIM at most.
const PAIRS: usize = 10_000;

/// Everything that several metrics of one evaluation share.
struct Evaluation<'a> {
    setting: &'a Setting,
    printer: Printer,
    watcher: Watcher,
    cache: PathBuf,
    real: Box<dyn ImageSource>,
    generated: Box<dyn ImageSource>,
    resolution: (usize, usize),
    inception: Option<(InceptionExtractor, Features, Features)>,
}

/// Measures.
pub(super) fn run(
    metrics: &[Metric],
    setting: &Setting,
    watcher: Watcher,
    printer: Printer,
) -> Result<Vec<MetricResult>, Failure> {
    if metrics.is_empty() {
        return Ok(Vec::new());
    }
    let Some(data) = setting.data.as_deref() else {
        return Err(Failure::user("there are no real images to compare with")
            .hint("name them with --data, such as --data faces or --data sets/ffhq-256"));
    };
    let (generated, resolution): (Box<dyn ImageSource>, _) = match &setting.images {
        Some(images) => {
            let pictures = images::pictures(images, None, Some(setting.seed), printer)?;
            let resolution = pictures.resolution();
            (Box::new(pictures), resolution)
        }
        None => {
            let model = setting.model.as_deref();
            let generated = images::generated(model, setting.seed, setting.psi, printer)?;
            let resolution = generated.resolution();
            (Box::new(generated), resolution)
        }
    };
    let real = Box::new(images::pictures(data, Some(resolution), Some(setting.seed), printer)?);
    let cache = cache_folder(setting.cache.as_deref())?;
    let mut evaluation = Evaluation {
        setting,
        printer,
        watcher,
        cache,
        real,
        generated,
        resolution,
        inception: None,
    };
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
            Metric::Ppl | Metric::Ls => Err(Failure::program("a metric of latents")),
        }
    }

    fn samples(&self) -> usize {
        self.setting.samples.map_or(SAMPLES, |samples| samples as usize)
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
        let protocol = self.protocol(reals, samples);
        MetricResult::new(metric, protocol, value, samples, self.setting.seed)
    }

    /// The protocol in words.
    fn protocol(&self, reals: Option<usize>, samples: usize) -> String {
        let Setting { protocol, psi, mirror, .. } = self.setting;
        let reals = reals.map_or_else(String::new, |reals| {
            format!(", {reals} real{}", if *mirror { " with mirror images" } else { "" })
        });
        format!("{} ({samples} generated{reals}, psi {psi})", protocol.name())
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

    /// Both sides' features, with what is said beside a figure of them.
    fn compared(&mut self) -> Result<(Compared<'_>, &Watcher), Failure> {
        self.inception()?;
        let Some((network, real, generated)) = &self.inception else {
            return Err(Failure::program("features vanished"));
        };
        let (protocol, seed) =
            (self.protocol(Some(real.count()), generated.count()), self.setting.seed);
        let compared = Compared { real, generated, network: network.id(), protocol, seed };
        Ok((compared, &self.watcher))
    }

    fn fid(&mut self) -> Result<MetricResult, Failure> {
        let divisor = self.setting.protocol.divisor();
        let (compared, watcher) = self.compared()?;
        compared.frechet(divisor, watcher).map_err(failure)
    }

    fn kid(&mut self) -> Result<MetricResult, Failure> {
        let (compared, watcher) = self.compared()?;
        compared.kernel(watcher).map_err(failure)
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
        let wanted = self.samples().min(self.reals()).min(PYRAMIDS);
        let count = wanted.min(sliced_wasserstein_limit(self.resolution, PYRAMID_BYTES)).max(1);
        let (real, generated) = (&mut *self.real, &mut *self.generated);
        let levels = sliced_wasserstein(real, generated, count, self.setting.seed, &self.watcher)?;
        let count = [self.real.count(), self.generated.count()]
            .into_iter()
            .flatten()
            .fold(count, usize::min);
        let value = levels.iter().map(|level| level.value).sum::<f64>() / levels.len() as f64;
        let mut result = self.result("swd", value, Some(count), count);
        if count < wanted {
            result = result.with_note(format!(
                "{count} images instead of {wanted}: the neighbourhoods of more take too much memory"
            ));
        }
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
