//! `cargo xtask inspect`: what a model, a checkpoint or a preset consists of.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use serde::Serialize;
use stylegan::{Discriminator, Generator, Parameters, is_buffer};
use stylegan_checkpoint::pickle::{Document, Tensor};
use stylegan_import::{Contents, Network};
use stylegan_trainer::config::{PRESETS, TrainConfig};

use super::import;
use crate::failure::{Failure, OrFail};
use crate::model;
use crate::printer::Printer;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A .safetensors file, another program's checkpoint, the folder of a run or a snapshot, or the name of a preset
    #[arg(value_name = "FILE|DIR|PRESET")]
    pub what: PathBuf,
}

/// What is known of one file or network.
#[derive(Debug, Serialize)]
struct Listing {
    /// A path or a name.
    of: String,
    /// The file's metadata; empty for a preset.
    metadata: BTreeMap<String, String>,
    tensors: Vec<Entry>,
    /// Scalars that are trained.
    parameters: usize,
    /// Scalars that are kept with them, but not trained.
    buffers: usize,
}

/// A tensor.
#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    dtype: String,
    shape: Vec<usize>,
    elements: usize,
}

impl Listing {
    fn new(of: String, metadata: BTreeMap<String, String>, tensors: Vec<Entry>) -> Self {
        let count = |buffers: bool| {
            let wanted = tensors.iter().filter(|entry| is_buffer(&entry.name) == buffers);
            wanted.map(|entry| entry.elements).sum()
        };
        Self { of, metadata, parameters: count(false), buffers: count(true), tensors }
    }

    /// The header of a file; its tensors are not read.
    fn of_file(path: &Path) -> Result<Self, Failure> {
        let inspection = stylegan_checkpoint::inspect(path)
            .or_user()
            .map_err(|failure| failure.hint("inspect reads files in the safetensors format"))?;
        let entry = |(name, info): (String, stylegan_checkpoint::TensorInfo)| Entry {
            elements: info.elements(),
            name,
            dtype: info.dtype,
            shape: info.shape,
        };
        let tensors = inspection.tensors.into_iter().map(entry).collect();
        Ok(Self::new(path.display().to_string(), inspection.metadata, tensors))
    }

    /// A network of another program's file; its numbers are not read.
    fn of_network(contents: &Contents, network: &Network, document: &Document) -> Self {
        let mut metadata = network.settings.clone();
        let mut tell = |key: &str, value: String| drop(metadata.insert(key.to_owned(), value));
        tell("container", document.container().to_string());
        tell("bytes", grouped(document.bytes()));
        tell("dialect", contents.dialect.to_string());
        tell("network", network.role.to_string());
        match contents.check(network) {
            Ok(model) => tell("model", model.title()),
            Err(error) => tell("cannot be imported", error.to_string()),
        }
        contents.rest.iter().for_each(|(key, value)| tell(key, value.clone()));
        let entry = |(name, tensor): (&String, &Tensor)| Entry {
            name: name.clone(),
            dtype: tensor.element().name().to_owned(),
            shape: tensor.shape().to_vec(),
            elements: tensor.elements(),
        };
        let tensors = network.tensors.iter().map(entry).collect();
        let name =
            if network.name.is_empty() { String::new() } else { format!(": {}", network.name) };
        Self::new(format!("{}{name}", document.path().display()), metadata, tensors)
    }

    fn of_parameters(of: String, parameters: &Parameters) -> Self {
        let entry = |(name, var): (String, candle_core::Var)| Entry {
            name,
            dtype: var.dtype().as_str().to_uppercase(),
            shape: var.dims().to_vec(),
            elements: var.elem_count(),
        };
        Self::new(of, BTreeMap::new(), parameters.all().into_iter().map(entry).collect())
    }

    /// The listing for people: a line a tensor, in columns.
    fn plain(&self) -> String {
        let shape = |entry: &Entry| format!("{:?}", entry.shape);
        let widest = |of: &dyn Fn(&Entry) -> usize| self.tensors.iter().map(of).max().unwrap_or(0);
        let names = widest(&|entry| entry.name.len());
        let shapes = widest(&|entry| shape(entry).len());
        let mut lines = vec![self.of.clone()];
        for (key, value) in &self.metadata {
            lines.push(format!("  {key} = {value}"));
        }
        for entry in &self.tensors {
            let kind = if is_buffer(&entry.name) { "  buffer" } else { "" };
            let (name, shape) = (&entry.name, shape(entry));
            let elements = grouped(entry.elements);
            lines.push(format!("  {name:names$}  {shape:shapes$}  {elements:>12}{kind}"));
        }
        let (parameters, buffers) = (grouped(self.parameters), grouped(self.buffers));
        let count = self.tensors.len();
        lines.push(format!("  {count} tensors, {parameters} parameters, {buffers} in buffers"));
        lines.join("\n")
    }
}

/// A number with its digits in threes: `26,219,627`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Prints.
///
/// # Errors
///
/// When there is no such thing, or a file is damaged.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    for listing in listings(&args.what, printer)? {
        printer.data(&listing.plain(), &listing)?;
    }
    Ok(())
}

fn listings(what: &Path, printer: Printer) -> Result<Vec<Listing>, Failure> {
    if what.is_file() {
        return if is_foreign(what)? { foreign(what) } else { Ok(vec![Listing::of_file(what)?]) };
    }
    if what.is_dir() {
        let model = model::locate(Some(what), printer)?;
        let folder = model.parent().unwrap_or(Path::new("."));
        let entries = std::fs::read_dir(folder).or_user_with(|| folder.display().to_string())?;
        let paths = entries.flatten().map(|entry| entry.path());
        let wanted = |path: &PathBuf| path.extension().is_some_and(|e| e == "safetensors");
        let mut files: Vec<PathBuf> = paths.filter(wanted).collect();
        files.sort();
        return files.iter().map(|file| Listing::of_file(file)).collect();
    }
    preset(&what.to_string_lossy())
}

/// Whether a file begins as a pickle or a PyTorch file.
fn is_foreign(path: &Path) -> Result<bool, Failure> {
    let mut start = [0; 4];
    let file = File::open(path).or_user_with(|| format!("cannot open `{}`", path.display()))?;
    let read = file.take(4).read(&mut start).or_user_with(|| path.display().to_string())?;
    Ok(Document::is_likely(&start[..read]))
}

/// The networks of another program's file.
fn foreign(path: &Path) -> Result<Vec<Listing>, Failure> {
    let document = import::open(path)?;
    let contents = Contents::of(&document).map_err(import::failure)?;
    let listing = |network| Listing::of_network(&contents, network, &document);
    Ok(contents.networks.iter().map(listing).collect())
}

/// The networks of a preset, built and thrown away.
fn preset(name: &str) -> Result<Vec<Listing>, Failure> {
    let config = TrainConfig::preset(name).map_err(|_| {
        let names = PRESETS.map(|(name, _)| name).join(", ");
        Failure::user(format!("there is no file, folder or preset `{name}`"))
            .hint(format!("the presets are {names}"))
    })?;
    let parameters = || Parameters::new(0, DType::F32, &Device::Cpu);
    let (generator, discriminator) = (parameters(), parameters());
    Generator::new(&config.generator_config(0), generator.builder())?;
    Discriminator::new(&config.discriminator_config(0), discriminator.builder())?;
    Ok(vec![
        Listing::of_parameters(format!("{name}: generator"), &generator),
        Listing::of_parameters(format!("{name}: discriminator"), &discriminator),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_from_the_right() {
        assert_eq!([7, 1000, 26_219_627].map(grouped), ["7", "1,000", "26,219,627"]);
    }

    #[test]
    fn parameters_and_buffers_are_counted_apart() {
        let entry = |name: &str, elements| Entry {
            name: name.to_owned(),
            dtype: "F32".to_owned(),
            shape: vec![elements],
            elements,
        };
        let tensors = vec![entry("w_avg", 3), entry("b4.conv1.bias", 4)];
        let listing = Listing::new("x".to_owned(), BTreeMap::new(), tensors);
        assert_eq!((listing.parameters, listing.buffers), (4, 3));
        assert!(listing.plain().contains("2 tensors, 4 parameters, 3 in buffers"));
    }
}
