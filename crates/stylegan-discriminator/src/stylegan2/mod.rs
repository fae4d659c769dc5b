//! The discriminator of StyleGAN2 (Karras et al. 2020).

mod block;
mod labels;
mod network;
#[cfg(test)]
mod tests;

pub(crate) use network::Network;
