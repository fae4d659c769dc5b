//! The StyleGAN lineage for other people's programs: generators and discriminators, their
//! presets, and files that hold them.
//!
//! ```
//! use candle_core::{DType, Device};
//! use stylegan::{GenerateOptions, Generator, GeneratorConfig, Parameters, latents};
//!
//! # fn main() -> candle_core::Result<()> {
//! let mut config = GeneratorConfig::default();
//! config.synthesis.resolution = 16;
//! config.synthesis.fmap_max = 32;
//! let parameters = Parameters::new(0, DType::F32, &Device::Cpu);
//! let generator = Generator::new(&config, parameters.builder())?;
//! let z = latents(&[1, 2], config.mapping.z_dim, &Device::Cpu)?;
//! let images = generator.generate(&z, None, &GenerateOptions::default())?;
//! assert_eq!(images.dims(), [2, 3, 16, 16]);
//! # Ok(())
//! # }
//! ```
//!
//! A trained generator is opened from one file with [`load_generator`]. [`projector`] finds the code of an image, [`editing`] directions in which
//! codes are changed, and [`Codes`] keeps codes in a file.

mod codes;
mod config;
mod file;
mod generator;
mod labels;
mod latents;

pub mod editing;
pub mod projector;

#[cfg(test)]
mod tests;

pub use codes::{Codes, CodesError};
pub use config::GeneratorConfig;
pub use file::{
    ModelError, fingerprint, generator_metadata, labels_metadata, load_generator, read_generator,
    save_generator,
};
pub use generator::{GenerateOptions, Generator};
pub use labels::Labels;
pub use latents::{latents, lerp, slerp};
pub use stylegan_discriminator::{
    Discriminator, DiscriminatorConfig, Downscale, LabelHead, Scores, Tape,
};
pub use stylegan_layers::{
    Architecture, FloatFormat, FusedScale, Parameters, Precision, Pyramid, PyramidError, Shapes,
    Structure, UnknownFormat, is_buffer, parameter_count, shapes_of,
};
pub use stylegan_mapping::{
    MappingConfig, MappingNetwork, broadcast, mix, truncate, updated_average,
};
pub use stylegan_synthesis::{Noise, NoiseKind, StylesTape, Synthesis, SynthesisConfig, Upscale};
