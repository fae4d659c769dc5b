//! The command line as a whole: the options of every command, and the list of commands.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::device;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::ranks::{self, Ranks};

/// Train StyleGAN, draw from it, look into it.
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Threads to compute with; all cores unless given. The results do not depend on it
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// What computes: cpu, or an NVIDIA GPU as cuda or cuda:N, where the program was built for it; cpu unless given, and cuda for gpu-check
    #[arg(long, global = true, value_name = "DEVICE")]
    pub device: Option<device::Choice>,
    /// Let a GPU round factors to TF32 in convolutions and matrix products: faster, and exact to some 1e-3
    #[arg(long, global = true)]
    pub tf32: bool,
    /// Print data as one JSON object a line, for programs
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands, those for people first, then the developers' chores.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a generator from nothing, or go on with a run
    Train(Box<commands::train::Args>),
    /// Draw one picture a seed
    Generate(commands::generate::Args),
    /// Draw a grid of mixed styles: coarse ones from the columns' seeds, the rest from the rows'
    Mix(commands::mix::Args),
    /// Make an animated loop through the pictures of several seeds
    Interpolate(commands::interpolate::Args),
    /// Draw seeds at several strengths of truncation
    Truncate(commands::truncate::Args),
    /// Train an encoder of images into the latent space of a generator
    TrainPsp(Box<commands::train_psp::Args>),
    /// Encode images: codes, reconstructions, several outputs for one input
    Encode(commands::encode::Args),
    /// Find the latent code of an image
    Project(commands::project::Args),
    /// Change images along directions: of classifiers, of class means, of the weights
    Edit(commands::edit::Args),
    /// Convert another program's checkpoint to a model of this project; nothing in it is run
    Import(commands::import::Args),
    /// Write a model as ONNX, PyTorch or numpy files
    Export(commands::export::Args),
    /// Make a training set of any collection of images: cropped, resized, checked, fast to read
    Prepare(commands::prepare::Args),
    /// Look at collections of images: show, stats, extract, compare, check, list
    Data(commands::data::Args),
    /// List the layers, shapes and parameters of a model, a checkpoint or a preset
    Inspect(commands::inspect::Args),
    /// Measure how good a model's images are, by named protocols; or compare two folders of pictures
    Eval(Box<commands::eval::Args>),
    /// Measure the Fréchet inception distance alone
    EvalFid(Box<commands::eval_fid::Args>),
    /// Measure how near the bundled faces a run came, snapshot by snapshot: the curve that training recipes are compared by
    EvalLearning(commands::eval_learning::Args),
    /// Get the published weights of the networks that measure: list, fetch, verify, convert
    Weights(commands::weights::Args),
    /// Measure how evenly a model's images change along paths between latents: perceptual path length
    EvalPpl(commands::eval_ppl::Args),
    /// Train classifiers of attributes on labelled images, for eval-separability
    TrainClassifiers(commands::train_classifiers::Args),
    /// Measure how well planes in a model's latent spaces tell attributes: linear separability
    EvalSeparability(commands::eval_separability::Args),
    /// Measure the time of a training step, of generation or of reading images
    Bench(commands::bench::Args),
    /// Check on a GPU that it computes what the processor does, and how fast: one report
    GpuCheck(commands::gpu_check::Args),
    /// Regenerate docs/cli.md, the reference of this command line
    Docs(commands::docs::Args),
    /// Check what reviews would otherwise look for: dependency edges, module docs, file sizes
    Tidy(commands::tidy::Args),
    /// Check that the code for GPUs compiles; with NVIDIA's toolkit, compile its kernels and link too
    CheckCuda(commands::check_cuda::Args),
    /// Run everything that continuous integration runs
    Ci(commands::ci::Args),
}

impl Cli {
    /// What computes.
    fn device(&self) -> device::Choice {
        let otherwise = match self.command {
            Command::GpuCheck(_) => device::Choice::Cuda(None),
            _ => device::Choice::Cpu,
        };
        self.global.device.unwrap_or(otherwise)
    }

    /// Runs the command.
    ///
    /// # Errors
    ///
    /// When it cannot do what was asked.
    pub fn run(&self, printer: Printer) -> Result<(), Failure> {
        if let Some(threads) = self.global.threads {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads.into())
                .build_global()
                .map_err(Failure::program)?;
        }
        stylegan_ops::allow_tf32(self.global.tf32);
        match &self.command {
            Command::Train(args) if !args.dry_run => {
                return ranks::all(self.device(), printer, |ranks, printer| {
                    commands::train::run(args, ranks, printer)
                });
            }
            Command::TrainPsp(_) => ranks::none("train-psp")?,
            _ => {}
        }
        device::choose(self.device(), 0)?;
        match &self.command {
            Command::Train(args) => commands::train::run(args, &Ranks::default(), printer),
            Command::Generate(args) => commands::generate::run(args, printer),
            Command::Mix(args) => commands::mix::run(args, printer),
            Command::Interpolate(args) => commands::interpolate::run(args, printer),
            Command::Truncate(args) => commands::truncate::run(args, printer),
            Command::TrainPsp(args) => commands::train_psp::run(args, printer),
            Command::Encode(args) => commands::encode::run(args, printer),
            Command::Project(args) => commands::project::run(args, printer),
            Command::Edit(args) => commands::edit::run(args, printer),
            Command::Import(args) => commands::import::run(args, printer),
            Command::Export(args) => commands::export::run(args, printer),
            Command::Prepare(args) => commands::prepare::run(args, printer),
            Command::Data(args) => commands::data::run(args, printer),
            Command::Inspect(args) => commands::inspect::run(args, printer),
            Command::Eval(args) => commands::eval::run(args, printer),
            Command::EvalFid(args) => commands::eval_fid::run(args, printer),
            Command::EvalLearning(args) => commands::eval_learning::run(args, printer),
            Command::Weights(args) => commands::weights::run(args, printer),
            Command::EvalPpl(args) => commands::eval_ppl::run(args, printer),
            Command::TrainClassifiers(args) => commands::train_classifiers::run(args, printer),
            Command::EvalSeparability(args) => commands::eval_separability::run(args, printer),
            Command::Bench(args) => commands::bench::run(args, printer),
            Command::GpuCheck(args) => commands::gpu_check::run(args, printer),
            Command::Docs(args) => commands::docs::run(args, printer),
            Command::Tidy(args) => commands::tidy::run(args, printer),
            Command::CheckCuda(args) => commands::check_cuda::run(args, printer),
            Command::Ci(args) => commands::ci::run(args, printer),
        }
    }
}

/// Prints help, or what is wrong with the command line: exit code 1 and a hint, like any mistake.
pub fn report(error: &clap::Error) -> ExitCode {
    let asked_for = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if asked_for {
        let _ = error.print();
        return ExitCode::from(u8::from(error.exit_code() != 0));
    }
    let said = error.to_string();
    let said = said.split("\n\nFor more information").next().unwrap_or_default();
    let printer = Printer::new(false);
    printer.note(said.trim_end());
    printer.note("hint: add --help to see what the command takes");
    ExitCode::from(1)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }
}
