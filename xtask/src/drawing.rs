//! What the drawing commands share: finding a model, turning seeds into styles, styles into
//! pictures.

use std::path::PathBuf;

use candle_core::{Device, Tensor};
use clap::ValueEnum;
use stylegan::{Generator, Noise, NoiseKind};

use crate::failure::{Failure, OrFail};
use crate::model;
use crate::output;
use crate::picture::Picture;
use crate::printer::Printer;
use crate::progress::Progress;
use crate::seeds::Seeds;

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
    /// Labels to draw, as indices such as 3 or 0,4; a model trained with --classes needs it
    #[arg(long, value_name = "LIST")]
    pub class: Option<Seeds>,
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

/// A generator, ready to draw.
pub struct Artist {
    generator: Generator,
    noise: NoiseMode,
    label: Option<Vec<f32>>,
    lod: f64,
    device: Device,
}

impl Artist {
    /// Opens the model that was typed, or the newest one, and says on standard error which.
    ///
    /// # Errors
    ///
    /// When there is none, it cannot be read, or `--class` does not fit it.
    pub fn open(args: &ModelArgs, printer: Printer) -> Result<Self, Failure> {
        let device = Device::Cpu;
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
        let label = label(args.class.as_ref(), generator.config().mapping.label_dim)?;
        Ok(Self { generator, noise: args.noise, label, lod, device })
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

    /// Latents `[N, z_dim]` to styles `[N, layers, w_dim]`, not truncated.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn styles(&self, z: &Tensor) -> Result<Tensor, Failure> {
        let labels = match &self.label {
            None => None,
            Some(label) => {
                let label = Tensor::new(label.as_slice(), &self.device)?.unsqueeze(0)?;
                Some(label.repeat((z.dim(0)?, 1))?)
            }
        };
        let w = self.generator.map(z, labels.as_ref())?;
        Ok(self.generator.broadcast(&w)?)
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
            let styles = styles.narrow(0, start, length)?.contiguous()?;
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

/// The label's components, ones at the typed indices.
fn label(typed: Option<&Seeds>, dim: usize) -> Result<Option<Vec<f32>>, Failure> {
    match (typed, dim) {
        (None, 0) => Ok(None),
        (Some(_), 0) => Err(Failure::user("this model was trained without labels")
            .hint("leave --class away, or train one with `cargo xtask train --classes`")),
        (None, dim) => {
            Err(Failure::user(format!("this model has {dim} labels, and none was named"))
                .hint(format!("add --class with indices from 0 to {}", dim - 1)))
        }
        (Some(typed), dim) => {
            let mut label = vec![0.0; dim];
            for &index in &typed.0 {
                let place = usize::try_from(index).ok().and_then(|index| label.get_mut(index));
                let place = place.ok_or(format!("this model has no label {index}")).or_user();
                *place.map_err(|f| f.hint(format!("labels go from 0 to {}", dim - 1)))? = 1.0;
            }
            Ok(Some(label))
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_checked_against_the_model() {
        let typed = |text: &str| text.parse::<Seeds>().unwrap();
        assert_eq!(label(None, 0).unwrap(), None);
        assert_eq!(label(Some(&typed("0,2")), 3).unwrap(), Some(vec![1.0, 0.0, 1.0]));
        for (typed, dim, said) in [
            (Some(typed("3")), 3, "no label 3"),
            (Some(typed("0")), 0, "without labels"),
            (None, 3, "has 3 labels"),
        ] {
            let failure = label(typed.as_ref(), dim).unwrap_err().to_string();
            assert!(failure.contains(said), "{failure}");
        }
    }
}
