//! `cargo xtask eval-ppl`: perceptual path length.

use std::path::PathBuf;
use std::time::Instant;

use candle_core::Tensor;
use stylegan_features::{Backbone, Lpips};
use stylegan_metrics::ppl::{PplSettings, Protocol, Sampling, Space, path_length};
use stylegan_metrics::{MetricError, MetricResult, NetworkId};
use stylegan_trainer::evaluation::FileCache;

use crate::evaluating::{Model, Watcher, cache_folder, failure, publish};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::weights::WeightsArgs;

/// What was typed.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The model: a .safetensors file, a run's folder or a snapshot's; the newest run under runs/ unless given
    #[arg(long, value_name = "PATH")]
    pub model: Option<PathBuf>,
    /// The space of the paths: z or w, or both as z,w
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "w")]
    pub space: Vec<Space>,
    /// Where distances are measured: anywhere on a path (full), or at its beginning (end), or both as full,end
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "full")]
    pub sampling: Vec<Sampling>,
    /// Whose protocol: stylegan1, stylegan2 or ada
    #[arg(long, value_name = "NAME", default_value = "stylegan1")]
    pub protocol: Protocol,
    /// Pairs of points; the protocol's number unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub pairs: Option<u32>,
    /// Crop images to the middle of a face; stylegan1 always does unless told otherwise
    #[arg(long, overrides_with = "no_crop")]
    pub crop: bool,
    /// Compare whole images
    #[arg(long, overrides_with = "crop")]
    pub no_crop: bool,
    /// The distance of the two points of a pair, as a share of the path
    #[arg(long, default_value_t = 1e-4)]
    pub epsilon: f64,
    /// Pairs that share one noise
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub minibatch: u16,
    /// Seed of latents, positions and noise
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Append results to this file as lines of JSON
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Where distances are kept, so that an interrupted evaluation goes on; `evaluations` in the cache
    /// of all runs unless given
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Where the weights of VGG16 come from, which is under the distance.
    #[command(flatten)]
    pub weights: WeightsArgs,
}

/// Measures and prints.
///
/// # Errors
///
/// When the model or the weights cannot be had; an interrupted evaluation keeps what it computed.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let (lpips, network) = args.weights.lpips(Backbone::Vgg16)?;
    let model = Model::open(args.model.as_deref(), printer)?;
    let paths: Vec<_> = args
        .space
        .iter()
        .flat_map(|&space| args.sampling.iter().map(move |&sampling| (space, sampling)))
        .map(|(space, sampling)| settings(args, space, sampling))
        .collect();
    let cache = cache_folder(args.cache.as_deref())?;
    let measuring = Measuring { model: &model, lpips, network, cache, printer };
    let watch = Watcher::new(printer)?;
    let results = paths.iter().map(|settings| measuring.measure(settings, &watch));
    publish(&results.collect::<Result<Vec<_>, _>>()?, args.out.as_deref(), printer)
}

/// What several path lengths share.
pub struct Measuring<'a> {
    /// The model.
    pub model: &'a Model,
    /// The distance.
    pub lpips: Lpips,
    /// As it is named beside a result.
    pub network: NetworkId,
    /// The folder of what is kept.
    pub cache: PathBuf,
    /// For notes.
    pub printer: Printer,
}

impl Measuring<'_> {
    /// One path length.
    ///
    /// # Errors
    ///
    /// An interrupted measurement keeps what it computed.
    pub fn measure(
        &self,
        settings: &PplSettings,
        watch: &Watcher,
    ) -> Result<MetricResult, Failure> {
        let (model, network, metric) = (self.model, &self.network, settings.metric());
        let key = format!("{metric} of {} by {} {settings:?}", model.identity, network.checksum);
        let mut cache = FileCache::open(&self.cache, "ppl", &key).map_err(failure)?;
        if !cache.is_empty() {
            let kept = cache.len();
            self.printer.note(&format!("{kept} minibatches of {metric} are in the cache"));
        }
        let start = Instant::now();
        let mut distance =
            |a: &Tensor, b: &Tensor| self.lpips.distance(a, b).map_err(MetricError::from);
        let result = path_length(&model.subject(), &mut distance, settings, &mut cache, watch);
        let mut result = result.map_err(failure)?;
        result.seconds = start.elapsed().as_secs_f64();
        if model.lod > 0.0 {
            let note = "the model is of a run that still grows: its level of detail is";
            result = result.with_note(format!("{note} {:.2}", model.lod));
        }
        Ok(result.with_network(network.clone()).with_network(model.id()))
    }
}

fn settings(args: &Args, space: Space, sampling: Sampling) -> PplSettings {
    let own = PplSettings::new(args.protocol, space, sampling);
    PplSettings {
        pairs: args.pairs.map_or(own.pairs, |pairs| pairs as usize),
        epsilon: args.epsilon,
        minibatch: args.minibatch.into(),
        crop: (own.crop || args.crop) && !args.no_crop,
        seed: args.seed,
        ..own
    }
}
