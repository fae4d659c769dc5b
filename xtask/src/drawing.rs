//! What the drawing commands share: finding a model, turning seeds into styles, styles into
//! pictures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use clap::ValueEnum;
use stylegan::{Codes, Generator, GeneratorConfig, Noise, NoiseKind, Precision, fingerprint};

use crate::device;
use crate::failure::{Failure, OrFail};
use crate::labels::{LabelArgs, LabelChoice};
use crate::model;
use crate::output;
use crate::picture::Picture;
use crate::printer::Printer;
use crate::progress::Progress;

/// Floats that one batch may hold in its largest feature maps: about 64 MB.
const BATCH_FLOATS: usize = 1 << 24;

/// Which model draws, and with what noise.
#[derive(clap::Args, Clone, Debug)]
pub struct ModelArgs {
    /// The model: a .safetensors file, a run's folder or a snapshot's; the newest run under runs/
    /// unless given
    #[arg(long, value_name = "PATH")]
    pub model: Option<PathBuf>,
    /// Noise inputs: the model's constant maps, fresh ones for each seed, or none
    #[arg(long, value_enum, default_value_t = NoiseMode::Const)]
    pub noise: NoiseMode,
    /// What to draw, where the model was trained with labels.
    #[command(flatten)]
    pub labels: LabelArgs,
}

/// Where a picture goes.
#[derive(clap::Args, Clone, Debug)]
pub struct OutArgs {
    /// The file to write; a name of the command's own under out/ unless given
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write over a file that is there, instead of numbering the new one
    #[arg(long)]
    pub force: bool,
    /// Enlarge by this whole factor, each pixel becoming a square
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub enlarge: u8,
}

impl OutArgs {
    /// The path to write, by default `out/<name>`.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn path(&self, name: &str) -> Result<PathBuf, Failure> {
        let wanted = self.out.clone().unwrap_or_else(|| PathBuf::from(output::FOLDER).join(name));
        output::free_path(&wanted, self.force)
    }
}

/// The noise inputs as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NoiseMode {
    /// No noise.
    None,
    /// The maps stored in the model: a seed always gives the same picture.
    Const,
    /// Maps drawn from the seed.
    Random,
}

/// What is drawn: styles, and what belongs to them.
pub struct Subjects {
    /// Styles `[N, layers, w_dim]`, in main memory.
    pub ws: Tensor,
    /// What each is: a seed, or its name in a file of codes.
    pub names: Vec<String>,
    /// The seed of each one's random noise.
    pub seeds: Vec<u64>,
    /// Noise maps of a file of codes.
    pub maps: BTreeMap<String, Tensor>,
}

/// A generator, ready to draw.
pub struct Artist {
    path: PathBuf,
    generator: Generator,
    noise: NoiseMode,
    labels: LabelChoice,
    lod: f64,
    device: Device,
}

impl Artist {
    /// Opens the model that was typed, or the newest one, and says on standard error which.
    ///
    /// # Errors
    ///
    /// When there is none, it cannot be read, or the labels that were typed do not fit it.
    pub fn open(args: &ModelArgs, printer: Printer) -> Result<Self, Failure> {
        let device = device::chosen().clone();
        let path = model::locate(args.model.as_deref(), printer)?;
        let generator = model::open_generator(&path, &device)?;
        printer.note(&format!("model: {}", path.display()));
        let lod = model::level_of_detail(&path)?;
        if lod > 0.0 {
            let resolution = generator.config().synthesis.resolution >> lod.floor() as usize;
            printer.note(&format!(
                "the run still grows: images are {resolution}x{resolution}, enlarged (lod {lod:.2})"
            ));
        }
        let labels = args.labels.of(&generator)?;
        Ok(Self { path, generator, noise: args.noise, labels, lod, device })
    }

    /// The codes of a file as they are or, without one, the styles of seeds, truncated to `psi` below layer `cutoff`; and an artist who
    /// draws them with the noise maps of the file.
    ///
    /// # Errors
    ///
    /// When the file holds no codes, or those of another model; as [`Self::labels`].
    pub fn subjects(
        self,
        codes: Option<&Path>,
        seeds: &[u64],
        (psi, cutoff): (f64, usize),
    ) -> Result<(Self, Subjects), Failure> {
        let Some(file) = codes else {
            let ws = self.generator.truncate(&self.styles(seeds)?, psi, Some(cutoff))?;
            let ws = ws.to_device(&Device::Cpu)?;
            let names = seeds.iter().map(|seed| format!("seed {seed}")).collect();
            let (seeds, maps) = (seeds.to_vec(), BTreeMap::new());
            return Ok((self, Subjects { ws, names, seeds, maps }));
        };
        let (config, tensors) = model::read_generator(&self.path, &self.device)?;
        let shape = (self.generator.num_layers(), config.synthesis.w_dim);
        let codes =
            Codes::load_for(file, &fingerprint(&tensors)?, shape).or_user().map_err(|failure| {
                failure.hint("codes can be used only with the model that they were made with")
            })?;
        let Codes { ws, names, noise: maps, .. } = codes;
        let artist =
            if maps.is_empty() { self } else { self.with_noise_maps(&config, tensors, &maps)? };
        let seeds = (0..ws.dim(0)? as u64).collect();
        Ok((artist, Subjects { ws, names, seeds, maps }))
    }

    /// The same with other noise maps in the places of the model's, by their names.
    ///
    /// # Errors
    ///
    /// When a map does not fit.
    fn with_noise_maps(
        mut self,
        config: &GeneratorConfig,
        mut tensors: BTreeMap<String, Tensor>,
        maps: &BTreeMap<String, Tensor>,
    ) -> Result<Self, Failure> {
        for (name, map) in maps {
            let fits = tensors.get(name).is_some_and(|own| own.shape() == map.shape());
            if !fits {
                let failure = Failure::user(format!(
                    "the codes' noise map `{name}` fits no map of the model"
                ));
                return Err(failure.hint("use the codes with the model that they were made with"));
            }
            tensors.insert(name.clone(), map.to_device(&self.device)?);
        }
        let builder =
            VarBuilder::from_tensors(tensors.into_iter().collect(), DType::F32, &self.device);
        let labels = self.generator.labels().clone();
        self.generator = Generator::new(config, builder)?.with_labels(labels);
        Ok(self)
    }

    /// The same, drawing in another precision.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { generator: self.generator.with_precision(precision), ..self }
    }

    /// The model's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The generator.
    pub fn generator(&self) -> &Generator {
        &self.generator
    }

    /// The latents of seeds, `[seeds, z_dim]`.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn latents(&self, seeds: &[u64]) -> Result<Tensor, Failure> {
        let z_dim = self.generator.config().mapping.z_dim;
        Ok(stylegan::latents(seeds, z_dim, &self.device)?)
    }

    /// The labels of seeds, `[seeds, label_dim]`; none for a model without labels.
    ///
    /// # Errors
    ///
    /// When the model's examples of labels are damaged.
    pub fn labels(&self, seeds: &[u64]) -> Result<Option<Tensor>, Failure> {
        self.labels.of_seeds(&self.generator, seeds, &self.device)
    }

    /// The styles of seeds, `[seeds, layers, w_dim]`, not truncated.
    ///
    /// # Errors
    ///
    /// As [`Self::labels`].
    pub fn styles(&self, seeds: &[u64]) -> Result<Tensor, Failure> {
        self.styles_of(&self.latents(seeds)?, self.labels(seeds)?.as_ref())
    }

    /// Latents `[N, z_dim]` and labels `[N, label_dim]` to styles `[N, layers, w_dim]`, not truncated.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn styles_of(&self, z: &Tensor, labels: Option<&Tensor>) -> Result<Tensor, Failure> {
        Ok(self.generator.broadcast(&self.generator.map(z, labels)?)?)
    }

    /// Styles `[N, layers, w_dim]` to N pictures. `seeds` name the noise of each picture where
    /// noise is random; a picture does not depend on those beside it.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn draw(
        &self,
        styles: &Tensor,
        seeds: &[u64],
        printer: Printer,
    ) -> Result<Vec<Picture>, Failure> {
        let count = styles.dim(0)?;
        let mut progress = Progress::new(printer, count as u64, "pictures");
        let mut pictures = Vec::with_capacity(count);
        while pictures.len() < count {
            let start = pictures.len();
            let length = self.batch().min(count - start);
            let noise = match self.noise {
                NoiseMode::None => Noise::None,
                NoiseMode::Const => Noise::Const,
                NoiseMode::Random => {
                    Noise::Random { seed: seeds[start], step: 0, kind: NoiseKind::Gaussian }
                }
            };
            let styles = styles.narrow(0, start, length)?.contiguous()?.to_device(&self.device)?;
            let images = self.generator.synthesize(&styles, self.lod, &noise)?;
            pictures.extend(Picture::from_tensor(&images)?);
            progress.advance(length as u64);
        }
        Ok(pictures)
    }

    /// Pictures at a time. Random noise is drawn for a batch as a whole, so that each picture
    /// needs its own.
    fn batch(&self) -> usize {
        if self.noise == NoiseMode::Random {
            return 1;
        }
        let synthesis = &self.generator.config().synthesis;
        let (height, width) = self.generator.synthesis().pyramid().full_size();
        let last = self.generator.synthesis().pyramid().blocks() - 1;
        let maps = synthesis.feature_maps().of_block(last).max(1);
        (BATCH_FLOATS / (height * width * maps)).clamp(1, 16)
    }
}

/// Checks that a truncation psi is a number.
///
/// # Errors
///
/// For anything else, in words that clap prints.
pub fn psi(typed: &str) -> Result<f64, String> {
    match typed.parse::<f64>() {
        Ok(psi) if psi.is_finite() => Ok(psi),
        _ => Err("psi is a number such as 0.7".to_owned()),
    }
}
