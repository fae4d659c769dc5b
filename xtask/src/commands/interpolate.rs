//! `cargo xtask interpolate`: a loop through the pictures of several seeds, as an animated GIF
//! and, when asked, as frames.

use std::path::PathBuf;

use candle_core::Tensor;
use clap::ValueEnum;
use serde::Serialize;
use stylegan::{lerp, slerp};

use crate::drawing::{Artist, ModelArgs, OutArgs, psi};
use crate::failure::Failure;
use crate::output;
use crate::picture::{self, Picture};
use crate::printer::Printer;
use crate::seeds::Seeds;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Seeds to pass through; the last one leads back to the first
    #[arg(long, value_name = "LIST", default_value = "0-5")]
    pub seeds: Seeds,
    /// Frames from one seed to the next
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..))]
    pub steps: u16,
    /// Frames a second
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u8).range(1..=50))]
    pub fps: u8,
    /// Where to interpolate: straight in w, or along the sphere in z
    #[arg(long, value_enum, default_value_t = Space::W)]
    pub space: Space,
    /// Truncation psi
    #[arg(long, default_value = "0.7", value_parser = psi, allow_hyphen_values = true)]
    pub psi: f64,
    /// Truncate the layers below this index only
    #[arg(long, value_name = "LAYER", default_value_t = 8)]
    pub cutoff: usize,
    /// Also write every frame as PNG into this folder
    #[arg(long, value_name = "DIR")]
    pub frames: Option<PathBuf>,
    /// Where to.
    #[command(flatten)]
    pub out: OutArgs,
}

/// The space of `--space`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Space {
    /// Spherical interpolation of the latents.
    Z,
    /// Linear interpolation of the intermediate latents.
    W,
}

#[derive(Serialize)]
struct Written<'a> {
    path: &'a std::path::Path,
    frames: usize,
}

/// Draws and writes.
///
/// # Errors
///
/// When there is no model, or a file cannot be written.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let artist = Artist::open(&args.model, printer)?;
    let seeds = &args.seeds.0;
    if seeds.len() < 2 {
        return Err(Failure::user("an interpolation needs two seeds or more")
            .hint("name them as in --seeds 0,3,7-10"));
    }
    let styles = match args.space {
        Space::W => walk(&artist.styles(seeds)?, args.steps.into(), lerp)?,
        Space::Z => {
            let latents = artist.latents(seeds)?;
            // Interpolated directions get the length that a normal latent has on average, which
            // matters to a network without input normalisation.
            let length = (latents.dim(1)? as f64).sqrt();
            let along = |a: &Tensor, b: &Tensor, t| slerp(a, b, t)?.affine(length, 0.0);
            let latents = walk(&latents, args.steps.into(), along)?;
            let labels = artist.labels(seeds)?;
            let labels = labels.map(|labels| walk(&labels, args.steps.into(), lerp)).transpose()?;
            artist.styles_of(&latents, labels.as_ref())?
        }
    };
    let styles = artist.generator().truncate(&styles, args.psi, Some(args.cutoff))?;
    let frame_seeds = vec![seeds[0]; styles.dim(0)?];
    let frames = artist.draw(&styles, &frame_seeds, printer)?;
    let enlarge = args.out.enlarge.into();
    let frames: Vec<Picture> = frames.iter().map(|frame| frame.enlarged(enlarge)).collect();
    if let Some(folder) = &args.frames {
        for (number, frame) in frames.iter().enumerate() {
            let wanted = folder.join(format!("frame-{number:05}.png"));
            frame.save(&output::free_path(&wanted, args.out.force)?)?;
        }
        printer.note(&format!("{} frames in {}", frames.len(), folder.display()));
    }
    let path = args.out.path("interpolation.gif")?;
    picture::save_animation(&path, &frames, args.fps.into())?;
    printer.data(&path.display().to_string(), &Written { path: &path, frames: frames.len() })
}

/// `steps` points from each row to the next, the last leading back to the first.
fn walk(
    rows: &Tensor,
    steps: usize,
    between: impl Fn(&Tensor, &Tensor, f64) -> candle_core::Result<Tensor>,
) -> Result<Tensor, Failure> {
    let count = rows.dim(0)?;
    let mut points = Vec::with_capacity(count * steps);
    for index in 0..count {
        let from = rows.narrow(0, index, 1)?;
        let to = rows.narrow(0, (index + 1) % count, 1)?;
        for step in 0..steps {
            points.push(between(&from, &to, step as f64 / steps as f64)?);
        }
    }
    Ok(Tensor::cat(&points, 0)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn a_walk_closes_its_loop() {
        let rows = Tensor::new(&[[0f32], [4.0], [8.0]], &Device::Cpu).unwrap();
        let walk = walk(&rows, 2, lerp).unwrap().flatten_all().unwrap();
        assert_eq!(walk.to_vec1::<f32>().unwrap(), [0.0, 2.0, 4.0, 6.0, 8.0, 4.0]);
    }
}
