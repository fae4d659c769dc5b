//! `cargo xtask bench`: the time of a training step or of the generation of a batch, as one JSON
//! line whose keys are those of the PyTorch yardstick it is compared with.
//!
//! The step is the paper's configuration F at full resolution, nothing growing: a generator step
//! with the discriminator frozen (non-saturating logistic loss, style mixing, random noise), the
//! moving average, a discriminator step on fresh generated images and a fixed real batch (logistic
//! loss with R1 every step), and both Adam updates. With `--network stylegan2` it is the step of StyleGAN2's paper: R1 every 16
//! steps and path length every 4, in steps of their own. Each measured step has all three, and counts them by their shares.

mod clock;
mod data;
mod encode;
mod metrics;
mod roofline;

use std::fs;

use candle_core::{Result as CandleResult, Tensor};
use clap::ValueEnum;
use serde::Serialize;
use stylegan::{
    Architecture, DiscriminatorConfig, FloatFormat, GenerateOptions, GeneratorConfig, Noise,
    NoiseKind, Precision, Structure, latents,
};
use stylegan_ops::gpu_name;
use stylegan_ops::random::Stream;
use stylegan_trainer::optimizer::{Adam, AdamConfig};
use stylegan_trainer::{ClassTerm, Networks, PathLength, StepPosition, StepSettings, average};

use crate::device;
use crate::failure::Failure;
use crate::memory;
use crate::precision;
use crate::printer::Printer;
use clock::Spent;

/// Steps before the clock starts, in which buffers and caches fill.
const WARM_UP: usize = 2;

/// Adam's learning rate, which no time depends on.
const LEARNING_RATE: f64 = 1e-3;

/// Steps from one of StyleGAN2's penalties to the next.
const PATH_LENGTH_INTERVAL: u64 = 4;
const R1_INTERVAL: u64 = 16;

/// Share of the average that is kept a step.
const AVERAGE_DECAY: f64 = 0.999;

/// What was typed.
#[derive(clap::Args, Clone, Debug, Serialize)]
pub struct Args {
    /// Height and width of the images, a power of two
    #[arg(long, value_name = "PIXELS", default_value_t = 64)]
    pub resolution: usize,
    /// Images a batch
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = positive)]
    pub batch: usize,
    /// The networks to measure
    #[arg(long, value_enum, default_value_t = Network::Stylegan)]
    pub network: Network,
    /// What to measure
    #[arg(long, value_enum, default_value_t = Mode::Train)]
    pub mode: Mode,
    /// Feature maps times resolution, halved
    #[arg(long, value_name = "N", default_value_t = 8192, value_parser = positive)]
    pub channel_base: usize,
    /// The most feature maps of a layer
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = positive)]
    pub channel_max: usize,
    /// Components of z and w
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = positive)]
    pub w_dim: usize,
    /// With --mode data: the collection to read; unless given, sets made for the purpose, one of
    /// --resolution and one of a million tiny images
    #[arg(long, value_name = "SRC")]
    pub data: Option<String>,
    /// Steps to measure, after two to warm up
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = positive)]
    pub steps: usize,
    /// What the four highest resolutions compute in: float32, bfloat16 or float16
    #[arg(long, value_name = "FORMAT", default_value_t = FloatFormat::Float32)]
    pub precision: FloatFormat,
}

/// Whose networks are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// StyleGAN's.
    Stylegan,
    /// StyleGAN2's: a skip generator, a residual discriminator.
    Stylegan2,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A whole training step.
    Train,
    /// Mapping and synthesis of a batch.
    Generate,
    /// Opening a collection of images and reading it in shuffled order.
    Data,
    /// The published encoder of pixel2style2pixel on images of 256x256.
    Encode,
    /// LPIPS, FID's Inception network, the root of a product of covariances, support vector machines.
    Metrics,
    /// The machine's ceilings, and each operation beside them.
    Roofline,
}

/// The line of output.
#[derive(Serialize)]
struct Line<'a> {
    tool: &'a str,
    #[serde(flatten)]
    args: &'a Args,
    threads: usize,
    device: &'a str,
    channels_last: bool,
    compile: bool,
    ms_per_step: f64,
    images_per_second: f64,
    best_ms: f64,
    mean_ms: f64,
    /// The median of the processor time, of all threads together, where the system tells: what counts on a busy machine.
    cpu_ms: Option<f64>,
    /// The largest resident set of this process so far, where the system tells.
    peak_memory_mb: Option<f64>,
}

/// Measures and prints.
///
/// # Errors
///
/// When the networks cannot be of this size.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    precision::check(args.precision, printer)?;
    match args.mode {
        Mode::Train | Mode::Generate => printer.line(&line(args)?),
        Mode::Data => data::run(args, printer),
        Mode::Encode => encode::run(args, printer),
        Mode::Metrics => metrics::run(args, printer),
        Mode::Roofline => roofline::run(printer),
    }
}

/// Measures training steps, or with any other mode generation, as one line of JSON.
///
/// # Errors
///
/// When the networks cannot be of this size, or do not fit the device.
pub fn line(args: &Args) -> Result<String, Failure> {
    memory::keep();
    let mut bench = Bench::new(args)?;
    let mut times = Vec::with_capacity(args.steps);
    let mut processor = Vec::with_capacity(args.steps);
    for step in 0..WARM_UP + args.steps {
        let spent = match args.mode {
            Mode::Train => bench.train(step as u64)?,
            _ => bench.generate(step as u64)?,
        };
        if step >= WARM_UP {
            times.push(spent.seconds);
            processor.extend(spent.processor);
        }
    }
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    times.sort_by(f64::total_cmp);
    processor.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let line = Line {
        tool: concat!("stylegan ", env!("CARGO_PKG_VERSION")),
        args,
        threads: rayon::current_num_threads(),
        device: &gpu_name(device::chosen()).unwrap_or_else(|| "cpu".to_owned()),
        channels_last: false,
        compile: false,
        ms_per_step: hundredths(median * 1e3),
        images_per_second: hundredths(args.batch as f64 / median),
        best_ms: hundredths(times[0] * 1e3),
        mean_ms: hundredths(mean * 1e3),
        cpu_ms: processor.get(processor.len() / 2).map(|seconds| hundredths(seconds * 1e3)),
        peak_memory_mb: peak_memory().map(|bytes| hundredths(bytes / 1e6)),
    };
    serde_json::to_string(&line).map_err(Failure::program)
}

/// The networks, the optimizers and the real batch.
struct Bench {
    networks: Networks,
    settings: StepSettings,
    generator_adam: Adam,
    discriminator_adam: Adam,
    reals: Tensor,
    batch: usize,
    w_dim: usize,
    /// Whether penalties have steps of their own.
    lazy: bool,
    path_length_mean: Tensor,
}

impl Bench {
    fn new(args: &Args) -> Result<Self, Failure> {
        let second = args.network == Network::Stylegan2;
        let mut generator =
            if second { GeneratorConfig::stylegan2_e() } else { GeneratorConfig::config_f() };
        generator.mapping.z_dim = args.w_dim;
        generator.mapping.w_dim = args.w_dim;
        generator.mapping.hidden_dim = args.w_dim;
        generator.synthesis.w_dim = args.w_dim;
        generator.synthesis.resolution = args.resolution;
        generator.synthesis.fmap_base = args.channel_base;
        generator.synthesis.fmap_max = args.channel_max;
        generator.synthesis.structure = Structure::Fixed;
        generator.synthesis.pyramid().map_err(|error| {
            Failure::user_error(error).hint("name a power of two with --resolution")
        })?;
        let discriminator = DiscriminatorConfig {
            resolution: args.resolution,
            fmap_base: args.channel_base,
            fmap_max: args.channel_max,
            structure: Structure::Fixed,
            stylegan2: second.then_some(Architecture::Resnet),
            ..DiscriminatorConfig::default()
        };
        let device = device::chosen();
        let shape = (args.batch, 3, args.resolution, args.resolution);
        Ok(Self {
            networks: Networks::new(&generator, &discriminator, 0, device)?
                .with_precision(Precision::official(args.precision)),
            settings: StepSettings {
                // The defaults are the non-saturating and the logistic loss.
                generator_loss: Default::default(),
                discriminator_loss: Default::default(),
                class: ClassTerm::default(),
                r1_gamma: if second { 0.0 } else { 10.0 },
                r2_gamma: 0.0,
                mixing_probability: 0.9,
                noise: Some(NoiseKind::Gaussian),
                augment: Default::default(),
                seed: 0,
                loss_scale: 1.0,
            },
            generator_adam: Adam::new(AdamConfig::default()),
            discriminator_adam: Adam::new(AdamConfig::default()),
            reals: Stream::new(0, 0, 0).uniform(shape, device)?.affine(2.0, -1.0)?,
            batch: args.batch,
            w_dim: args.w_dim,
            lazy: second,
            path_length_mean: Tensor::new(0f32, device::chosen())?,
        })
    }

    /// A step, and what it took; of StyleGAN2's, with the shares of the penalties that have steps of their own.
    fn train(&mut self, step: u64) -> CandleResult<Spent> {
        let at = StepPosition { step, part: 0, lod: 0.0 };
        let mut spent = timed(1, || self.adversarial(at))?;
        if self.lazy {
            spent += timed(PATH_LENGTH_INTERVAL, || self.path_length(at))?;
            spent += timed(R1_INTERVAL, || self.penalties(at))?;
        }
        Ok(spent)
    }

    fn adversarial(&mut self, at: StepPosition) -> CandleResult<()> {
        let networks = &self.networks;
        let found = self.settings.generator(networks, &self.reals, None, at)?;
        let parameters = &networks.generator_parameters;
        self.generator_adam.queue(parameters, &found.gradients, LEARNING_RATE)?;
        average::update(&networks.average_parameters, parameters, AVERAGE_DECAY)?;
        let found = self.settings.discriminator(networks, &self.reals, None, at)?;
        let parameters = &networks.discriminator_parameters;
        self.discriminator_adam.queue(parameters, &found.gradients, LEARNING_RATE)?;
        Ok(())
    }

    fn path_length(&mut self, at: StepPosition) -> CandleResult<()> {
        let (n, how, mean) =
            ((self.batch / 2).max(1), PathLength::default(), &self.path_length_mean);
        let found = self.settings.path_length(&self.networks, n, None, how, mean, at)?;
        self.path_length_mean = found.mean;
        let parameters = &self.networks.generator_parameters;
        self.generator_adam.queue(parameters, &found.gradients, LEARNING_RATE)?;
        Ok(())
    }

    fn penalties(&mut self, at: StepPosition) -> CandleResult<()> {
        let settings = StepSettings { r1_gamma: 10.0, ..self.settings.clone() };
        let found = settings.penalties(&self.networks, &self.reals, None, at)?;
        let parameters = &self.networks.discriminator_parameters;
        self.discriminator_adam.queue(parameters, &found.gradients, LEARNING_RATE)?;
        Ok(())
    }

    fn generate(&mut self, step: u64) -> CandleResult<Spent> {
        timed(1, || self.batch_of_images(step))
    }

    fn batch_of_images(&self, step: u64) -> CandleResult<()> {
        let seeds: Vec<u64> =
            (0..self.batch as u64).map(|i| step * self.batch as u64 + i).collect();
        let z = latents(&seeds, self.w_dim, device::chosen())?;
        let noise = Noise::Random { seed: 0, step, kind: NoiseKind::Gaussian };
        let options = GenerateOptions { psi: 1.0, cutoff: None, noise, lod: 0.0 };
        self.networks.frozen_generator.generate(&z, None, &options)?;
        Ok(())
    }
}

/// What a step takes that is made once in so many, until the device is done with it.
fn timed(interval: u64, work: impl FnOnce() -> CandleResult<()>) -> CandleResult<Spent> {
    Spent::on(interval, || {
        work()?;
        // On a GPU the work has only been asked for.
        device::chosen().synchronize()
    })
}

/// Bytes of the largest resident set so far, on systems that have Linux's `/proc`.
pub fn peak_memory() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024.0)
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn positive(typed: &str) -> Result<usize, String> {
    match typed.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("a whole number above 0 is needed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolution_that_cannot_be_is_the_users_mistake() {
        let args = Args {
            resolution: 48,
            batch: 1,
            network: Network::Stylegan,
            mode: Mode::Train,
            data: None,
            channel_base: 64,
            channel_max: 8,
            w_dim: 8,
            steps: 1,
            precision: FloatFormat::Float32,
        };
        let failure = Bench::new(&args).err().unwrap();
        assert_eq!(failure.exit_code(), 1);
    }
}
