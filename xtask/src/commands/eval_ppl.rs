//! `cargo xtask eval-ppl`: perceptual path length.

use std::path::PathBuf;
use std::time::Instant;

use stylegan_metrics::MetricError;
use stylegan_metrics::ppl::{PplSettings, Protocol, Sampling, Space, path_length};
use stylegan_trainer::evaluation::FileCache;

use crate::evaluating::{CACHE, DistanceArgs, Model, Watcher, failure, publish};
use crate::failure::Failure;
use crate::printer::Printer;

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
    /// The network under the distance.
    #[command(flatten)]
    pub distance: DistanceArgs,
    /// Append results to this file as lines of JSON
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Where distances are kept, so that an interrupted evaluation goes on
    #[arg(long, value_name = "DIR", default_value = CACHE)]
    pub cache: PathBuf,
}

/// Measures and prints.
///
/// # Errors
///
/// When the model or the weights cannot be had; an interrupted evaluation keeps what it computed.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let (lpips, network) = args.distance.open()?;
    let model = Model::open(args.model.as_deref(), printer)?;
    let subject = model.subject();
    let watch = Watcher::new(printer)?;
    let mut results = Vec::new();
    for &space in &args.space {
        for &sampling in &args.sampling {
            let settings = settings(args, space, sampling);
            let key = format!(
                "{} of {} by {} {settings:?}",
                settings.metric(),
                model.identity,
                network.checksum
            );
            let mut cache = FileCache::open(&args.cache, "ppl", &key).map_err(failure)?;
            if !cache.is_empty() {
                printer.note(&format!(
                    "{} minibatches of {} are in the cache",
                    cache.len(),
                    settings.metric()
                ));
            }
            let start = Instant::now();
            let mut distance = |a: &candle_core::Tensor, b: &candle_core::Tensor| {
                lpips.distance(a, b).map_err(MetricError::from)
            };
            let result = path_length(&subject, &mut distance, &settings, &mut cache, &watch);
            let mut result = result.map_err(failure)?;
            result.seconds = start.elapsed().as_secs_f64();
            if !cache.is_empty() && model.lod > 0.0 {
                let note = "the model is of a run that still grows: its level of detail is";
                result = result.with_note(format!("{note} {:.2}", model.lod));
            }
            results.push(result.with_network(network.clone()).with_network(model.id()));
        }
    }
    publish(&results, args.out.as_deref(), printer)
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
