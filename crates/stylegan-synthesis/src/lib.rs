//! Synthesis networks: styles to images.
//!
//! One network covers the configurations A to F of the StyleGAN paper (table 1 of Karras et al.
//! 2019) and the generator of Progressive GAN (configuration A: traditional input, pixel norm, no
//! blur, no styles): see [`SynthesisConfig`]. Its key `stylegan2` selects StyleGAN2's network (Karras et al. 2020), whose image can
//! be differentiated with respect to the styles by [`Synthesis::forward_with_vjp`].

mod config;
pub mod noise;
mod stylegan1;
mod stylegan2;
mod synthesis;

#[cfg(test)]
mod tests;

pub use config::{SynthesisConfig, Upscale};
pub use noise::{Noise, NoiseKind};
pub use stylegan2::StylesTape;
pub use synthesis::Synthesis;
