//! The mapping network of StyleGAN: latents (and labels) to intermediate latents, and what is
//! done to those before they enter synthesis.
//!
//! * [`MappingNetwork`]: `z` to `w` (Karras et al. 2019, section 2);
//! * [`broadcast`], [`mix`], [`truncate`]: one `w` a layer, style mixing (section 3.1), the
//!   truncation trick in W (appendix B);
//! * [`updated_average`]: the moving average of `w` that truncation pulls towards.

mod config;
mod network;
mod styles;

#[cfg(test)]
mod tests;

pub use config::{MappingConfig, MappingConfigError};
pub use network::MappingNetwork;
pub use styles::{broadcast, mix, truncate, updated_average};
