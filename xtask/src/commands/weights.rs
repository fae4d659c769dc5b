//! `cargo xtask weights`: published weights on this machine: listed, fetched, verified, converted.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Subcommand;
use serde::Serialize;
use stylegan_import::{Contents, Role};

use crate::commands::import;
use crate::failure::{Failure, OrFail};
use crate::interrupt;
use crate::printer::Printer;
use crate::progress::Progress;
use crate::weights::download::{Download, DownloadError};
use crate::weights::{Published, cache, find, published};

/// Connections that bring nothing before a fetch is given up.
const TRIES: u32 = 5;

/// How long one connection may take.
const PATIENCE: Duration = Duration::from_secs(900);

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// List the networks, their terms, and which are on this machine
    List,
    /// Fetch files from where their authors publish them; an interrupted fetch goes on where it stopped
    Fetch {
        /// The networks; all unless given
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Ask no server: succeed if all files are there and whole
        #[arg(long)]
        offline: bool,
    },
    /// Check files against the checksums that their publishers state
    Verify {
        /// The networks; those on this machine unless given
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Write a published file as safetensors beside it, checked tensor by tensor
    Convert {
        /// The networks; those on this machine unless given
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Take this file instead of the cache's; needs exactly one NAME
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
}

/// A line of output.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    title: &'a str,
    used_for: &'a str,
    licence: &'a str,
    bytes: u64,
    path: PathBuf,
    state: &'a str,
}

/// Does it.
///
/// # Errors
///
/// When a file cannot be had or is not what was published.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let cache = cache()?;
    match &args.action {
        Action::List => list(&cache, printer),
        Action::Fetch { names, offline } => fetch(&cache, names, *offline, printer),
        Action::Verify { names } => {
            for network in chosen(names, &cache)? {
                let path = network.path(&cache);
                verify(&network, &path)?;
                say(&network, path, "whole", printer)?;
            }
            Ok(())
        }
        Action::Convert { names, from } => {
            let networks = chosen(names, &cache)?;
            if from.is_some() && networks.len() != 1 {
                return Err(Failure::user("--from is the file of one network")
                    .hint("name the network: `cargo xtask weights convert vgg16 --from FILE`"));
            }
            for network in networks {
                let source = from.clone().unwrap_or_else(|| network.path(&cache));
                let target = network.converted(&cache);
                convert(&network, &source, &target, printer)?;
                say(&network, target, "converted", printer)?;
            }
            Ok(())
        }
    }
}

fn list(cache: &Path, printer: Printer) -> Result<(), Failure> {
    for network in published()? {
        let (path, state) = if network.converted(cache).is_file() {
            (network.converted(cache), "converted")
        } else if network.path(cache).is_file() {
            (network.path(cache), "here")
        } else if Download::part(&network.path(cache)).is_file() {
            (Download::part(&network.path(cache)), "begun")
        } else {
            (network.path(cache), "missing")
        };
        say(&network, path, state, printer)?;
    }
    Ok(())
}

fn say(network: &Published, path: PathBuf, state: &str, printer: Printer) -> Result<(), Failure> {
    let Published { name, title, used_for, licence, bytes, .. } = network;
    let megabytes = *bytes as f64 / 1e6;
    let plain = format!(
        "{name:<11} {state:<9} {megabytes:>6.1} MB  {title}\n    for {used_for}\n    terms: {licence}\n    {}",
        path.display()
    );
    let line = Line { name, title, used_for, licence, bytes: *bytes, path, state };
    printer.data(&plain, &line)
}

/// The named networks, or those whose files are there.
fn chosen(names: &[String], cache: &Path) -> Result<Vec<Published>, Failure> {
    if !names.is_empty() {
        return names.iter().map(|name| find(name)).collect();
    }
    let here: Vec<_> =
        published()?.into_iter().filter(|network| network.path(cache).is_file()).collect();
    if here.is_empty() {
        return Err(Failure::user(format!("no published weights are in {}", cache.display()))
            .hint("`cargo xtask weights fetch` gets them"));
    }
    Ok(here)
}

fn verify(network: &Published, path: &Path) -> Result<(), Failure> {
    let name = &network.name;
    let hint = format!("`cargo xtask weights fetch {name}` gets it");
    let found = stylegan_features::sha256(path)
        .or_user_with(|| format!("cannot read the weights of {name} at {}", path.display()))
        .map_err(|failure| failure.hint(hint.clone()))?;
    if found.starts_with(&network.sha256) {
        return Ok(());
    }
    let expected = &network.sha256;
    let length = fs::metadata(path).map_or(0, |metadata| metadata.len());
    Err(Failure::user(format!(
        "{} is not the published file: its SHA-256 begins with {}, not {expected}; it has {length} bytes of {}",
        path.display(),
        &found[..expected.len()],
        network.bytes
    ))
    .hint(format!("remove it, then {hint}")))
}

fn fetch(cache: &Path, names: &[String], offline: bool, printer: Printer) -> Result<(), Failure> {
    let networks = match names {
        [] => published()?,
        names => names.iter().map(|name| find(name)).collect::<Result<_, _>>()?,
    };
    let stop =
        interrupt::on_ctrl_c(printer, "stopping; what came is kept (again to stop at once)")?;
    for network in networks {
        let path = network.path(cache);
        if path.is_file() {
            verify(&network, &path)?;
        } else if offline {
            let name = &network.name;
            return Err(Failure::user(format!(
                "the weights of {name} are not at {}",
                path.display()
            ))
            .hint(format!("leave --offline away, or put the file of {} there", network.url)));
        } else {
            printer.note(&format!("{}: {} ({})", network.name, network.url, network.licence));
            let mut bar = None;
            let mut progress = |done: u64, total: Option<u64>| {
                let total = total.unwrap_or(network.bytes);
                let bar = bar.get_or_insert_with(|| Progress::new(printer, total, "bytes"));
                bar.reach(done.max(1));
                !stop.load(Ordering::Relaxed)
            };
            let sha256 = &network.sha256;
            let (url, tries, patience) = (&network.url, TRIES, PATIENCE);
            let download = Download { url, sha256, path: &path, tries, patience };
            download.run(&mut progress).map_err(failure)?;
        }
        say(&network, path, "here", printer)?;
    }
    Ok(())
}

/// Whose mistake a failed fetch is, and what to try.
fn failure(error: DownloadError) -> Failure {
    let hint = match &error {
        DownloadError::Status { .. } => {
            "the file may have moved: get it another way, and name it with --weights NAME=FILE"
        }
        DownloadError::Connection { .. } | DownloadError::CutOff { .. } => {
            "check the connection and run it again: it goes on where it stopped"
        }
        DownloadError::Checksum { .. } => {
            "something between here and there changes files: get it another way, and check it with `cargo xtask weights verify`"
        }
        DownloadError::Disk { .. } => {
            "check that the disk has room, or set STYLEGAN_CACHE to another folder"
        }
        DownloadError::Stopped { .. } => "run it again: it goes on where it stopped",
    };
    Failure::user_error(error).hint(hint)
}

/// Writes the tensors of a published file as safetensors.
fn convert(
    network: &Published,
    source: &Path,
    target: &Path,
    printer: Printer,
) -> Result<(), Failure> {
    let document = import::open(source).map_err(|failure| {
        failure.hint(format!("`cargo xtask weights verify {}`", network.name))
    })?;
    let contents = Contents::of(&document).map_err(import::failure)?;
    let features = contents.network(Role::Features).map_err(import::failure)?;
    let converted = contents.convert(features).map_err(import::failure)?;
    printer.note(&format!("{}: {}", contents.dialect, converted.model.title()));
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).or_user_with(|| format!("cannot make {}", folder.display()))?;
    }
    converted.save(target).map_err(import::failure)
}
