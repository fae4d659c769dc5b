//! StyleGAN2 (Karras et al. 2020).

mod layer;
mod network;
mod tape;

pub(crate) use network::Network;
pub use tape::StylesTape;
