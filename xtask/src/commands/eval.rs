//! `cargo xtask eval`: how good a model's images are, or how alike two folders of pictures.

mod agreement;
mod compare;
mod latents;
mod measure;

use std::path::PathBuf;

use clap::ValueEnum;
use stylegan_features::Sampling;
use stylegan_metrics::{Divisor, ppl};

use crate::evaluating::{Watcher, publish};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::weights::WeightsArgs;

/// What was typed.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// What to measure
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LIST", default_values_t = [Metric::Fid])]
    pub metrics: Vec<Metric>,
    /// Compare two folders of pictures instead, pair by pair in the order of their names
    #[arg(long, num_args = 2, value_names = ["DIR_A", "DIR_B"], conflicts_with_all = ["metrics", "data", "model", "images"])]
    pub compare: Option<Vec<String>>,
    /// What is compared with what, and how much of it.
    #[command(flatten)]
    pub setting: Setting,
    /// The network of --compare's LPIPS
    #[arg(long, value_enum, default_value_t = Lpips::Alexnet)]
    pub lpips: Lpips,
    /// The folder of classifiers that `train-classifiers` made: for the metric ls, and with --compare to say in how many pairs they see the
    /// same attributes
    #[arg(long, value_name = "DIR")]
    pub classifiers: Option<PathBuf>,
}

/// What an evaluation compares.
#[derive(clap::Args, Clone, Debug)]
pub struct Setting {
    /// The real images: anything that `prepare` takes, or faces:COUNT@RESOLUTION
    #[arg(long, value_name = "SRC")]
    pub data: Option<String>,
    /// The model: a .safetensors file, a run's folder or a snapshot's; the newest run under runs/
    /// unless given
    #[arg(long, value_name = "PATH")]
    pub model: Option<PathBuf>,
    /// Measure a collection of pictures instead of a model's
    #[arg(long, value_name = "SRC", conflicts_with = "model")]
    pub images: Option<String>,
    /// The variant of the protocol
    #[arg(long, value_enum, default_value_t = Protocol::Stylegan1)]
    pub protocol: Protocol,
    /// Images to generate, or pairs for ppl; the protocol's number unless given: 50000, pairs as for eval-ppl, 200000 for ls
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    pub samples: Option<u32>,
    /// Real images, the protocol's number unless given: 50000, or all with --protocol ada
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    pub reals: Option<u32>,
    /// Count the mirror images of the real ones too, as training with --mirror does
    #[arg(long)]
    pub mirror: bool,
    /// Seed of latents, noise and subsets
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Truncation psi; published figures have 1, which truncates nothing
    #[arg(long, default_value = "1", value_parser = crate::drawing::psi, allow_hyphen_values = true)]
    pub psi: f64,
    /// Images that a network looks at together
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub batch: u16,
    /// Append results to this file as lines of JSON
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Where features are kept, so that an interrupted evaluation goes on; `evaluations` in the cache
    /// of all runs unless given
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Where the networks' weights come from.
    #[command(flatten)]
    pub weights: WeightsArgs,
}

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Metric {
    /// Fréchet inception distance
    Fid,
    /// Kernel inception distance
    Kid,
    /// Inception score
    Is,
    /// Precision and recall, neighbourhoods of 3
    Pr,
    /// Sliced Wasserstein distance of Laplacian pyramids
    Swd,
    /// MS-SSIM between pairs of generated images
    Msssim,
    /// Perceptual path length in W, full and end; eval-ppl measures it in Z too
    Ppl,
    /// Linear separability in Z and in W, of which every attribute keeps half of the samples; needs --classifiers
    Ls,
}

impl Metric {
    /// Whether it looks at a model's latents, and not at images of any source.
    fn is_of_latents(self) -> bool {
        matches!(self, Self::Ppl | Self::Ls)
    }
}

/// Whose variant of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// StyleGAN's and StyleGAN2's: 50000 real images, covariances over N - 1, TensorFlow's resize
    Stylegan1,
    /// stylegan2-ada-pytorch's: all real images, covariances over N, TensorFlow's resize
    Ada,
    /// pytorch-fid's: 50000 real images, covariances over N - 1, PyTorch's resize
    PytorchFid,
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Self::Stylegan1 => "stylegan1",
            Self::Ada => "ada",
            Self::PytorchFid => "pytorch-fid",
        }
    }

    fn sampling(self) -> Sampling {
        match self {
            Self::Stylegan1 | Self::Ada => Sampling::TensorFlow1,
            Self::PytorchFid => Sampling::Centres,
        }
    }

    /// Whose path length it is: pytorch-fid has none.
    fn path(self) -> ppl::Protocol {
        match self {
            Self::Stylegan1 | Self::PytorchFid => ppl::Protocol::Stylegan1,
            Self::Ada => ppl::Protocol::Ada,
        }
    }

    fn divisor(self) -> Divisor {
        match self {
            Self::Stylegan1 | Self::PytorchFid => Divisor::Unbiased,
            Self::Ada => Divisor::Count,
        }
    }

    /// Real images.
    fn reals(self) -> usize {
        if self == Self::Ada { usize::MAX } else { 50_000 }
    }
}

/// The network under LPIPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lpips {
    /// AlexNet
    Alexnet,
    /// VGG16
    Vgg16,
    /// SqueezeNet 1.1
    Squeezenet,
    /// None: L2 and SSIM alone
    None,
}

/// Measures and prints.
///
/// # Errors
///
/// When images or weights cannot be had; an interrupted evaluation keeps what it computed.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    if let Some([a, b]) = args.compare.as_deref() {
        return compare::run(a, b, args, printer);
    }
    let mut metrics = args.metrics.clone();
    let mut seen = std::collections::HashSet::new();
    metrics.retain(|metric| seen.insert(*metric));
    let watcher = Watcher::new(printer)?;
    let (latents, images): (Vec<Metric>, _) =
        metrics.into_iter().partition(|metric| metric.is_of_latents());
    let of_latents = latents::run(&latents, args, &watcher, printer)?;
    let mut results = measure::run(&images, &args.setting, watcher, printer)?;
    results.extend(of_latents);
    publish(&results, args.setting.out.as_deref(), printer)
}

/// The Fréchet inception distance alone.
///
/// # Errors
///
/// As [`run`].
pub fn fid(setting: &Setting, printer: Printer) -> Result<(), Failure> {
    let results = measure::run(&[Metric::Fid], setting, Watcher::new(printer)?, printer)?;
    publish(&results, setting.out.as_deref(), printer)
}
