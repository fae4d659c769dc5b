//! Synthesis networks: styles to images.
//!
//! One network covers the configurations A to F of the StyleGAN paper (table 1 of Karras et al.
//! 2019) and the generator of Progressive GAN (configuration A: traditional input, pixel norm, no
//! blur, no styles): see [`SynthesisConfig`].

mod config;
mod epilogue;
mod network;
pub mod noise;

#[cfg(test)]
mod tests;

pub use config::SynthesisConfig;
pub use network::Synthesis;
pub use noise::{Noise, NoiseKind};
