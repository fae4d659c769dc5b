//! StyleGAN2 (Karras et al. 2020).

mod doubling;
mod layer;
mod network;
mod tape;
#[cfg(test)]
mod tests;

pub(crate) use network::Network;
pub use tape::StylesTape;
